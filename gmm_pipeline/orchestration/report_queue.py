"""Hands what a run reports from its threads to the thread that records it in Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Thread

from gmm_pipeline.fits.progress import Outcome, Progress, StageReport


class ReportQueue:
    """Queues what a run reports, after another listener has heard of it.

    Parameters
    ----------
    then : Progress
        The other listener.

    Attributes
    ----------
    reports : queue.SimpleQueue
        Published stages, columns that ended, and remarks.
    """

    def __init__(self, then: Progress) -> None:
        self.reports: SimpleQueue[StageReport | Outcome | str] = SimpleQueue()
        self._then = then

    def start(self, column: str, stages: int) -> None:
        """Tell the other listener alone."""
        self._then.start(column, stages)

    def stage(self, report: StageReport) -> None:
        """Queue the report."""
        self._then.stage(report)
        self.reports.put(report)

    def finish(self, outcome: Outcome) -> None:
        """Queue the outcome."""
        self._then.finish(outcome)
        self.reports.put(outcome)

    def stopping(self) -> None:
        """Tell the other listener alone."""
        self._then.stopping()

    def remark(self, message: str) -> None:
        """Queue the remark."""
        self._then.remark(message)
        self.reports.put(message)


@contextmanager
def stopped_by_errors(working: Thread, stopping: Event) -> Iterator[None]:
    """Stop a run and wait for its thread if what it reports cannot be recorded."""
    try:
        yield
    except GeneratorExit:
        # Dagster gave the run up. Python then closes its generator in any thread, perhaps in one of
        # those that would be waited for.
        stopping.set()
        raise
    except BaseException:
        stopping.set()
        working.join()
        raise

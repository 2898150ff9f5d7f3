"""Running the stages of columns through Dagster, several at once, in this process and in others."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event

from gmm_pipeline.fits.concurrency import Concurrency
from gmm_pipeline.fits.progress import Outcome, Progress
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.fits.stages import Stage
from gmm_pipeline.orchestration.column_processes import ColumnProcesses, ProcessGoneError
from gmm_pipeline.orchestration.column_runner import ColumnRun, ColumnRunner
from gmm_pipeline.orchestration.interruptible import call_at_once

_PROCESS_GONE = "its process ended, for want of memory perhaps; go on by `gmm-pipeline retry`, with less --memory"


class DagsterRunner:
    """Runs columns of one fit, several at once where that helps: while one is fitted, another is
    passed over.

    Parameters
    ----------
    spec : FitSpec
    store : Path
    threads : int
        Of the local engine, for each column in work; 0 means one per core.
    memory : int
        Bytes that this process and those that it starts may hold; 0 means what suits the machine.
    """

    def __init__(self, spec: FitSpec, store: Path, threads: int = 0, memory: int = 0) -> None:
        self._concurrency = Concurrency.of(spec, threads, memory)
        self._make = partial(
            ColumnRunner, spec, store, threads, self._concurrency.memory_of_a_column
        )
        self._stopping = Event()
        self._runner = self._make(self._stopping)
        self._working: set[str] = set()

    def run(
        self, work: Mapping[str, Sequence[Stage]], progress: Progress, tags: Mapping[str, str]
    ) -> list[Outcome]:
        """Run some stages of each of some columns, and return what became of them, in their order.

        Raises
        ------
        KeyboardInterrupt
            If this process is interrupted, once the stages in work have ended. At a second
            interruption the process ends at once.
        """
        concurrency = self._concurrency.over(len(work))
        asked = [
            ColumnRun(str(uuid.uuid4()), column, tuple(stages), tags)
            for column, stages in work.items()
        ]
        with ColumnProcesses(self._make, concurrency.processes - 1) as processes:
            runs = [partial(self._run, each, progress, processes) for each in asked]
            if concurrency.columns == 1:
                return [run() for run in runs]

            def stop() -> None:
                self._stopping.set()
                processes.stop()
                progress.stopping()

            return call_at_once(runs, concurrency.columns, stop, partial(self._abandon, processes))

    def _run(self, asked: ColumnRun, progress: Progress, processes: ColumnProcesses) -> Outcome:
        """Run some of a column's stages in order, in another process if one is free."""
        progress.start(asked.column, len(asked.stages))
        started = time.perf_counter()
        self._working.add(asked.run_id)
        try:
            with processes.free() as process:
                error = (process or self._runner).run(asked, partial(progress.stage, asked.column))
        except ProcessGoneError:
            error = _PROCESS_GONE
            self._runner.give_up(asked.run_id, error)
        self._working.discard(asked.run_id)
        outcome = Outcome(asked.column, time.perf_counter() - started, error)
        progress.finish(outcome)
        return outcome

    def _abandon(self, processes: ColumnProcesses) -> None:
        """End this process, and what is in work with it: as after a crash, nothing is
        half-visible.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        processes.end()
        for run_id in tuple(self._working):
            self._runner.give_up(run_id, "Interrupted.")
        os._exit(1)

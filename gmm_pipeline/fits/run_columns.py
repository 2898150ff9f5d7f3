"""Runs the stages of several columns, several columns at once in threads."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.compile_ahead import compile_ahead
from gmm_pipeline.core.compilation import tell_compilation
from gmm_pipeline.errors import PipelineError, disk_error
from gmm_pipeline.fits.checks import judge
from gmm_pipeline.fits.column_stages import (
    ColumnStages,
    Refit,
    has_failed,
    publish,
    record_failure,
)
from gmm_pipeline.fits.progress import Outcome, Progress, StageReport
from gmm_pipeline.fits.snapshots import commit

if TYPE_CHECKING:
    from gmm_pipeline.engines.engine import Engine
    from gmm_pipeline.fits.prepare import Prepared
    from gmm_pipeline.fits.stages import Stage
    from gmm_pipeline.store.result import Product, Result


@dataclass(frozen=True)
class ColumnsRun:
    """A run over columns of a fit.

    Parameters
    ----------
    prepared : Prepared
        The fit, with its source open.
    work : dict of str to sequence of Stage
        The stages to do, in order, by column.
    refit : Refit
    columns_at_once : int
    engine : callable
        Returns the engine.
    blocking : sequence of str
        Names of checks whose failure ends a column's run.
    stopping : threading.Event
        Once it is set, no further stage begins.
    """

    prepared: Prepared
    work: Mapping[str, Sequence[Stage]]
    refit: Refit
    columns_at_once: int
    engine: Callable[[], Engine]
    blocking: Sequence[str] = ()
    stopping: Event = field(default_factory=Event)

    def execute(self, progress: Progress) -> list[Outcome]:
        """Run all columns and return how they ended, in their order.

        A failure ends its own column only. Columns that a stop kept from their end are left out.
        Readers see the results once they are committed, whatever ended the run.

        Parameters
        ----------
        progress : Progress
            Listens, from the threads that the columns run in.
        """
        compile_ahead()
        with (
            tell_compilation(progress.remark),
            ThreadPoolExecutor(self.columns_at_once, "column") as pool,
        ):
            ended = pool.map(lambda column: self._column(column, progress), self.work)
            return [outcome for outcome in ended if outcome is not None]

    def commit(self) -> None:
        """Let readers see the results.

        Those of all columns: a run that was killed may have left some that no reader sees yet.
        """
        commit(self.prepared.spec, self.prepared.folder, self.prepared.spec.columns)

    def _column(self, name: str, progress: Progress) -> Outcome | None:
        """Run a column's stages in order; None if a stop kept it from its end."""
        if self.stopping.is_set():
            return None
        folder, settings = self.prepared.folder.column(name), self.prepared.spec.settings.of(name)
        stages = ColumnStages(name, folder, settings, self.engine, lambda: self.prepared)
        progress.start(name, len(self.work[name]))
        started = time.perf_counter()

        def ended(**how: object) -> Outcome:
            outcome = Outcome(name, time.perf_counter() - started, **how)  # type: ignore[arg-type]
            progress.finish(outcome)
            return outcome

        for stage in self.work[name]:
            if self.stopping.is_set():
                return None
            try:
                report = self._stage(stages, stage)
            except Exception as raised:  # noqa: BLE001 - one column's failure is its own
                error = disk_error(raised) or raised
                return ended(error=_message(error), stage=stage, traceback=_unexpected(error))
            progress.stage(report)
            if refusal := self._refusal(report):
                record_failure(folder, stage.name, PipelineError(refusal))
                return ended(error=refusal, stage=stage)
        return ended()

    def _stage(self, stages: ColumnStages, stage: Stage) -> StageReport:
        """Compute, publish and judge a stage."""
        repaired = has_failed(stages.folder, stage.name)
        product = stages.product(stage, self.refit)
        result = publish(stages.folder, product)
        illustrations, undrawn = illustrate(product, result)
        verdicts = judge(stage, stages.folder)
        return StageReport(stages.name, stage, result, verdicts, illustrations, undrawn, repaired)

    def _refusal(self, report: StageReport) -> str:
        """Say which blocking checks failed; empty if none did."""
        failed = [
            f"check {check.name}: {verdict.reason}"
            for check, verdict in report.verdicts.items()
            if check.name in self.blocking and not verdict.passed
        ]
        return f"stopped after {report.stage.name} by {'; '.join(failed)}" if failed else ""


def illustrate(product: Product, result: Result) -> tuple[Mapping[str, str], str]:
    """Return pictures and tables of a result as Markdown, and why it could not be drawn, if so."""
    try:
        return product.illustrate(result), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, the result is complete
        return {}, f"the result cannot be drawn: {error!r}"


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, PipelineError) else f"{type(error).__name__}: {error}"


def _unexpected(error: Exception) -> str:
    """Return where an error came from, unless it is one that tells the user what to do."""
    if isinstance(error, PipelineError):
        return ""
    return "".join(traceback.format_exception(error))

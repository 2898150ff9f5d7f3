"""Taking samples of a table through all stages, apart from every store and every history, to see
what it takes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.engines.local.machine import forget_peak_memory, peak_memory, write_speed
from gmm_pipeline.engines.local.partitioning import partition_column
from gmm_pipeline.engines.parts import ROWS_PER_TASK
from gmm_pipeline.errors import PipelineError
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.fits.concurrency import Concurrency
from gmm_pipeline.fits.prepare import prepare_stored
from gmm_pipeline.fits.progress import Unwatched
from gmm_pipeline.fits.projection import (
    PassCost,
    Projection,
    SampledCost,
    StageCost,
    busiest,
    project,
)
from gmm_pipeline.fits.sample_engine import SampleEngine
from gmm_pipeline.fits.stages import RAW, STAGES, TRANSFORMED
from gmm_pipeline.orchestration.instance import instances_in_stores
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.open_table import open_table
from gmm_pipeline.tables.sampled_rows import row_groups, sampled_ranges, write_sample

if TYPE_CHECKING:
    from gmm_pipeline.arrow.parquet_column import ParquetColumn
    from gmm_pipeline.engines.engine import Engine
    from gmm_pipeline.fits.settings import ColumnSettings
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.store.result import Product, Result

_FEW_OF_MANY = 4
"""How many times as many rows the large sample of a column has as the small one."""
_ROWS_TO_GET_READY = 1000
"""So few that getting ready is all that they take."""
_LONGEST_LOADING = 3.0
"""Seconds in which kernels are loaded from where they are cached; they were compiled if it took
more, which is once.
"""


@dataclass(frozen=True)
class SampleRun:
    """What was measured on a sample, and what it lets expect.

    Parameters
    ----------
    rows : int
        Of the sample.
    costs : tuple of SampledCost
        Of the columns that were measured.
    around : float
        Seconds of a run besides its stages.
    failures : dict of str to str
        Why columns failed.
    projection : Projection or None
        None if all of them failed.
    peak_memory : int or None
        Bytes that a process holds at most, by what this one held; None where the system does not
        tell.
    write_speed : float
        Bytes a second that the disk takes.
    """

    rows: int
    costs: tuple[SampledCost, ...]
    around: float
    failures: Mapping[str, str]
    projection: Projection | None
    peak_memory: int | None
    write_speed: float


def run_sample(
    spec: FitSpec,
    table: LocalTable,
    most_columns: int,
    folder: Path,
    *,
    threads: int = 0,
    memory: int = 0,
) -> SampleRun:
    """Take some columns of a table through all stages, on rows that keep all threads at work, in a
    folder.

    Parameters
    ----------
    spec : FitSpec
        The whole job.
    table : LocalTable
    most_columns : int
        How many columns are measured; they are spread over the types.
    folder : Path
        An empty folder on the disk that the results would be on.
    threads : int
        Of the local engine; 0 means one per core.
    memory : int
        Bytes that a run may hold; 0 means what suits the machine.
    """
    threads = threads or os.cpu_count() or 1
    concurrency = Concurrency.of(spec, threads, memory)
    columns = spread_columns(table, spec.columns, most_columns)
    speed = write_speed(folder)
    ranges = sampled_ranges(row_groups(table), threads * ROWS_PER_TASK)
    waiting = write_sample(table, columns, ranges, folder / "sample.parquet")
    sample = open_table(str(folder / "sample.parquet"), folder)
    costs: list[SampledCost] = []
    failures: dict[str, str] = {}
    forget_peak_memory()
    loading = 0.0
    with _engines(spec, threads, concurrency.memory_of_a_column) as engine_of:
        for name in columns:
            engine = engine_of(table.column(name))
            measured = _Measured(
                sample.column(name), spec.settings.of(name), engine, folder / f"column{len(costs)}"
            )
            try:
                ready = measured.get_ready()
                loading = loading or min(ready, _LONGEST_LOADING)
                costs.append(replace(measured.cost(), waiting=waiting[name]))
            except PipelineError as error:
                failures[name] = str(error)
    peak = peak_memory()
    together = None if peak is None else max(peak, concurrency.held([peak] * concurrency.columns))
    if not costs:
        return SampleRun(sample.rows, (), 0.0, failures, None, together, speed)
    good = costs[0].column
    write_sample(
        table, [good], [range(min(table.rows, _ROWS_TO_GET_READY))], folder / "run.parquet"
    )
    start, around = _of_dagster(
        spec.model_copy(update={"source": str(folder / "run.parquet"), "columns": (good,)}),
        folder / "store",
    )
    start += loading
    projection = project(
        costs,
        len(spec.columns),
        table.rows,
        start=start,
        around=around,
        write_speed=speed,
        at_once=concurrency.columns,
    )
    return SampleRun(sample.rows, tuple(costs), around, failures, projection, together, speed)


def spread_columns(table: LocalTable, columns: Sequence[str], most: int) -> tuple[str, ...]:
    """Return at most so many columns, evenly spaced among those that are sorted by type, in the
    order of the table.
    """
    usable = [name for name in columns if name not in table.conflicts]
    by_type = sorted(usable, key=lambda name: str(table.schema.field(name).type))
    count = min(most, len(by_type))
    chosen = {by_type[(2 * number + 1) * len(by_type) // (2 * count)] for number in range(count)}
    return tuple(name for name in columns if name in chosen)


@contextmanager
def _engines(
    spec: FitSpec, threads: int, memory: int
) -> Iterator[Callable[[ParquetColumn], Engine]]:
    """Give what returns the engine that passes over a column: Spark's, or one that shares out few
    rows as many are.
    """
    if spec.engine == "local":

        def sharing_out(column: ParquetColumn) -> Engine:
            cut = partition_column(column, threads, memory)
            return SampleEngine(cut.threads, cut.batch_rows)

        yield sharing_out
        return
    from gmm_pipeline.orchestration.engines import EngineResource, session_for_all_runs

    with session_for_all_runs(spec):
        engine = EngineResource().engine(spec)
        yield lambda _: engine


@dataclass(frozen=True)
class _Measured:
    """A column of a sample that is taken through all stages.

    Parameters
    ----------
    column : ParquetColumn
    settings : ColumnSettings
    engine : Engine
    folder : Path
        For the results.
    """

    column: ParquetColumn
    settings: ColumnSettings
    engine: Engine
    folder: Path

    def get_ready(self) -> float:
        """Take so few rows through the stages that it is only kernels that get ready; return the
        seconds.
        """
        started = time.perf_counter()
        self._results(min(self.column.rows, _ROWS_TO_GET_READY))
        return time.perf_counter() - started

    def cost(self) -> SampledCost:
        """Take all rows and then a part of them through the stages."""
        rows, few = self.column.rows, max(self.column.rows // _FEW_OF_MANY, 1)
        results, counts = self._results(rows)
        of_few, counts_of_few = self._results(few, of=results)
        stages = {
            name: StageCost(each.manifest.seconds, each.manifest.size)
            for name, each in results.items()
        }
        threads = self.engine.threads if isinstance(self.engine, SampleEngine) else 1

        def between(stage: str) -> PassCost:
            shares = [-(-few // threads), -(-rows // threads)]
            seconds = [made[stage].manifest.seconds for made in (of_few, results)]
            return PassCost.between((shares[0], seconds[0]), (shares[1], seconds[1]))

        counted = [busiest(number, ROWS_PER_TASK, threads) for number in (few, rows)]
        same_passes = len(counts) == len(counts_of_few)
        return SampledCost(
            column=self.column.field.name,
            rows=rows,
            threads=threads,
            stages=stages,
            copying=between(RAW.name),
            encoding=between(TRANSFORMED.name),
            counting=tuple(
                PassCost.between((counted[0], counts_of_few[number]), (counted[1], seconds))
                if same_passes
                else PassCost(0.0, seconds / counted[1])
                for number, seconds in enumerate(counts)
            ),
            waiting=0.0,
        )

    def _results(
        self, rows: int, of: Mapping[str, Result] | None = None
    ) -> tuple[dict[str, Result], list[float]]:
        """Make the results of the first rows, encoded by the model of others if they are given; and
        time its counts.
        """
        column = replace(self.column, file_rows=(rows,))
        folder = ColumnFolder(self.folder / str(rows))
        counts: list[float] = self.engine.counts if isinstance(self.engine, SampleEngine) else []
        counts.clear()

        def made(product: Product) -> Result:
            folder.publish(product)
            return folder.require(product.stage)

        raw = made(recipes.raw(column, [""], self.settings, self.engine))
        sketch = made(recipes.sketch(raw, self.settings, self.engine))
        counts = counts[:] or [sketch.manifest.seconds]
        model = of["model"] if of else made(self._model(raw, sketch))
        ranking = of["feature_rank"] if of else made(recipes.feature_rank(model, self.settings))
        encoded = made(recipes.transformed(raw, model, ranking, self.settings, self.engine))
        stages = (raw, sketch, model, ranking, encoded)
        return {stage.name: result for stage, result in zip(STAGES, stages, strict=True)}, counts

    def _model(self, raw: Result, sketch: Result) -> Product:
        return recipes.model(
            raw, sketch, self.settings, fit_rows=self.engine.rows_fitter(recipes.stored_column(raw))
        )


def _of_dagster(spec: FitSpec, store: Path) -> tuple[float, float]:
    """Return the seconds of a run besides its columns, and those of a column besides its stages."""
    with instances_in_stores():
        started = time.perf_counter()
        from gmm_pipeline.orchestration.execution import DagsterRunner

        runner = DagsterRunner(store)
        prepared = prepare_stored(spec, Store(store).fit(spec.name))
        (name,) = spec.columns
        runner.run(prepared, {name: STAGES}, Unwatched(), Refit.ALL)
        whole = time.perf_counter() - started
        # The first run has more to get ready than those after it.
        (outcome,) = runner.run(prepared, {name: STAGES}, Unwatched(), Refit.ALL)
    column = prepared.folder.column(name)
    stages = sum(column.require(stage.name).manifest.seconds for stage in STAGES)
    return max(whole - outcome.seconds, 0.0), max(outcome.seconds - stages, 0.0)

"""Running a sample of a table through all stages, apart from every store and every history, to see what it takes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.parquet import ROWS_PER_PART
from gmm_pipeline.core.grid_counts import GridCounts
from gmm_pipeline.engines.local.machine import forget_peak_memory, peak_memory, write_speed
from gmm_pipeline.engines.local.sampled_rows import row_groups, sampled_ranges, write_sample
from gmm_pipeline.orchestration.instance import instances_in_stores
from gmm_pipeline.orchestration.projection import Projection, SampledCost, StageCost, project
from gmm_pipeline.orchestration.stages import SKETCH, STAGES
from gmm_pipeline.storage.store import Store

if TYPE_CHECKING:
    from gmm_pipeline.engines.local.source import LocalTable
    from gmm_pipeline.orchestration.execution import DagsterRunner
    from gmm_pipeline.orchestration.fit_spec import FitSpec
    from gmm_pipeline.storage.column_folder import ColumnFolder

_WARM_UP_ROWS = 40_000


@dataclass(frozen=True)
class SampleRun:
    """What was measured on a sample, and what it lets expect.

    Parameters
    ----------
    rows : int
        Of the sample.
    costs : tuple of SampledCost
        Of the columns that were measured.
    failures : dict of str to str
        Why columns failed.
    projection : Projection or None
        None if all of them failed.
    peak_memory : int or None
        Bytes that this process held at most; None where the system does not tell.
    write_speed : float
        Bytes a second that the disk takes.
    """

    rows: int
    costs: tuple[SampledCost, ...]
    failures: Mapping[str, str]
    projection: Projection | None
    peak_memory: int | None
    write_speed: float


def run_sample(
    spec: FitSpec, table: LocalTable, most_columns: int, folder: Path, *, threads: int = 0, memory: int = 0
) -> SampleRun:
    """Run some columns of a table, on as many rows as keep all threads at work, in a store of its own in a folder.

    Each column is run twice: first on few rows, so that kernels are compiled and no time is taken of that.

    Parameters
    ----------
    spec : FitSpec
        The whole job.
    table : LocalTable
    most_columns : int
        How many columns are run; they are spread over the types.
    folder : Path
        An empty folder on the disk that the results would be on.
    threads : int
        Of the local engine; 0 means one per core.
    memory : int
        Bytes that a run may hold; 0 means what suits the machine.
    """
    columns = spread_columns(table, spec.columns, most_columns)
    sample = spec.model_copy(update={"source": str(folder / "sample.parquet"), "columns": columns})
    speed = write_speed(folder)
    with instances_in_stores():
        started = time.perf_counter()
        from gmm_pipeline.orchestration.execution import DagsterRunner

        runner = DagsterRunner(sample, folder / "store", threads, memory)
        start = time.perf_counter() - started
        write_sample(table, columns, [range(min(table.rows, _WARM_UP_ROWS))], Path(sample.source))
        failures = {name: error for name, (error, _) in _run(runner, columns).items() if error}
        ranges = sampled_ranges(row_groups(table), (threads or os.cpu_count() or 1) * ROWS_PER_PART)
        good = [name for name in columns if name not in failures]
        waiting = write_sample(table, columns, ranges, Path(sample.source))
        forget_peak_memory()
        outcomes = _run(runner, good)
        peak = peak_memory()
    fit = Store(folder / "store").fit(spec.name)
    failures |= {name: error for name, (error, _) in outcomes.items() if error}
    costs = tuple(
        _cost(fit.column(name), waiting[name], seconds) for name, (error, seconds) in outcomes.items() if not error
    )
    projection = project(costs, len(spec.columns), table.rows, start, speed) if costs else None
    return SampleRun(sum(map(len, ranges)), costs, failures, projection, peak, speed)


def spread_columns(table: LocalTable, columns: Sequence[str], most: int) -> tuple[str, ...]:
    """Return at most so many columns, evenly spaced among those that are sorted by type, in the order of the table."""
    usable = [name for name in columns if name not in table.conflicts]
    by_type = sorted(usable, key=lambda name: str(table.schema.field(name).type))
    count = min(most, len(by_type))
    chosen = {by_type[(2 * number + 1) * len(by_type) // (2 * count)] for number in range(count)}
    return tuple(name for name in columns if name in chosen)


def _run(runner: DagsterRunner, columns: Sequence[str]) -> dict[str, tuple[str | None, float]]:
    """Make columns anew; return the error of each, if there was one, and its seconds."""
    from gmm_pipeline.orchestration.assets import REFIT_ALL, REFIT_TAG

    outcomes = [runner.run(name, STAGES, lambda _: None, {REFIT_TAG: REFIT_ALL}) for name in columns]
    return {outcome.column: (outcome.error, outcome.seconds) for outcome in outcomes}


def _cost(column: ColumnFolder, waiting: float, seconds: float) -> SampledCost:
    manifests = {stage.name: column.require(stage.name).manifest for stage in STAGES}
    stages = {
        name: StageCost(manifest.seconds, sum(facts.size for facts in manifest.files.values()))
        for name, manifest in manifests.items()
    }
    return SampledCost(
        column=manifests[SKETCH.name].column,
        rows=manifests[SKETCH.name].rows,
        stages=stages,
        waiting=waiting,
        around=max(seconds - sum(cost.seconds for cost in stages.values()), 0.0),
        exact=manifests[SKETCH.name].summary["form"] != GridCounts.__name__,
    )

"""A sample of a table taken through all stages, and scaled to the whole table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.sketch_column import sample_windows
from gmm_pipeline.errors import PipelineError
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.stages import RAW, SKETCH, TRANSFORMED
from gmm_pipeline.fits.stored_columns import stored_column
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.open_table import open_table
from gmm_pipeline.tables.sampled_rows import row_groups, sampled_ranges, write_sample

if TYPE_CHECKING:
    from gmm_pipeline.arrow.parquet_column import ParquetColumn
    from gmm_pipeline.engines.engine import Engine
    from gmm_pipeline.fits.settings import ColumnSettings
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.store.result import Product, Result

_WARM_UP_ROWS = 1000
"""Enough to load every kernel that a column needs, too few to take time themselves."""


@dataclass(frozen=True)
class Cost:
    """Seconds, core seconds and bytes written of a stage of a column."""

    seconds: float
    core_seconds: float
    size: int


Costs = Mapping[str, Cost]
"""Of a column, by stage."""


@dataclass(frozen=True)
class SampleRun:
    """What all rows of some columns are expected to take, by what a sample of them took.

    Parameters
    ----------
    rows : int
        Of the sample.
    columns : dict of str to dict of str to Cost
        By column and stage, scaled to all rows of the table.
    failures : dict of str to str
        Why other columns failed, by name.
    """

    rows: int
    columns: Mapping[str, Costs]
    failures: Mapping[str, str]


def run_sample(
    spec: FitSpec,
    table: LocalTable,
    columns: Sequence[str],
    rows: int,
    folder: Path,
    engine: Engine,
) -> SampleRun:
    """Take about so many rows of some columns through all stages, in an empty folder."""
    ranges = sampled_ranges(row_groups(table), rows)
    write_sample(table, columns, ranges, folder / "sample.parquet")
    sample = open_table(str(folder / "sample.parquet"), folder)
    done, failures = {}, {}
    for number, name in enumerate(columns):
        column, settings = sample.column(name), spec.settings.of(name)
        few = replace(column, file_rows=(min(sample.rows, _WARM_UP_ROWS),))
        try:
            _run_column(few, settings, engine, folder / f"few{number}")
            costs = _run_column(column, settings, engine, folder / f"all{number}")
        except PipelineError as error:
            failures[name] = str(error)
        else:
            done[name] = scaled(costs, sample.rows, table.rows)
    return SampleRun(sample.rows, done, failures)


def spread_columns(table: LocalTable, columns: Sequence[str], most: int) -> tuple[str, ...]:
    """Return at most so many columns, evenly spaced in the order of their types."""
    usable = [name for name in columns if name not in table.conflicts]
    by_type = sorted(usable, key=lambda name: str(table.schema.field(name).type))
    count = min(most, len(by_type))
    chosen = {by_type[(2 * number + 1) * len(by_type) // (2 * count)] for number in range(count)}
    return tuple(name for name in columns if name in chosen)


def _run_column(
    column: ParquetColumn, settings: ColumnSettings, engine: Engine, path: Path
) -> Costs:
    folder = ColumnFolder(path)
    costs: dict[str, Cost] = {}

    def publish(product: Product) -> Result:
        started, core_started = time.perf_counter(), time.process_time()
        folder.publish(product)
        seconds, core_seconds = time.perf_counter() - started, time.process_time() - core_started
        result = folder.require(product.stage)
        costs[product.stage] = Cost(seconds, core_seconds, result.manifest.size)
        return result

    raw = publish(recipes.raw(column, [""], settings, engine))
    sketch = publish(recipes.sketch(raw, settings, engine))
    fit_rows = engine.rows_fitter(stored_column(raw))
    model = publish(recipes.model(raw, sketch, settings, fit_rows=fit_rows))
    ranking = publish(recipes.feature_rank(model, settings))
    publish(recipes.transformed(raw, model, ranking, settings, engine))
    return costs


def scaled(costs: Costs, sample: int, rows: int) -> Costs:
    """Return the costs of all rows: passes grow with the rows, the fit of a sketch does not.

    A sketch passes over all rows, and over those that its grid is placed by, which are all of few
    rows and a part of many.
    """
    passed, to_pass = (each + sum(map(len, sample_windows(each)[0])) for each in (sample, rows))
    copies, counts = rows / sample, to_pass / passed
    # The sizes of a sketch and a model hardly depend on the rows.
    work = {
        RAW.name: (copies, copies),
        SKETCH.name: (counts, 1),
        TRANSFORMED.name: (copies, copies),
    }
    return {
        stage: Cost(cost.seconds * ratio, cost.core_seconds * ratio, round(cost.size * growth))
        for stage, cost in costs.items()
        for ratio, growth in [work.get(stage, (1, 1))]
    }

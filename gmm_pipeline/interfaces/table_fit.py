"""Fitting a table in this process, and saving the fit in the layout of a store."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gmm_pipeline.arrow.column_types import reading_of
from gmm_pipeline.arrow.compile_ahead import compile_ahead
from gmm_pipeline.arrow.model_document import StoredModel
from gmm_pipeline.arrow.rows import ColumnRows
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import in_column
from gmm_pipeline.fits.concurrency import columns_at_once
from gmm_pipeline.fits.fitting import fit_modes, sketch_request
from gmm_pipeline.fits.publish_without_rows import publish_without_rows
from gmm_pipeline.fits.settings import ColumnSettings, TableSettings
from gmm_pipeline.fits.snapshots import commit_exactly
from gmm_pipeline.fits.spec import FitSpec, save_spec, select_columns
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.fit_view import ColumnFit
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.table_forms import Table
from gmm_pipeline.tables.user_tables import open_user_table


def fit_table(
    table: Table,
    settings: TableSettings,
    include: Sequence[str],
    csv: CsvDialect,
    engine: Engine,
) -> tuple[dict[str, ColumnFit], Known]:
    """Fit the columns of a table that the patterns `include` select, in the table's order.

    Returned beside them is what is known of CSV files by now.

    Raises
    ------
    SourceError
        If the table cannot be read.
    UnsupportedTypeError, ColumnDataError
        If a column cannot be encoded.
    """
    with tempfile.TemporaryDirectory() as staging:
        source = open_user_table(table, Path(staging), Known(csv))
        names = select_columns(source.schema.names, include)
        settings.check(names)
        for name in names:
            if name in source.doubts:
                # Level 3 is the caller of `TableEncoder.fit`.
                warnings.warn(f"column {name!r}: {source.doubts[name]}", UserWarning, stacklevel=3)
        # Before the first fit, which may take minutes.
        for name in names:
            reading_of(source.schema.field(name), settings.of(name).kind)
        compile_ahead()

        def fit(name: str) -> ColumnFit:
            return _fit_column(source.column(name), settings.of(name), engine)

        # Spark has one session a process, and its own cluster to keep busy.
        at_once = columns_at_once(engine.threads) if isinstance(engine, LocalEngine) else 1
        with ThreadPoolExecutor(at_once, "column") as pool:
            try:
                fits = dict(zip(names, pool.map(fit, names), strict=True))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return fits, Known(csv, source.dialect)


def save_fit(spec: FitSpec, folder: FitFolder, fits: Mapping[str, ColumnFit]) -> None:
    """Publish the columns of a fit and commit them as the folder's next generation."""
    results = {
        name: publish_without_rows(folder.column(name), fit, spec.settings.of(name))
        for name, fit in fits.items()
    }
    commit_exactly(spec, folder, results)
    save_spec(spec, folder)


def _fit_column(column: ColumnRows, settings: ColumnSettings, engine: Engine) -> ColumnFit:
    with in_column(column.field.name):
        sketch = engine.sketch(column, sketch_request(settings))
        model = fit_modes(sketch, column.field, settings, engine.rows_fitter(column))
    return ColumnFit(StoredModel(model, column.field), rank_modes(model, sketch), sketch)

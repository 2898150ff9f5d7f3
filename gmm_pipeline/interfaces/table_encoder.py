"""The Python API: fit, transform and inverse-transform a table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import polars as pl
import pyarrow as pa

from gmm_pipeline.arrow import encoded_tables as tables
from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.arrow.column_types import cast_to_field, reading_of
from gmm_pipeline.arrow.rows import TableRows
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import StoreError, did_you_mean, in_column
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.fitting import fit_modes, sketch_request
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.spec import FitSpec, load_spec, save_spec, select_columns
from gmm_pipeline.interfaces.spans import ColumnSpans
from gmm_pipeline.interfaces.written_tables import write_parts
from gmm_pipeline.store.model_files import StoredModel
from gmm_pipeline.store.ranking_files import ranking_table
from gmm_pipeline.store.store import ColumnFit, FitFolder, moment_of
from gmm_pipeline.tables.in_memory import Table, lazy_frame, opened, streamed
from gmm_pipeline.tables.open_table import LocalTable, MemoryTable
from gmm_pipeline.tables.table_rows import decoded_rows, encoded_rows


class TableEncoder:
    """Mode-specific normalisation of a table.

    Parameters
    ----------
    columns : mapping, optional
        Settings that hold for single columns, by name.
    include : sequence of str
        Names or globs of the columns to encode; `!` in front leaves out. All columns by default.
    threads : int, optional
        One per core by default. Results do not depend on it.
    engine : Engine, optional
        What passes over the rows when they are fitted, and writes folders, such as a `SparkEngine`.
        Results do not depend on it either.
    csv_nulls : sequence of str
        What stands for null in CSV files, besides the empty field.
    settings
        Settings that hold for all columns, such as `seed` and `max_modes`.

    Examples
    --------
    >>> encoder = TableEncoder(columns={"amount": {"max_modes": 5}}, seed=0).fit("table.parquet")
    >>> encoded = encoder.transform("table.parquet")
    >>> decoded = encoder.inverse_transform(encoded)
    """

    def __init__(
        self,
        columns: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        include: Sequence[str] = (),
        threads: int | None = None,
        engine: Engine | None = None,
        csv_nulls: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        overrides = {name: dict(values) for name, values in (columns or {}).items()}
        self.settings = TableSettings(settings=settings, columns=overrides)
        self.settings.check(list(overrides))
        self._include = tuple(include)
        self._csv_nulls = tuple(csv_nulls)
        self._here = LocalEngine(threads)
        self._engine: Engine = engine or self._here
        self._fitted: dict[str, ColumnFit] = {}
        self._source = ""

    def fit(self, table: Table) -> Self:
        """Fit every column; nothing is written.

        Raises
        ------
        SourceError
            If the table cannot be read.
        UnsupportedTypeError, ColumnDataError
            If a column cannot be encoded; `include` can leave it out.
        """
        with tempfile.TemporaryDirectory() as staging:
            source = opened(table, Path(staging), self._csv_nulls)
            names = select_columns(source.schema.names, self._include)
            self.settings.check(names)
            for name in names:
                reading_of(source.schema.field(name), self.settings.of(name).kind)
            self._fitted = {name: self._fit_column(source, name) for name in names}
        self._source = str(table) if isinstance(table, str | Path) else ""
        return self

    def transform(self, table: Table) -> pl.LazyFrame:
        """Return the rows encoded, narrow: `<column>.value` and `<column>.rank` of each column, in
        their order.

        Rows are read and encoded, by batches, when the frame is collected or sunk.
        """
        return lazy_frame(tables.encoded_schema(self.codecs()), lambda: self.encode_batches(table))

    def inverse_transform(self, encoded: Table) -> pl.LazyFrame:
        """Return encoded or generated rows decoded: the columns in their own order and types.

        Parameters
        ----------
        encoded : Table
            Narrow or wide; further columns are ignored.
        """
        return lazy_frame(
            tables.decoded_schema(self.codecs()), lambda: self.decode_batches(encoded)
        )

    def transform_to(self, table: Table, folder: str | Path) -> int:
        """Write the rows encoded, narrow, to a folder of Parquet parts; return their number.

        They are written by the engine, in their order, and appear at once, in place of parts that
        were there before.
        """
        codecs = self.codecs()

        def rows(staging: Path) -> TableRows:
            return encoded_rows(
                opened(table, staging, self._csv_nulls, tables.decoded_schema(codecs)), codecs
            )

        return write_parts(Path(folder), rows, self._engine)

    def inverse_transform_to(self, encoded: Table, folder: str | Path) -> int:
        """Write encoded or generated rows decoded to a folder of Parquet parts, as `transform_to`
        does.
        """
        codecs = self.codecs()
        return write_parts(
            Path(folder),
            lambda staging: decoded_rows(opened(encoded, staging), codecs),
            self._engine,
        )

    def encode_batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Yield the rows encoded, narrow, in batches of Arrow."""
        codecs = self.codecs()
        with (
            tempfile.TemporaryDirectory() as staging,
            ThreadPoolExecutor(self._here.threads) as pool,
        ):
            source = opened(table, Path(staging), self._csv_nulls, tables.decoded_schema(codecs))
            arrays = {name: _cast(source, name, codec) for name, codec in codecs.items()}
            yield from tables.encode_arrays(arrays, codecs, pool)

    def decode_batches(self, encoded: Table) -> Iterator[pa.RecordBatch]:
        """Yield encoded rows, narrow or wide, decoded, in batches of Arrow."""
        yield from tables.decode_batches(streamed(encoded), self.codecs())

    @property
    def columns(self) -> tuple[str, ...]:
        """The fitted columns, in the order of the table."""
        return tuple(self._fitted)

    @property
    def spans(self) -> tuple[ColumnSpans, ...]:
        """What a generative model has to put out: for each column a value (tanh) and a rank
        (softmax).
        """
        models = {name: column.stored.model for name, column in self._fitted.items()}
        return tuple(
            ColumnSpans.of(name, model.n_modes, discrete=not model.n_continuous)
            for name, model in models.items()
        )

    def model(self, column: str) -> ColumnModel:
        """Return all that is known of a fitted column's modes; raise StoreError if it is not
        fitted.
        """
        return self._of(column).stored.model

    def modes(self, column: str) -> pl.DataFrame:
        """Return the modes of a column by rank: type, value, weight, mean, std, range and expected
        frequency.
        """
        fitted = self._of(column)
        return pl.DataFrame(ranking_table(fitted.stored, fitted.ranking))

    def codecs(self) -> dict[str, ColumnCodec]:
        """Return the codec of each fitted column; raise StoreError if there are none."""
        if not self._fitted:
            raise StoreError("the encoder is not fitted", remedy="Call fit, or TableEncoder.load")
        return {name: column.codec() for name, column in self._fitted.items()}

    def save(self, path: str | Path) -> None:
        """Write the fit into a folder in the layout of a store's fit; results there are replaced
        one by one.
        """
        folder = FitFolder(Path(path))
        spec = FitSpec(
            name=folder.path.name,
            source=self._source,
            columns=self.columns,
            csv_nulls=self._csv_nulls,
            settings=self.settings,
        )
        for name, column in self._fitted.items():
            settings = self.settings.of(name)
            for product in recipes.products_without_rows(
                name, column.sketch(), column.stored, column.ranking, settings
            ):
                folder.column(name).publish(product)
        save_spec(spec, folder)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        at: datetime | str | None = None,
        threads: int | None = None,
        engine: Engine | None = None,
        csv_nulls: Sequence[str] | None = None,
    ) -> Self:
        """Return the encoder of a fit: a folder that `save` or `gmm-pipeline run` wrote.

        Columns that are not fitted are left out. `csv_nulls` are those of the fit unless given.
        With `at`, a time as `gmm-pipeline fits` tells it, models that others have taken the place
        of since are loaded as they were then.
        """
        moment = moment_of(at) if isinstance(at, str) else at
        folder = FitFolder(Path(path), moment)
        if not folder.spec_path.exists():
            raise StoreError(f"{path} is no fit", remedy="Give the folder of a fit: <store>/<fit>")
        spec = load_spec(folder)
        encoder = cls(
            spec.settings.columns,
            threads=threads,
            engine=engine,
            csv_nulls=spec.csv_nulls if csv_nulls is None else csv_nulls,
            **spec.settings.settings,
        )
        for name in spec.columns:
            fitted = folder.fitted(name)
            if fitted is not None:
                encoder._fitted[name] = fitted
        if moment is not None and not encoder._fitted:
            raise StoreError(
                f"{path} has no model of {moment.isoformat()}",
                remedy="See the times of earlier fits by `gmm-pipeline fits`",
            )
        encoder._source = spec.source
        return encoder

    def _of(self, column: str) -> ColumnFit:
        if column not in self._fitted:
            raise StoreError(
                f"column {column!r} is not fitted", remedy=did_you_mean(column, self._fitted)
            )
        return self._fitted[column]

    def _fit_column(self, table: LocalTable | MemoryTable, name: str) -> ColumnFit:
        settings = self.settings.of(name)
        column = table.column(name)
        with in_column(name):
            sketch = self._engine.sketch(column, sketch_request(settings))
            model = fit_modes(sketch, column.field, settings, self._engine.rows_fitter(column))
        return ColumnFit(StoredModel(model, column.field), rank_modes(model, sketch), sketch)


def _cast(table: LocalTable | MemoryTable, name: str, codec: ColumnCodec) -> Iterator[pa.Array]:
    """Yield a column's arrays in the type that it was fitted in."""
    column = table.column(name)
    with in_column(name):
        for array in column.arrays(range(column.rows)):
            yield cast_to_field(array, codec.field)

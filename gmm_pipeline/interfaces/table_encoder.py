"""The Python API: fit, transform and inverse-transform a table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from gmm_pipeline.arrow import tables
from gmm_pipeline.arrow.encoded import ColumnCodec
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, batches
from gmm_pipeline.arrow.types import reading_of
from gmm_pipeline.core.modes import ColumnModel
from gmm_pipeline.core.ranks import rank_modes
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.local.files import find_files
from gmm_pipeline.engines.local.source import LocalTable, MemoryTable, open_table
from gmm_pipeline.errors import StoreError, UnsupportedTypeError, did_you_mean, in_column
from gmm_pipeline.interfaces.spans import ColumnSpans
from gmm_pipeline.orchestration import recipes
from gmm_pipeline.orchestration.fit_spec import FitSpec, load_spec, save_spec, select_columns
from gmm_pipeline.orchestration.fitting import fit_modes, sketch_request
from gmm_pipeline.orchestration.settings import TableSettings
from gmm_pipeline.storage.model_files import StoredModel
from gmm_pipeline.storage.ranking_files import ranking_table
from gmm_pipeline.storage.store import ColumnFit, FitFolder, moment_of

if TYPE_CHECKING:
    from collections.abc import Callable

Table: TypeAlias = str | Path | pl.DataFrame | pl.LazyFrame | pa.Table
"""A Parquet or CSV file, a folder or a glob; or a table in memory."""


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
        What passes over the rows when they are fitted, such as a `SparkEngine`. Results do not depend on it either.
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
            opened = _open(table, Path(staging), self._csv_nulls, None)
            names = select_columns(opened.schema.names, self._include)
            self.settings.check(names)
            for name in names:
                reading_of(opened.schema.field(name), self.settings.of(name).kind)
            self._fitted = {name: self._fit_column(opened, name) for name in names}
        self._source = str(table) if isinstance(table, str | Path) else ""
        return self

    def transform(self, table: Table) -> pl.LazyFrame:
        """Return the rows encoded, narrow: `<column>.value` and `<column>.rank` of each column, in their order.

        Rows are read and encoded, by batches, when the frame is collected or sunk.
        """
        return _lazy(tables.encoded_schema(self.codecs()), lambda: self.encode_batches(table))

    def inverse_transform(self, encoded: Table) -> pl.LazyFrame:
        """Return encoded or generated rows decoded: the columns in their own order and types.

        Parameters
        ----------
        encoded : Table
            Narrow or wide; further columns are ignored.
        """
        return _lazy(tables.decoded_schema(self.codecs()), lambda: self.decode_batches(encoded))

    def encode_batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Yield the rows encoded, narrow, in batches of Arrow."""
        codecs = self.codecs()
        with tempfile.TemporaryDirectory() as staging, ThreadPoolExecutor(self._here.threads) as pool:
            opened = _open(table, Path(staging), self._csv_nulls, tables.decoded_schema(codecs))
            arrays = {name: _cast(opened, name, codec) for name, codec in codecs.items()}
            yield from tables.encode_arrays(arrays, codecs, pool)

    def decode_batches(self, encoded: Table) -> Iterator[pa.RecordBatch]:
        """Yield encoded rows, narrow or wide, decoded, in batches of Arrow."""
        yield from tables.decode_batches(_encoded_batches(encoded), self.codecs())

    @property
    def columns(self) -> tuple[str, ...]:
        """The fitted columns, in the order of the table."""
        return tuple(self._fitted)

    @property
    def spans(self) -> tuple[ColumnSpans, ...]:
        """What a generative model has to put out: for each column a value (tanh) and a rank (softmax)."""
        models = {name: column.stored.model for name, column in self._fitted.items()}
        return tuple(
            ColumnSpans.of(name, model.n_modes, discrete=not model.n_continuous) for name, model in models.items()
        )

    def model(self, column: str) -> ColumnModel:
        """Return all that is known of a fitted column's modes; raise StoreError if it is not fitted."""
        return self._of(column).stored.model

    def modes(self, column: str) -> pl.DataFrame:
        """Return the modes of a column by rank: type, value, weight, mean, std, range and expected frequency."""
        fitted = self._of(column)
        return pl.DataFrame(ranking_table(fitted.stored, fitted.ranking))

    def codecs(self) -> dict[str, ColumnCodec]:
        """Return the codec of each fitted column; raise StoreError if there are none."""
        if not self._fitted:
            raise StoreError("the encoder is not fitted", remedy="Call fit, or TableEncoder.load")
        return {name: column.codec() for name, column in self._fitted.items()}

    def save(self, path: str | Path) -> None:
        """Write the fit into a folder in the layout of a store's fit; results there are replaced one by one."""
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
        csv_nulls: Sequence[str] | None = None,
    ) -> Self:
        """Return the encoder of a fit: a folder that `save` or `gmm-pipeline run` wrote.

        Columns that are not fitted are left out. `csv_nulls` are those of the fit unless given. With `at`, a time as
        `gmm-pipeline fits` tells it, models that others have taken the place of since are loaded as they were then.
        """
        moment = moment_of(at) if isinstance(at, str) else at
        folder = FitFolder(Path(path), moment)
        if not folder.spec_path.exists():
            raise StoreError(f"{path} is no fit", remedy="Give the folder of a fit: <store>/<fit>")
        spec = load_spec(folder)
        encoder = cls(
            spec.settings.columns,
            threads=threads,
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
            raise StoreError(f"column {column!r} is not fitted", remedy=did_you_mean(column, self._fitted))
        return self._fitted[column]

    def _fit_column(self, table: LocalTable | MemoryTable, name: str) -> ColumnFit:
        settings = self.settings.of(name)
        column = table.column(name)
        with in_column(name):
            sketch = self._engine.sketch(column, sketch_request(settings))
            model = fit_modes(sketch, column.field, settings, self._engine.rows_fitter(column))
        return ColumnFit(StoredModel(model, column.field), rank_modes(model, sketch), sketch)


def _open(table: Table, staging: Path, csv_nulls: Sequence[str], known: pa.Schema | None) -> LocalTable | MemoryTable:
    if isinstance(table, str | Path):
        return open_table(str(table), staging, csv_nulls=csv_nulls, csv_schema=known)
    if isinstance(table, pa.Table):
        return MemoryTable.of(table)
    frame = table.collect() if isinstance(table, pl.LazyFrame) else table
    return MemoryTable.of(_to_arrow(frame))


def _to_arrow(frame: pl.DataFrame) -> pa.Table:
    """Return a frame as an Arrow table; raise UnsupportedTypeError for a column whose type Arrow does not have."""
    for column in frame.iter_columns():
        try:
            column.head(0).to_arrow()
        except pa.ArrowException as error:
            raise UnsupportedTypeError(
                f"type {column.dtype} cannot be encoded", column=column.name, remedy="Leave the column out, or cast it"
            ) from error
    return frame.to_arrow()


def _cast(table: LocalTable | MemoryTable, name: str, codec: ColumnCodec) -> Iterator[pa.Array]:
    """Yield a column's arrays in the type that it was fitted in."""
    column = table.column(name)
    with in_column(name):
        for array in column.arrays(range(column.rows)):
            yield tables.in_type(array, codec.field)


def _encoded_batches(encoded: Table) -> Iterator[pa.RecordBatch]:
    if isinstance(encoded, str | Path):
        found = find_files(str(encoded))
        if not found.is_csv:
            yield from batches(found.files)
            return
        encoded = pl.scan_csv(list(found.files))
    if isinstance(encoded, pa.Table):
        yield from encoded.to_batches(ROWS_PER_GROUP)
        return
    for frame in encoded.lazy().collect_batches(chunk_size=ROWS_PER_GROUP, maintain_order=True):
        yield from frame.to_arrow().to_batches()


def _lazy(schema: pa.Schema, make: Callable[[], Iterator[pa.RecordBatch]]) -> pl.LazyFrame:
    """Return a frame whose rows are made when it is collected."""

    def scan(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        remaining = n_rows
        for batch in make():
            frame = pl.DataFrame(pa.Table.from_batches([batch], schema=schema))
            if remaining is not None:
                frame = frame.head(remaining)
                remaining -= frame.height
            frame = frame if predicate is None else frame.filter(predicate)
            yield frame if columns is None else frame.select(columns)
            if remaining == 0:
                return

    return register_io_source(scan, schema=pl.DataFrame(schema.empty_table()).schema)

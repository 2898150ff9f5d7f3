"""The Python API: fit, transform and inverse-transform a table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from typing import Any, Self

import polars as pl
import pyarrow as pa

from gmm_pipeline.arrow import encoded_tables as tables
from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.arrow.column_types import cast_to_field, reading_of
from gmm_pipeline.arrow.identity import check_identities
from gmm_pipeline.arrow.model_document import StoredModel
from gmm_pipeline.arrow.rows import TableRows
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import StoreError, did_you_mean, in_column
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.fitting import fit_modes, sketch_request
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.snapshots import commit_exactly
from gmm_pipeline.fits.spec import FitSpec, save_spec, select_columns
from gmm_pipeline.interfaces.spans import ColumnSpans
from gmm_pipeline.interfaces.written_tables import write_parts
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.fit_view import ColumnFit, FitView
from gmm_pipeline.store.ranking_files import ranking_table
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.memory_table import MemoryTable
from gmm_pipeline.tables.table_rows import decoded_rows, encoded_rows
from gmm_pipeline.tables.user_tables import (
    Table,
    identities_of,
    lazy_frame,
    open_user_table,
    stream_user_table,
)


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
            source = open_user_table(table, Path(staging), self._csv_nulls)
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

    def inverse_transform(self, encoded: Table, *, generated: bool = False) -> pl.LazyFrame:
        """Return encoded or generated rows decoded: the columns in their own order and types.

        Parameters
        ----------
        encoded : Table
            Narrow or wide; further columns are ignored.
        generated : bool
            Whether files that do not say by which fit they were encoded hold rows of this one, as a
            model generates them.

        Raises
        ------
        StoreError
            If a file was encoded by another fit, or does not say by which.
        """
        self._check_identities(encoded, generated=generated)
        return lazy_frame(
            tables.decoded_schema(self.codecs()),
            lambda: tables.decode_batches(stream_user_table(encoded), self.codecs()),
        )

    def transform_to(self, table: Table, folder: str | Path) -> int:
        """Write the rows encoded, narrow, to a folder of Parquet parts; return their number.

        They are written by the engine, in their order, and appear at once, in place of parts that
        were there before.
        """
        codecs = self.codecs()

        def rows(staging: Path) -> TableRows:
            return encoded_rows(
                open_user_table(table, staging, self._csv_nulls, tables.decoded_schema(codecs)),
                codecs,
            )

        return write_parts(Path(folder), rows, self._engine)

    def inverse_transform_to(
        self, encoded: Table, folder: str | Path, *, generated: bool = False
    ) -> int:
        """Write the rows of `inverse_transform` to a folder of Parquet parts, as `transform_to` does."""
        self._check_identities(encoded, generated=generated)
        codecs = self.codecs()
        return write_parts(
            Path(folder),
            lambda staging: decoded_rows(open_user_table(encoded, staging), codecs),
            self._engine,
        )

    def encode_batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Yield the rows encoded, narrow, in batches of Arrow."""
        codecs = self.codecs()
        with (
            tempfile.TemporaryDirectory() as staging,
            ThreadPoolExecutor(self._here.threads) as pool,
        ):
            source = open_user_table(
                table, Path(staging), self._csv_nulls, tables.decoded_schema(codecs)
            )
            arrays = {name: _cast(source, name, codec) for name, codec in codecs.items()}
            yield from tables.encode_arrays(arrays, codecs, pool)

    def decode_batches(
        self, encoded: Table, *, generated: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of `inverse_transform` in batches of Arrow."""
        self._check_identities(encoded, generated=generated)
        yield from tables.decode_batches(stream_user_table(encoded), self.codecs())

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
        """Write the fit into a folder in the layout of a store's fit, as its next generation.

        Who loads the folder meanwhile gets all columns of this fit, or all of the one before.
        """
        folder = FitFolder(Path(path))
        spec = FitSpec(
            name=folder.path.name,
            source=self._source,
            columns=self.columns,
            csv_nulls=self._csv_nulls,
            settings=self.settings,
        )
        results = {
            name: recipes.publish_without_rows(folder.column(name), fit, self.settings.of(name))
            for name, fit in self._fitted.items()
        }
        commit_exactly(spec, folder, results)
        save_spec(spec, folder)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        generation: int | None = None,
        threads: int | None = None,
        engine: Engine | None = None,
        csv_nulls: Sequence[str] | None = None,
    ) -> Self:
        """Return the encoder of a fit: a folder that `save` or `gmm-pipeline run` wrote.

        Parameters
        ----------
        path : str or Path
        generation : int, optional
            Of an earlier fit, as `gmm-pipeline fits` lists them. By default it is the newest in which
            all columns are of one version of the source.
        threads, engine
            As of the class.
        csv_nulls : sequence of str, optional
            Those of the fit by default.

        Raises
        ------
        StoreError
            If the folder holds no fit or no such generation, or a file of it is damaged.
        """
        folder = FitFolder(Path(path), generation)
        view = folder.view()
        if view is None:
            raise StoreError(
                f"{path} holds no finished fit",
                remedy="Give the folder of one, <store>/<fit>, or run `gmm-pipeline run SOURCE` first",
            )
        return cls.of_view(view, threads=threads, engine=engine, csv_nulls=csv_nulls)

    @classmethod
    def of_view(
        cls,
        view: FitView,
        *,
        threads: int | None = None,
        engine: Engine | None = None,
        csv_nulls: Sequence[str] | None = None,
    ) -> Self:
        """Return the encoder of a fit as one snapshot shows it; columns that are not fitted are left out."""
        spec = FitSpec.model_validate(view.fit)
        encoder = cls(
            spec.settings.columns,
            threads=threads,
            engine=engine,
            csv_nulls=spec.csv_nulls if csv_nulls is None else csv_nulls,
            **spec.settings.settings,
        )
        fits = {name: view.column_fit(name) for name in view.fitted}
        encoder._fitted = {name: fit for name, fit in fits.items() if fit is not None}
        encoder._source = spec.source
        return encoder

    def replace_fits(self, fits: Mapping[str, ColumnFit]) -> Self:
        """Return the same encoder with other fits of some columns."""
        replaced = copy(self)
        replaced._fitted = {**self._fitted, **fits}  # noqa: SLF001 - of the same class
        return replaced

    def _check_identities(self, encoded: Table, *, generated: bool) -> None:
        check_identities(identities_of(encoded), self.codecs(), generated=generated)

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

"""The Python API: fit, transform and inverse-transform a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import polars as pl
import pyarrow as pa

from gmm_pipeline.arrow import encoded_tables as tables
from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.arrow.identity import check_identities
from gmm_pipeline.core.coding.decode_rows import Within
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import StoreError, did_you_mean
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.interfaces.encode_table import decode_table, encode_table
from gmm_pipeline.interfaces.spans import ColumnSpans
from gmm_pipeline.interfaces.table_fit import fit_table, save_fit
from gmm_pipeline.interfaces.written_tables import write_parts
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.fit_view import ColumnFit, FitView
from gmm_pipeline.store.ranking_files import ranking_table
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.table_forms import Table
from gmm_pipeline.tables.table_rows import decoded_rows, encoded_rows
from gmm_pipeline.tables.user_tables import (
    encoded_files_of,
    lazy_frame,
    open_user_table,
)


class TableEncoder:
    """Encodes each value of a table as (mode, distance from the mode's mean), and decodes it.

    Parameters
    ----------
    columns : mapping, optional
        Settings of single columns, by name.
    include : sequence of str
        Names or globs of the columns to encode, all by default; a leading `!` leaves columns out.
    threads : int, optional
        One per core by default. Results do not depend on it.
    engine : Engine, optional
        Passes over the rows in `fit` and writes folders, for example a `SparkEngine`; by default
        this process does. Results do not depend on it.
    csv : mapping, optional
        How CSV is written, as `--csv` tells: `{"nulls": ["NA"], "types": {"zip": "string"}}`.
    settings
        Settings of all columns, such as `seed` and `max_modes`.

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
        csv: Mapping[str, Any] | CsvDialect | None = None,
        **settings: Any,
    ) -> None:
        overrides = {name: dict(values) for name, values in (columns or {}).items()}
        self.settings = TableSettings(settings=settings, columns=overrides)
        self.settings.check(list(overrides))
        self._include = tuple(include)
        self._csv = Known(CsvDialect.of(csv or {}))
        self._local_engine = LocalEngine(threads)
        self._engine: Engine = engine or self._local_engine
        self._fits: dict[str, ColumnFit] = {}
        self._source = ""

    def fit(self, table: Table) -> Self:
        """Fit every column, in memory.

        Raises
        ------
        SourceError
            If the table cannot be read.
        UnsupportedTypeError, ColumnDataError
            If a column cannot be encoded; `include` can leave it out.
        """
        self._fits, self._csv = fit_table(
            table, self.settings, self._include, self._csv.told, self._engine
        )
        self._source = str(table) if isinstance(table, str | Path) else ""
        return self

    def transform(self, table: Table) -> pl.LazyFrame:
        """Return the rows encoded: for each column `<column>.value` and `<column>.rank`.

        Rows keep their order. They are read and encoded, in batches, when the frame is collected or
        sunk.
        """
        return lazy_frame(tables.encoded_schema(self.codecs()), lambda: self.encode_batches(table))

    def inverse_transform(
        self, encoded: Table, *, generated: bool = False, within: Within | None = None
    ) -> pl.LazyFrame:
        """Return encoded or generated rows decoded: the columns in their own order and types.

        Parameters
        ----------
        encoded : Table
            Narrow or wide; other columns are ignored.
        generated : bool
            Whether to decode files that do not say which fit encoded them with this one: rows that
            a model generated.
        within : Within, optional
            range: decoded numbers beyond those of the fitted rows become the nearest of these; only
            generated rows have any. type: they stay, as far as their type holds them. By default
            type for columns with out_of_range = keep, else range.

        Raises
        ------
        StoreError
            If another fit encoded a file, or a file does not say which and `generated` is False.
        """
        codecs = self.codecs(within)
        check_identities(encoded_files_of(encoded), codecs, generated=generated)
        return lazy_frame(
            tables.decoded_schema(codecs),
            lambda: decode_table(encoded, codecs),
        )

    def transform_to(self, table: Table, folder: str | Path) -> int:
        """Write the encoded rows, narrow, to a folder of Parquet parts; return how many there are.

        The engine writes them, in order. All parts appear at once and replace those that were there
        before.
        """
        codecs = self.codecs()
        known = replace(self._csv, schema=tables.decoded_schema(codecs))
        return write_parts(
            Path(folder),
            lambda staging: encoded_rows(open_user_table(table, staging, known), codecs),
            self._engine,
        )

    def inverse_transform_to(
        self,
        encoded: Table,
        folder: str | Path,
        *,
        generated: bool = False,
        within: Within | None = None,
    ) -> int:
        """Write the decoded rows to a folder of Parquet parts, as `transform_to` does."""
        codecs = self.codecs(within)
        check_identities(encoded_files_of(encoded), codecs, generated=generated)
        known = Known(schema=tables.schema_to_decode(codecs))
        return write_parts(
            Path(folder),
            lambda staging: decoded_rows(open_user_table(encoded, staging, known), codecs),
            self._engine,
        )

    def encode_batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        """Yield the encoded rows, narrow, in Arrow batches."""
        return encode_table(table, self.codecs(), self._csv, self._local_engine.threads)

    def decode_batches(
        self, encoded: Table, *, generated: bool = False, within: Within | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the decoded rows in Arrow batches; arguments as of `inverse_transform`."""
        codecs = self.codecs(within)
        check_identities(encoded_files_of(encoded), codecs, generated=generated)
        yield from decode_table(encoded, codecs)

    @property
    def columns(self) -> tuple[str, ...]:
        """The fitted columns, in the order of the table."""
        return tuple(self._fits)

    @property
    def spans(self) -> tuple[ColumnSpans, ...]:
        """A generative model's outputs: for each column a value (tanh) and a rank (softmax)."""
        return tuple(ColumnSpans.of_fit(name, fit) for name, fit in self._fits.items())

    def model(self, column: str) -> ColumnModel:
        """Return the model of a column: its modes and how they were fitted.

        Raises
        ------
        StoreError
            If the column is not fitted.
        """
        return self._fit_of(column).stored.model

    def modes(self, column: str) -> pl.DataFrame:
        """Return the modes of a column, a row each, by rank.

        Columns are type, value, weight, mean, std, range and expected frequency.
        """
        fitted = self._fit_of(column)
        return pl.DataFrame(ranking_table(fitted.stored, fitted.ranking))

    def codecs(self, within: Within | None = None) -> dict[str, ColumnCodec]:
        """Return the codec of each fitted column; raise StoreError if there are none."""
        if not self._fits:
            raise StoreError(
                "the encoder is not fitted", remedy="Call `fit`, or `TableEncoder.load`"
            )
        return {name: column.codec(within) for name, column in self._fits.items()}

    def save(self, path: str | Path) -> None:
        """Write the fit into a folder, laid out as a fit in a store, as its next generation.

        Whoever loads the folder meanwhile gets all columns of this fit, or all of the fit before.
        """
        folder = FitFolder(Path(path))
        spec = FitSpec(
            name=folder.path.name,
            source=self._source,
            columns=self.columns,
            csv=self._csv.told,
            csv_found=self._csv.found,
            settings=self.settings,
        )
        save_fit(spec, folder, self._fits)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        generation: int | None = None,
        threads: int | None = None,
        engine: Engine | None = None,
        csv: Mapping[str, Any] | CsvDialect | None = None,
    ) -> Self:
        """Return the encoder of a fit that `save` or `gmm-pipeline run` wrote into a folder.

        Parameters
        ----------
        path : str or Path
        generation : int, optional
            Of an earlier fit, as `gmm-pipeline fits` lists them; by default the newest generation
            in which all columns are of one version of the source.
        threads, engine, csv
            As of the class; what `csv` does not say is as in the files that were fitted.

        Raises
        ------
        StoreError
            If the folder holds no fit or no such generation, or a file of it is damaged.
        """
        with FitFolder(Path(path), generation).reading() as view:
            return cls.of_view(view, threads=threads, engine=engine, csv=csv)

    @classmethod
    def of_view(
        cls,
        view: FitView,
        *,
        threads: int | None = None,
        engine: Engine | None = None,
        csv: Mapping[str, Any] | CsvDialect | None = None,
    ) -> Self:
        """Return the encoder of the fit in one snapshot, without columns that are not fitted."""
        spec = FitSpec.model_validate(view.fit)
        encoder = cls(
            spec.settings.columns,
            threads=threads,
            engine=engine,
            **spec.settings.settings,
        )
        fits = {name: view.column_fit(name) for name in view.fitted}
        encoder._fits = {name: fit for name, fit in fits.items() if fit is not None}
        encoder._csv = Known(CsvDialect.of(csv or {}).over(spec.csv), spec.csv_found)
        encoder._source = spec.source
        return encoder

    def replace_fits(self, fits: Mapping[str, ColumnFit]) -> Self:
        """Return a copy of this encoder with other fits of some columns."""
        replaced = copy(self)
        replaced._fits = {**self._fits, **fits}  # noqa: SLF001 - of the same class
        return replaced

    def _fit_of(self, column: str) -> ColumnFit:
        if column not in self._fits:
            raise StoreError(
                f"column {column!r} is not fitted", remedy=did_you_mean(column, self._fits)
            )
        return self._fits[column]

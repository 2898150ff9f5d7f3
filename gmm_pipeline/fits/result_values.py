"""Results of a stage as Python values: tables of several libraries, models, sketches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from gmm_pipeline.arrow.identity import join_identities
from gmm_pipeline.arrow.rows import TableRows
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.errors import SettingsError, StoreError
from gmm_pipeline.fits.stages import MODEL, RAW, SKETCH, TRANSFORMED, Stage
from gmm_pipeline.fits.stored_columns import stored_columns
from gmm_pipeline.store.legacy_snapshots import entry_of
from gmm_pipeline.store.model_files import MODEL_FILE, read_model
from gmm_pipeline.store.sketch_files import SKETCH_FILE, read_sketch
from gmm_pipeline.store.snapshot import belonging
from gmm_pipeline.tables.row_batches import JoinedColumns

if TYPE_CHECKING:
    import polars as pl
    from pyspark.ml.clustering import GaussianMixtureModel
    from pyspark.sql import DataFrame, SparkSession

    from gmm_pipeline.store.fit_view import FitView
    from gmm_pipeline.store.result import Result

_BY_ROW = (RAW, TRANSFORMED)
"""The stages whose tables have a row for each row of the source, so that columns can be joined."""
_TABLES = ("polars.LazyFrame", "polars.DataFrame", "pyarrow.Table", "Spark's DataFrame")
_DEFAULTS: Mapping[Stage, type] = {MODEL: ColumnModel, SKETCH: Sketch}


@dataclass(frozen=True)
class StageResults:
    """Results of one stage, of columns of one snapshot.

    Parameters
    ----------
    stage : Stage
    results : mapping of str to Result
        By column, in the order of the table; at least one.
    session : callable
        Returns the Spark session; called where a value needs it.
    """

    stage: Stage
    results: Mapping[str, Result]
    session: Callable[[], SparkSession]

    def value(self, kind: type | None = None) -> Any:
        """Return the results as one value; columns of rows are joined side by side.

        Parameters
        ----------
        kind : type, optional
            `polars.LazyFrame`, `polars.DataFrame`, `pyarrow.Table` or Spark's `DataFrame`; for a
            model `ColumnModel` or Spark's `GaussianMixtureModel`; for a sketch also `Sketch`. By
            default `ColumnModel`, `Sketch`, and for the other stages `polars.LazyFrame`.

        Raises
        ------
        SettingsError
            If the stage has no values of this type, or one for each column only.
        StoreError
            If columns have different numbers of rows, or a file is damaged.
        """
        kind = kind or self._default()
        read = self._reader(kind)
        if read is None:
            raise SettingsError(
                f"{self.stage.asset} cannot be loaded as {kind.__name__}",
                remedy=f"Annotate the input as {' or '.join(self._kinds())}",
            )
        if len(self.results) > 1 and self.stage not in _BY_ROW:
            raise SettingsError(
                f"{self.stage.asset} of {len(self.results)} columns is not one {kind.__name__}",
                remedy=f"Annotate the input as dict[str, {kind.__name__}]: one for each column",
            )
        self._check_rows()
        return read()

    def by_column(self, kind: type | None = None) -> dict[str, Any]:
        """Return the value of each column; see `value`."""
        return {
            name: replace(self, results={name: result}).value(kind)
            for name, result in self.results.items()
        }

    def _default(self) -> type:
        import polars as pl

        return _DEFAULTS.get(self.stage, pl.LazyFrame)

    def _kinds(self) -> tuple[str, ...]:
        if self.stage is MODEL:
            return "ColumnModel", "Spark's GaussianMixtureModel"
        return ("Sketch", *_TABLES) if self.stage is SKETCH else _TABLES

    def _reader(self, kind: type) -> Callable[[], Any] | None:
        """Return what reads the results as a type."""
        import polars as pl

        readers: dict[type, Callable[[], Any]]
        in_spark: Callable[[], Any]
        if self.stage is MODEL:
            readers, in_spark = {ColumnModel: self._model}, self._spark_model
            is_spark = _is_spark(kind, "ml", "GaussianMixtureModel")
        else:
            readers = {pl.LazyFrame: self._scan, pl.DataFrame: self._frame, pa.Table: self._arrow}
            in_spark, is_spark = self._spark_frame, _is_spark(kind, "sql", "DataFrame")
        if self.stage is SKETCH:
            readers[Sketch] = self._sketch
        return in_spark if is_spark else readers.get(kind)

    def _check_rows(self) -> None:
        """Raise StoreError if columns have different numbers of rows."""
        rows = {name: result.manifest.rows for name, result in self.results.items()}
        first = next(iter(rows))
        for name, number in rows.items():
            if number != rows[first]:
                raise StoreError(
                    f"{self.stage.asset} has {number:,} rows, but {rows[first]:,} of {first!r}",
                    column=name,
                    remedy="Materialise the column that is behind",
                )

    def _only(self) -> Result:
        return next(iter(self.results.values()))

    def _model(self) -> ColumnModel:
        return read_model(self._only().checked_file(MODEL_FILE)).model

    def _sketch(self) -> Sketch:
        return read_sketch(self._only().checked_file(SKETCH_FILE))

    def _scan(self) -> pl.LazyFrame:
        import polars as pl

        scans = [pl.scan_parquet(result.tables()) for result in self.results.values()]
        return scans[0] if len(scans) == 1 else pl.concat(scans, how="horizontal")

    def _frame(self) -> pl.DataFrame:
        return self._scan().collect()

    def _arrow(self) -> pa.Table:
        rows = self._rows()
        return pa.Table.from_batches(rows.batches(range(rows.rows)), rows.schema)

    def _spark_frame(self) -> DataFrame:
        from gmm_pipeline.engines.spark.engine import SparkEngine

        files = [result.tables()[0] for result in self.results.values()]
        return SparkEngine(self.session()).frame(self._rows(), files)

    def _spark_model(self) -> GaussianMixtureModel:
        from gmm_pipeline.engines.spark.mixture import load_mixture

        result = self._only()
        if not any(name.startswith("metadata/") for name in result.manifest.files):
            raise StoreError(
                "the model has no Gaussian modes that Spark could hold",
                column=result.manifest.column,
                remedy="Annotate the input as ColumnModel",
            )
        self.session()
        return load_mixture(result.folder)

    def _rows(self) -> TableRows:
        columns = [each for result in self.results.values() for each in stored_columns(result)]
        schemas = [column.footers.of(column.files[0]).schema for column in columns]
        schema = pa.schema([column.field for column in columns], join_identities(schemas))
        return TableRows(JoinedColumns(tuple(columns)), schema, lambda batch, _: batch)


def matching_results(
    view: FitView, names: Sequence[str], stage: Stage
) -> tuple[dict[str, Result], dict[str, str]]:
    """Return results of columns that are of one version of the source, and what others lack.

    Raises
    ------
    StoreError
        If files of a result are gone or damaged.
    """
    entries = view.snapshot.columns
    found = {name for name in names if name in entries and stage.name in entries[name].results}
    versions = Counter(entries[name].source for name in found)
    usual = versions.most_common(1)[0][0] if found else None
    results: dict[str, Result] = {}
    problems: dict[str, str] = {}
    for name in names:
        if name not in found:
            problems[name] = "has no result"
        elif entries[name].source != usual:
            problems[name] = "is of another version of the source than most columns"
        else:
            results[name] = view.require(name, stage.name)
    return results, problems


def with_newest_results(view: FitView, column: str, stage: Stage) -> FitView:
    """Return a view in which a column has its newest results, if one of the stage is among them.

    They may not be published yet: what is computed from them is still missing.
    """
    newest = belonging(view.folder.column(column).manifests())
    if stage.name not in newest:
        return view
    columns = {**view.snapshot.columns, column: entry_of(newest)}
    return replace(view, snapshot=view.snapshot.model_copy(update={"columns": columns}))


def unpublished_results(view: FitView, names: Iterable[str], stage: Stage) -> list[str]:
    """Return those of the columns that have a newer result of a stage than a view shows."""
    found = []
    for name in names:
        newest = view.folder.column(name).last_manifest(stage.name)
        shown = view.snapshot.columns[name].results[stage.name].manifest
        if newest is not None and newest.file_name != shown:
            found.append(name)
    return found


def _is_spark(kind: type, package: str, name: str) -> bool:
    """Whether a type is one of Spark's; Spark is not imported to tell."""
    return kind.__module__.startswith(f"pyspark.{package}") and kind.__name__ == name

"""Converts CSV to Parquet, so that columns can be read one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.arrow.regroup import split_rows
from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.find_forms import form_of
from gmm_pipeline.tables.csv.find_types import TypeSearch
from gmm_pipeline.tables.csv.forms import Form
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.csv.report import ColumnReading, CsvReport, Misfits
from gmm_pipeline.tables.csv.rows import CsvFile, open_known
from gmm_pipeline.tables.csv.survey import filled
from gmm_pipeline.tables.csv.typed_cells import form_for, needs_form, read_as
from gmm_pipeline.tables.files import SourceFiles


def convert(files: SourceFiles, target: Path, known: Known) -> None:
    """Write the rows of CSV files to a Parquet file, streaming; it appears complete or not at all.

    Cells that are no values of a known type are null, and in the report of the Parquet file.

    Raises
    ------
    SourceError
        If a file cannot be read as CSV, or changed since it was found.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as partial, files.require_unchanged():
        opened = _open_files(files.files, known)
        first = opened[0]
        readings = _readings(opened, known)
        types = {name: reading.form for name, reading in readings.items()}
        dialect = first.dialect.model_copy(update={"types": types})
        columns = _columns(dialect, known)
        report = CsvReport(dialect=dialect, readings=readings, remarks=_remarks(first))
        _write(partial, opened, columns, report)


def _open_files(paths: Sequence[Path], known: Known) -> list[CsvFile]:
    """Open files; those after the first are read by its dialect, apart from their encoding."""
    first = open_known(paths[0], known)
    own = first.dialect.model_copy(
        update={"encoding": known.told.encoding, "skip": known.told.skip}
    )
    return [first, *(CsvFile.open(path, own) for path in paths[1:])]


def _readings(files: Sequence[CsvFile], known: Known) -> dict[str, ColumnReading]:
    """Return how each column is read: as told, by its known type, or as its cells are written."""
    first = files[0]
    told = {
        name: ColumnReading(form=form_of(form, first.dialect, name).text, why="as told")
        for name, form in known.told.types.items()
        if name in first.names
    }
    kept = {} if known.found is None else known.found.types
    fields = {} if known.schema is None else {field.name: field for field in known.schema}
    typed = {
        name: ColumnReading(form=kept.get(name, "string"), why="the type is known")
        for name, field in fields.items()
        if name in kept or not needs_form(field)
    }
    open_ = [name for name in first.names if name not in {**typed, **told}]
    dialect = first.dialect.model_copy(update={"types": kept})
    search = TypeSearch(dialect, first.quoted_digits, lambda: _rows(files))
    found = search.readings(open_) if open_ else {}
    everything = {**found, **typed, **told}
    return {name: everything[name] for name in first.names}


def _rows(files: Sequence[CsvFile]) -> Iterator[pl.DataFrame]:
    names = list(files[0].names)
    for file in files:
        for frame in file.batches():
            yield frame.select(names)


@dataclass(frozen=True)
class _Column:
    """How the cells of a column become values."""

    name: str
    form: Form
    field: pa.Field | None

    @property
    def values(self) -> pl.Expr:
        cell = pl.col(self.name)
        read = self.form.read(cell) if self.field is None else read_as(cell, self.form, self.field)
        return read.alias(self.name)

    @property
    def kind(self) -> str:
        return self.form.text if self.field is None else str(self.field.type)


def _columns(dialect: CsvDialect, known: Known) -> list[_Column]:
    fields = {} if known.schema is None else {field.name: field for field in known.schema}
    columns = []
    for name, text in dialect.types.items():
        form, field = form_of(text, dialect, name), fields.get(name)
        if field is not None:
            form = form_for(field, form, dialect)
        columns.append(_Column(name, form, field))
    return columns


def _write(
    target: Path, files: Sequence[CsvFile], columns: Sequence[_Column], report: CsvReport
) -> None:
    schema = _schema(columns)
    misfits: dict[str, Misfits] = {}
    blank = 0
    # The form is read once or a few times: lz4 costs less time than it saves on most disks.
    with pq.ParquetWriter(target, schema, compression="lz4") as writer:
        batches = (
            batch
            for frame in _values(_rows(files), columns, misfits)
            for batch in frame.to_arrow().cast(schema).to_batches()
        )
        for pieces in split_rows(batches, ROWS_PER_GROUP):
            group = pa.Table.from_batches(pieces, schema=schema)
            blank += group.column(0).null_count if len(columns) == 1 else 0
            writer.write_table(group, ROWS_PER_GROUP)
        remark = f"blank lines are nulls, as there is a single column ({blank:,} nulls)"
        remarks = (*report.remarks, *([remark] if blank else []))
        report.model_copy(update={"misfits": misfits, "remarks": remarks}).add_to(writer)


def _values(
    rows: Iterator[pl.DataFrame], columns: Sequence[_Column], misfits: dict[str, Misfits]
) -> Iterator[pl.DataFrame]:
    """Yield rows of values; cells that are none are null, and added to the misfits."""
    cells = [filled(pl.col(column.name)).sum().alias(column.name) for column in columns]
    before = 0
    for frame in rows:
        values = frame.select([column.values for column in columns])
        wanted = frame.select(cells).row(0, named=True)
        for column in columns:
            missing = wanted[column.name] - values[column.name].count()
            if missing > 0:
                cell = frame.select(filled(pl.col(column.name))).to_series()
                first = int((cell & values[column.name].is_null()).arg_max() or 0)
                _add(misfits, column, int(missing), before + first + 1)
        before += frame.height
        yield values


def _add(misfits: dict[str, Misfits], column: _Column, rows: int, first: int) -> None:
    earlier = misfits.get(column.name)
    misfits[column.name] = Misfits(
        rows=rows + (earlier.rows if earlier else 0),
        first=earlier.first if earlier else first,
        kind=column.kind,
    )


def _schema(columns: Sequence[_Column]) -> pa.Schema:
    empty = pl.DataFrame(schema={column.name: pl.String for column in columns})
    return empty.select([column.values for column in columns]).to_arrow().schema


def _remarks(file: CsvFile) -> tuple[str, ...]:
    dialect = file.dialect
    skipped = f"{dialect.skip} lines before the header are left out" if dialect.skip else ""
    quoted = "every cell is quoted, so that quotes do not tell codes from numbers"
    return tuple(filter(None, [*file.layout.remarks, skipped, quoted * (dialect.quoted == "all")]))

"""Tables on this machine: a Parquet or CSV file, a folder of them, or a glob."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from gmm_pipeline.arrow.memory_column import MemoryColumn
from gmm_pipeline.arrow.parquet import open_reader
from gmm_pipeline.arrow.parquet_column import BATCH_ROWS, ParquetColumn
from gmm_pipeline.errors import SourceError, did_you_mean
from gmm_pipeline.tables import csv
from gmm_pipeline.tables.files import SourceFiles, find_files


@dataclass(frozen=True)
class LocalTable:
    """A table in Parquet files.

    Parameters
    ----------
    schema : pyarrow.Schema
        The columns of all files.
    files : tuple of Path
    file_rows : tuple of int
    first_files : dict of str to int
        The first file of columns that the files before it do not have; their rows are null there.
    conflicts : dict of str to SourceError
        What is wrong with columns that the files do not agree on.
    """

    schema: pa.Schema
    files: tuple[Path, ...]
    file_rows: tuple[int, ...]
    first_files: Mapping[str, int]
    conflicts: Mapping[str, SourceError]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(self.file_rows)

    def column(self, name: str, batch_rows: int = BATCH_ROWS) -> ParquetColumn:
        """Return one column.

        Raises
        ------
        SourceError
            If there is none of that name, or the files do not agree on it.
        """
        _require(name, self.schema.names)
        if name in self.conflicts:
            raise self.conflicts[name]
        first = self.first_files.get(name, 0)
        return ParquetColumn(
            self.schema.field(name),
            self.files[first:],
            self.file_rows[first:],
            batch_rows,
            sum(self.file_rows[:first]),
        )


@dataclass(frozen=True)
class MemoryTable:
    """A table in memory; it can be read like a `LocalTable`."""

    table: pa.Table

    @classmethod
    def of(cls, table: pa.Table) -> MemoryTable:
        """Take an Arrow table; raise SourceError if it has no rows, or duplicate or empty column
        names.
        """
        _check_names("the table", table.column_names)
        if not table.num_rows:
            raise SourceError("the table has no rows", remedy="Give a table with at least one row")
        return cls(table)

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self.table.schema

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return int(self.table.num_rows)

    def column(self, name: str) -> MemoryColumn:
        """Return one column; raise SourceError if there is none of that name."""
        _require(name, self.schema.names)
        return MemoryColumn(self.schema.field(name), self.table[name])


def open_table(
    source: str,
    staging: Path,
    *,
    csv_nulls: Sequence[str] = (),
    csv_schema: pa.Schema | None = None,
) -> LocalTable:
    """Open a table; CSV is turned into Parquet first, once.

    Parameters
    ----------
    source : str
        A file, a folder or a glob.
    staging : Path
        A folder for the Parquet form of CSV files, named by what they are; it is made when needed.
    csv_nulls : sequence of str
        What stands for null in CSV files, besides the empty field.
    csv_schema : pyarrow.Schema, optional
        Known types of columns of CSV files.

    Raises
    ------
    SourceError
        If the table is missing, has no rows, or has duplicate or empty column names.
    """
    return open_batches(
        source, [find_files(source)], staging, csv_nulls=csv_nulls, csv_schema=csv_schema
    )


def open_batches(
    source: str,
    batches: Sequence[SourceFiles],
    staging: Path,
    *,
    csv_nulls: Sequence[str] = (),
    csv_schema: pa.Schema | None = None,
) -> LocalTable:
    """Open a table whose files came in batches; its rows are in their order.

    Each batch of CSV files is converted on its own, later ones to the types of the first, unless
    they do not have them; then all are converted together, to types that hold for all. CSV files of
    other columns stay apart. The other parameters are those of `open_table`.
    """
    files = [file for batch in batches for file in batch.files]
    if not batches[0].is_csv:
        return _open_parquet(source, files, [file.name for file in files])
    headers = {file: tuple(csv.header(file)) for file in files}
    _check_names(f"source {source!r}", headers[files[0]])
    groups = [
        SourceFiles(tuple(group))
        for batch in batches
        for _, group in groupby(batch.files, key=headers.__getitem__)
    ]
    staged = _Staging(staging, csv_nulls)
    differ = len(set(headers.values())) > 1
    if len(groups) > 1:
        with nullcontext() if differ else suppress(SourceError):
            table = staged.table_of(source, groups, csv_schema)
            if differ or not table.conflicts:
                return table
    together = staged.parquet_of(SourceFiles(tuple(files)), csv_schema)
    return _open_parquet(source, [together], [files[0].name])


@dataclass(frozen=True)
class _Staging:
    """Parquet forms of CSV files, by what they are made from."""

    folder: Path
    csv_nulls: Sequence[str]

    def parquet_of(self, files: SourceFiles, schema: pa.Schema | None) -> Path:
        options = json.dumps(
            [files.fingerprint(), list(self.csv_nulls), schema and schema.to_string()]
        )
        target = self.folder / f"{hashlib.sha256(options.encode()).hexdigest()[:16]}.parquet"
        if not target.exists():
            csv.convert(files.files, target, self.csv_nulls, schema)
        return target

    def table_of(
        self, source: str, groups: Sequence[SourceFiles], schema: pa.Schema | None
    ) -> LocalTable:
        """Open groups of files as one table, the later ones in the types of the first."""
        first = self.parquet_of(groups[0], schema)
        known = _footer(first)[0]
        parts = [first, *(self.parquet_of(group, known) for group in groups[1:])]
        return _open_parquet(source, parts, [group.files[0].name for group in groups])


def _open_parquet(source: str, files: Sequence[Path], called: Sequence[str]) -> LocalTable:
    """Open a table of Parquet files, which are called so in messages."""
    footers = [_footer(file) for file in files]
    schemas = [schema for schema, _ in footers]
    for schema in schemas:
        if schema is schemas[0] or not schema.equals(schemas[0]):
            _check_names(f"source {source!r}", schema.names)
    file_rows = tuple(rows for _, rows in footers)
    if not sum(file_rows):
        raise SourceError(
            f"source {source!r} has no rows", remedy="Give a table with at least one row"
        )
    if all(schema.equals(schemas[0]) for schema in schemas[1:]):
        return LocalTable(schemas[0], tuple(files), file_rows, {}, {})
    names = dict.fromkeys(name for schema in schemas for name in schema.names)
    first = {
        name: next(n for n, schema in enumerate(schemas) if name in schema.names) for name in names
    }
    fields = [schemas[first[name]].field(name) for name in names]
    conflicts = {
        name: _conflict(name, schemas[start:], called[start:]) for name, start in first.items()
    }
    return LocalTable(
        pa.schema([field.with_nullable(True) if first[field.name] else field for field in fields]),
        tuple(files),
        file_rows,
        {name: start for name, start in first.items() if start},
        {name: conflict for name, conflict in conflicts.items() if conflict},
    )


def _conflict(name: str, schemas: Sequence[pa.Schema], called: Sequence[str]) -> SourceError | None:
    """Return in what the files disagree on a column that the first of them has, if they do."""
    kind = schemas[0].field(name).type
    for schema, file in zip(schemas[1:], called[1:], strict=True):
        other = schema.field(name).type if name in schema.names else None
        if other != kind:
            return SourceError(
                f"files of one table differ: type {kind} in {called[0]}, {other or 'missing'} in {file}",
                column=name,
                remedy="Bring the files to one schema, give them as separate tables, or leave the column out",
            )
    return None


def _footer(file: Path) -> tuple[pa.Schema, int]:
    try:
        with open_reader(file) as reader:
            return reader.schema_arrow.remove_metadata(), reader.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"file {file} cannot be read as Parquet: {error}",
            remedy="Write the file again, or leave it out",
        ) from error


def _require(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise SourceError(f"the table has no column {name!r}", remedy=did_you_mean(name, names))


def _check_names(source: str, names: Sequence[str]) -> None:
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    if duplicates:
        raise SourceError(
            f"{source} has several columns of the same name: {', '.join(map(repr, duplicates))}",
            remedy="Rename them, so that results can be told apart",
        )
    if "" in names:
        raise SourceError(
            f"{source} has a column without a name at position {names.index('') + 1}",
            remedy="Name it",
        )

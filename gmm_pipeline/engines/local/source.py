"""Tables on this machine: a Parquet or CSV file, a folder of them, or a glob."""

from __future__ import annotations

import glob
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gmm_pipeline.arrow.parquet import open_reader
from gmm_pipeline.engines.local import csv
from gmm_pipeline.engines.local.memory_column import MemoryColumn
from gmm_pipeline.engines.local.parquet_column import BATCH_ROWS, ParquetColumn
from gmm_pipeline.errors import SourceError, did_you_mean

_PARQUET = {".parquet", ".pq"}
_CSV = {".csv"}


@dataclass(frozen=True)
class SourceFiles:
    """The files of a table, all of one format, in the order of their rows."""

    files: tuple[Path, ...]
    is_csv: bool

    def fingerprint(self) -> str:
        """Return a digest of the files' names, sizes and times of change."""
        facts = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in self.files]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@dataclass(frozen=True)
class LocalTable:
    """A table in Parquet files.

    Parameters
    ----------
    schema : pyarrow.Schema
    files : tuple of Path
    file_rows : tuple of int
    """

    schema: pa.Schema
    files: tuple[Path, ...]
    file_rows: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(self.file_rows)

    def column(self, name: str, batch_rows: int = BATCH_ROWS) -> ParquetColumn:
        """Return one column.

        Raises
        ------
        SourceError
            If there is none of that name.
        """
        _require(name, self.schema.names)
        return ParquetColumn(self.schema.field(name), self.files, self.file_rows, batch_rows)


@dataclass(frozen=True)
class MemoryTable:
    """A table in memory; it can be read like a `LocalTable`."""

    table: pa.Table

    @classmethod
    def of(cls, table: pa.Table) -> MemoryTable:
        """Take an Arrow table; raise SourceError if it has no rows, or duplicate or empty column names."""
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


def find_files(source: str) -> SourceFiles:
    """Return the files that a path, a folder or a glob stands for, sorted by path.

    Raises
    ------
    SourceError
        If there are none, or files of several formats.
    """
    path = Path(source)
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if _is_data(file, path)]
    else:
        found = [Path(file) for file in sorted(glob.glob(source, recursive=True)) if Path(file).is_file()]  # noqa: PTH207
    if not found:
        problem = "holds no Parquet or CSV file" if path.is_dir() else "does not exist"
        raise SourceError(
            f"source {source!r} {problem}", remedy="Give a Parquet or CSV file, a folder of them, or a quoted glob"
        )
    formats = {file.suffix.lower() for file in found}
    if not (formats <= _PARQUET or formats <= _CSV):
        raise SourceError(
            f"source {source!r} holds files of several or unknown formats: {', '.join(sorted(formats))}",
            remedy="Give files that are all .parquet or all .csv, with a glob such as 'folder/*.parquet'",
        )
    return SourceFiles(tuple(file.absolute() for file in found), formats <= _CSV)


def open_table(
    source: str, staging: Path, *, csv_nulls: Sequence[str] = (), csv_schema: pa.Schema | None = None
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
        If the table is missing, has no rows, or has duplicate or empty column names, or files that differ.
    """
    found = find_files(source)
    if not found.is_csv:
        return _open_parquet(source, found.files)
    _check_names(f"source {source!r}", csv.header(found.files[0]))
    options = json.dumps([found.fingerprint(), list(csv_nulls), csv_schema and csv_schema.to_string()])
    target = staging / f"{hashlib.sha256(options.encode()).hexdigest()[:16]}.parquet"
    if not target.exists():
        csv.convert(found.files, target, csv_nulls, csv_schema)
    return _open_parquet(source, (target,))


def _is_data(file: Path, folder: Path) -> bool:
    """Tell data files from the hidden files and folders that other tools leave behind."""
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    return not hidden and file.suffix.lower() in _PARQUET | _CSV and file.is_file()


def _open_parquet(source: str, files: Sequence[Path]) -> LocalTable:
    schema, rows = _footer(files[0])
    _check_names(f"source {source!r}", schema.names)
    file_rows = [rows]
    for file in files[1:]:
        other, rows = _footer(file)
        _check_same(schema, files[0], other, file)
        file_rows.append(rows)
    if not sum(file_rows):
        raise SourceError(f"source {source!r} has no rows", remedy="Give a table with at least one row")
    return LocalTable(schema, tuple(files), tuple(file_rows))


def _footer(file: Path) -> tuple[pa.Schema, int]:
    try:
        with open_reader(file) as reader:
            return reader.schema_arrow.remove_metadata(), reader.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"file {file} cannot be read as Parquet: {error}", remedy="Write the file again, or leave it out"
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
        raise SourceError(f"{source} has a column without a name at position {names.index('') + 1}", remedy="Name it")


def _check_same(schema: pa.Schema, file: Path, other: pa.Schema, other_file: Path) -> None:
    for name in dict.fromkeys([*schema.names, *other.names]):
        types = [str(side.field(name).type) if name in side.names else "missing" for side in (schema, other)]
        if types[0] != types[1]:
            raise SourceError(
                f"files of one table differ: type {types[0]} in {file.name}, {types[1]} in {other_file.name}",
                column=name,
                remedy="Bring the files to one schema, or give them as separate tables",
            )

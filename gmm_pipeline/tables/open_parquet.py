"""Opens tables of Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from gmm_pipeline.arrow.parquet_rows import Footers, ParquetRows
from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.column_names import check_names
from gmm_pipeline.tables.files import SourceFiles
from gmm_pipeline.tables.local_table import LocalTable


def open_parquet(source: str, versions: SourceFiles, names: Sequence[str]) -> LocalTable:
    """Open a table of Parquet files; messages call each by its name."""
    files, footers = versions.files, Footers()
    opened = [read_table_footer(footers, file) for file in files]
    schemas = [file.schema.remove_metadata() for file in opened]
    for schema in schemas:
        if schema is schemas[0] or not schema.equals(schemas[0]):
            check_names(f"source {source!r}", schema.names)
    file_rows = tuple(file.rows for file in opened)
    if not sum(file_rows):
        raise SourceError(
            f"source {source!r} has no rows", remedy="Give a table with at least one row"
        )
    if all(schema.equals(schemas[0]) for schema in schemas[1:]):
        return LocalTable(schemas[0], files, file_rows, {}, {}, versions, footers)
    columns = dict.fromkeys(name for schema in schemas for name in schema.names)
    first = {
        name: next(n for n, schema in enumerate(schemas) if name in schema.names)
        for name in columns
    }
    fields = [schemas[first[name]].field(name) for name in columns]
    conflicts = {
        name: _conflict(name, schemas[start:], names[start:]) for name, start in first.items()
    }
    return LocalTable(
        pa.schema([field.with_nullable(True) if first[field.name] else field for field in fields]),
        files,
        file_rows,
        {name: start for name, start in first.items() if start},
        {name: conflict for name, conflict in conflicts.items() if conflict},
        versions,
        footers,
    )


def _conflict(name: str, schemas: Sequence[pa.Schema], names: Sequence[str]) -> SourceError | None:
    """Return how files differ in the type of a column that the first of them has; None if not."""
    kind = schemas[0].field(name).type
    for schema, file in zip(schemas[1:], names[1:], strict=True):
        other = schema.field(name).type if name in schema.names else None
        if other != kind:
            return SourceError(
                f"files of one table differ: type {kind} in {names[0]}, "
                f"{other or 'missing'} in {file}",
                column=name,
                remedy="Write the files with one schema, run them as separate tables, or leave the "
                "column out",
            )
    return None


def read_table_footer(footers: Footers, file: Path) -> ParquetRows:
    """Return a file with its footer read; raise SourceError if it is not a Parquet file."""
    try:
        return footers.of(file)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"file {file} cannot be read as Parquet: {error}",
            remedy="Write the file again, or leave it out",
        ) from error

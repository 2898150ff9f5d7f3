"""Opens tables of Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import with_wide_indices
from gmm_pipeline.arrow.encoded_rows import are_encoded
from gmm_pipeline.arrow.parquet_rows import Footers, ParquetRows
from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.column_names import check_names
from gmm_pipeline.tables.files import SourceFiles
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.united_schema import UnitedSchema


def open_parquet(source: str, versions: SourceFiles, names: Sequence[str]) -> LocalTable:
    """Open a table of Parquet files; messages call each by its name."""
    files, footers = versions.files, Footers()
    opened = [read_table_footer(footers, file) for file in files]
    schemas = [file.schema.remove_metadata() for file in opened]
    for schema in schemas:
        if schema is schemas[0] or not schema.equals(schemas[0]):
            check_names(f"source {source!r}", schema.names)
    refuse_encoded_among_others(
        {file: schema.names for file, schema in zip(files, schemas, strict=True)}
    )
    file_rows = tuple(file.rows for file in opened)
    if not sum(file_rows):
        raise SourceError(
            f"source {source!r} has no rows", remedy="Give a table with at least one row"
        )
    united = UnitedSchema.of(schemas, file_rows, names)
    pieces = sum(file.metadata.num_row_groups for file in opened)
    return LocalTable(
        united.schema if pieces == 1 else _with_wide_indices(united.schema),
        files,
        file_rows,
        united.first_files,
        united.conflicts,
        versions,
        footers,
    )


def _with_wide_indices(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        field.with_type(with_wide_indices(field.type)) if pat.is_dictionary(field.type) else field
        for field in schema
    )


def refuse_encoded_among_others(columns: Mapping[Path, Sequence[str]]) -> None:
    """Raise SourceError if some of the files, but not all, are tables that this product encoded."""
    encoded = [file for file, names in columns.items() if are_encoded(names)]
    if encoded and len(encoded) < len(columns):
        raise SourceError(
            f"{encoded[0]} holds encoded rows, and lies among files that do not",
            remedy="Move it to another folder, or name the files of the table by a glob",
        )


def read_table_footer(footers: Footers, file: Path) -> ParquetRows:
    """Return a file with its footer read; raise SourceError if it is not a Parquet file."""
    try:
        return footers.of(file)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"file {file} cannot be read as Parquet: {error}",
            remedy="Write the file again, or leave it out",
        ) from error

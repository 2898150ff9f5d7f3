"""Opens tables: a Parquet or CSV file, a folder of them, or a glob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import with_wide_indices
from gmm_pipeline.arrow.encoded_rows import are_encoded
from gmm_pipeline.arrow.parquet_rows import Footers, ParquetRows
from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables import csv
from gmm_pipeline.tables.column_names import check_names
from gmm_pipeline.tables.files import SourceFiles, find_files
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.united_schema import UnitedSchema


def open_table(
    source: str,
    staging: Path,
    *,
    csv_nulls: Sequence[str] = (),
    csv_schema: pa.Schema | None = None,
) -> LocalTable:
    """Open a table; CSV is converted to Parquet first, once.

    Parameters
    ----------
    source : str
        A file, a folder or a glob.
    staging : Path
        A folder for the Parquet form of CSV files; it need not exist yet.
    csv_nulls : sequence of str
        Texts that mean null in CSV files, besides the empty field.
    csv_schema : pyarrow.Schema, optional
        Known types of columns of CSV files.

    Raises
    ------
    SourceError
        If the table is missing, unreadable or without rows, or has duplicate or empty column names.
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
    """Open a table whose files came in batches; rows are in the order of batches and files.

    Each batch of CSV files is converted on its own, so that files that were added do not cause the
    earlier ones to be converted again. Later batches are read in the types of the first. Where
    that fails, all files are converted together, to types that suit all of them; files with other
    columns than the rest are always converted on their own.

    See `open_table` for the other parameters.
    """
    together = SourceFiles(tuple(stamp for batch in batches for stamp in batch.stamps))
    files = together.files
    if not batches[0].is_csv:
        return _open_parquet(source, together, [file.name for file in files])
    headers = {file: tuple(csv.header(file)) for file in files}
    check_names(f"source {source!r}", headers[files[0]])
    _refuse_encoded_among_others(headers)
    groups = [
        SourceFiles(tuple(group))
        for batch in batches
        for _, group in groupby(batch.stamps, key=lambda stamp: headers[stamp.path])
    ]
    staged = csv.CsvStaging(staging, csv_nulls)
    differ = len(set(headers.values())) > 1
    if len(groups) > 1:
        with nullcontext() if differ else suppress(SourceError):
            table = _open_groups(source, groups, staged, csv_schema)
            if differ or not table.conflicts:
                return table
    parquet = SourceFiles.of([staged.parquet_of(together, csv_schema)])
    return _open_parquet(source, parquet, [files[0].name])


def _open_groups(
    source: str, groups: Sequence[SourceFiles], staged: csv.CsvStaging, schema: pa.Schema | None
) -> LocalTable:
    """Open groups of CSV files as one table; later groups are read in the types of the first."""
    first = staged.parquet_of(groups[0], schema)
    known = read_table_footer(Footers(), first).schema.remove_metadata()
    parquet = SourceFiles.of([first, *(staged.parquet_of(group, known) for group in groups[1:])])
    return _open_parquet(source, parquet, [group.files[0].name for group in groups])


def _open_parquet(source: str, versions: SourceFiles, names: Sequence[str]) -> LocalTable:
    """Open a table of Parquet files; messages call each by its name."""
    files, footers = versions.files, Footers()
    opened = [read_table_footer(footers, file) for file in files]
    schemas = [file.schema.remove_metadata() for file in opened]
    for schema in schemas:
        if schema is schemas[0] or not schema.equals(schemas[0]):
            check_names(f"source {source!r}", schema.names)
    _refuse_encoded_among_others(
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


def _refuse_encoded_among_others(columns: Mapping[Path, Sequence[str]]) -> None:
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

"""Tables as Python users have them: opened by columns, streamed by batches, handed back lazily."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from gmm_pipeline.arrow.identity import EncodedFile, identities_in
from gmm_pipeline.arrow.output_types import batch_in, in_polars, schema_in
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, batches
from gmm_pipeline.arrow.parquet_rows import Footers
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import NOTHING_KNOWN, Known
from gmm_pipeline.tables.csv.rows import CsvFile
from gmm_pipeline.tables.forked import refuse_where_polars_hangs
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.memory_table import MemoryTable
from gmm_pipeline.tables.open_parquet import read_table_footer
from gmm_pipeline.tables.open_table import open_batches
from gmm_pipeline.tables.table_forms import (
    Table,
    files_of,
    is_dataset,
    map_stream,
    stream_of,
    table_in_memory,
)


def open_user_table(
    table: Table, staging: Path, csv: Known = NOTHING_KNOWN
) -> LocalTable | MemoryTable:
    """Open a table to read its columns one by one.

    Parameters
    ----------
    table : Table
        Streams are read once, into `staging`.
    staging : Path
        A folder for the Parquet form of CSV files, and for rows that come in a stream.
    csv : Known, optional
        What is known of CSV files: how they are written, and types of columns.

    Raises
    ------
    SourceError
        If the table is missing, has no rows, or has duplicate or empty column names, or if the
        argument is no table.
    UnsupportedTypeError
        If Arrow does not have the type of a column.
    """
    files = files_of(table)
    if files is not None:
        if files.is_csv:
            refuse_where_polars_hangs()
        return open_batches(_name_of(table), [files], staging, csv)
    known = table_in_memory(table)
    return MemoryTable.of(map_stream(stream_of(table), staging) if known is None else known)


def encoded_files_of(table: Table) -> list[EncodedFile]:
    """Return what each file of an encoded table says of the fits that encoded it.

    Frames of Polars say nothing and are taken as they are: they come from this process.
    """
    found = files_of(table)
    if found is not None:
        if found.is_csv:
            names = [CsvFile.open(file, CsvDialect()).names for file in found.files]
            return [EncodedFile(frozenset(each), {}) for each in names]
        opened = map(partial(read_table_footer, Footers()), found.files)
        return [EncodedFile.of(file.metadata.schema.to_arrow_schema()) for file in opened]
    if isinstance(table, pa.Table | pa.RecordBatch | pa.RecordBatchReader) or is_dataset(table):
        return [EncodedFile.of(table.schema)] if identities_in(table.schema.metadata) else []
    return []


def stream_user_table(table: Table, schema: pa.Schema) -> Generator[pa.RecordBatch, None, None]:
    """Yield the rows of a table in batches; files are streamed, not loaded.

    Parameters
    ----------
    table : Table
    schema : pyarrow.Schema
        Types of columns, which CSV files do not tell.
    """
    files = files_of(table)
    if files is not None and not files.is_csv:
        yield from batches(files.files)
        return
    if files is not None:
        with tempfile.TemporaryDirectory() as staging:
            opened = open_batches(_name_of(table), [files], Path(staging), Known(schema=schema))
            for conflict in opened.conflicts.values():
                raise conflict
            yield from batches(opened.files)
        return
    known = table_in_memory(table)
    yield from stream_of(table) if known is None else known.to_batches(ROWS_PER_GROUP)


def _name_of(table: Table) -> str:
    """Return what messages call the files of a table."""
    return ", ".join(map(str, table)) if isinstance(table, list | tuple) else str(table)


def lazy_frame(schema: pa.Schema, make: Callable[[], Iterator[pa.RecordBatch]]) -> pl.LazyFrame:
    """Return a frame whose rows `make` yields each time that it is collected.

    Times in zones without a name are in UTC, as Polars knows no others.

    Raises
    ------
    PipelineError
        If Polars would hang, in a forked process.
    """
    refuse_where_polars_hangs()
    schema = schema_in(in_polars, schema)

    def scan(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        remaining = n_rows
        for batch in make():
            frame = pl.DataFrame(pa.Table.from_batches([batch_in(schema, batch)], schema=schema))
            if remaining is not None:
                frame = frame.head(remaining)
                remaining -= frame.height
            frame = frame if predicate is None else frame.filter(predicate)
            yield frame if columns is None else frame.select(columns)
            if remaining == 0:
                return

    return register_io_source(scan, schema=pl.DataFrame(schema.empty_table()).schema)

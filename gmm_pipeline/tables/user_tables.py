"""Tables as Python users have them: paths, Polars frames, Arrow tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from gmm_pipeline.arrow.identity import EncodedFile, identities_in
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, batches
from gmm_pipeline.arrow.parquet_rows import Footers
from gmm_pipeline.errors import UnsupportedTypeError
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import NOTHING_KNOWN, Known
from gmm_pipeline.tables.csv.rows import CsvFile
from gmm_pipeline.tables.files import find_files
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.memory_table import MemoryTable
from gmm_pipeline.tables.open_parquet import read_table_footer
from gmm_pipeline.tables.open_table import open_table

Table: TypeAlias = str | Path | pl.DataFrame | pl.LazyFrame | pa.Table
"""The path of a Parquet or CSV file, a folder or a glob; or a table in memory."""


def open_user_table(
    table: Table, staging: Path, csv: Known = NOTHING_KNOWN
) -> LocalTable | MemoryTable:
    """Open a table to read its columns one by one.

    Parameters
    ----------
    table : str, Path, DataFrame, LazyFrame or pyarrow.Table
        A lazy frame is collected.
    staging : Path
        A folder for the Parquet form of CSV files.
    csv : Known, optional
        What is known of CSV files: how they are written, and types of columns.

    Raises
    ------
    SourceError
        If the table is missing, has no rows, or has duplicate or empty column names.
    UnsupportedTypeError
        If Arrow does not have the type of a column.
    """
    if isinstance(table, str | Path):
        return open_table(str(table), staging, csv)
    if isinstance(table, pa.Table):
        return MemoryTable.of(table)
    frame = table.collect() if isinstance(table, pl.LazyFrame) else table
    return MemoryTable.of(_to_arrow(frame))


def _to_arrow(frame: pl.DataFrame) -> pa.Table:
    """Return a frame as an Arrow table; UnsupportedTypeError names a column without Arrow type."""
    for column in frame.iter_columns():
        try:
            column.head(0).to_arrow()
        except pa.ArrowException as error:
            raise UnsupportedTypeError(
                f"type {column.dtype} cannot be encoded",
                column=column.name,
                remedy="Leave the column out, or cast it",
            ) from error
    return frame.to_arrow()


def encoded_files_of(table: Table) -> list[EncodedFile]:
    """Return what each file of an encoded table says of the fits that encoded it.

    Frames of Polars say nothing and are taken as they are: they come from this process.
    """
    if isinstance(table, str | Path):
        found = find_files(str(table))
        if found.is_csv:
            names = [CsvFile.open(file, CsvDialect()).names for file in found.files]
            return [EncodedFile(frozenset(each), {}) for each in names]
        opened = map(partial(read_table_footer, Footers()), found.files)
        return [EncodedFile.of(file.metadata.schema.to_arrow_schema()) for file in opened]
    if isinstance(table, pa.Table) and identities_in(table.schema.metadata):
        return [EncodedFile.of(table.schema)]
    return []


def stream_user_table(table: Table, schema: pa.Schema) -> Generator[pa.RecordBatch, None, None]:
    """Yield the rows of a table in batches; files are streamed, not loaded.

    Parameters
    ----------
    table : Table
    schema : pyarrow.Schema
        Types of columns, which CSV files do not tell.
    """
    if isinstance(table, str | Path):
        if not find_files(str(table)).is_csv:
            yield from batches(find_files(str(table)).files)
            return
        with tempfile.TemporaryDirectory() as staging:
            opened = open_table(str(table), Path(staging), Known(schema=schema))
            for conflict in opened.conflicts.values():
                raise conflict
            yield from batches(opened.files)
        return
    if isinstance(table, pa.Table):
        yield from table.to_batches(ROWS_PER_GROUP)
        return
    for frame in table.lazy().collect_batches(chunk_size=ROWS_PER_GROUP, maintain_order=True):
        yield from frame.to_arrow().to_batches()


def lazy_frame(schema: pa.Schema, make: Callable[[], Iterator[pa.RecordBatch]]) -> pl.LazyFrame:
    """Return a frame whose rows `make` yields each time that it is collected."""

    def scan(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        remaining = n_rows
        for batch in make():
            frame = pl.DataFrame(pa.Table.from_batches([batch], schema=schema))
            if remaining is not None:
                frame = frame.head(remaining)
                remaining -= frame.height
            frame = frame if predicate is None else frame.filter(predicate)
            yield frame if columns is None else frame.select(columns)
            if remaining == 0:
                return

    return register_io_source(scan, schema=pl.DataFrame(schema.empty_table()).schema)

"""Parquet files with checksummed pages, of the same bytes for the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_pipeline.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

ROWS_PER_GROUP = 1 << 18
"""Rows of a row group: what a thread holds of a column at a time."""
ROWS_PER_PART = 1 << 22
"""Rows of a file of a stored column: what a thread works on at a time."""


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a Parquet file for writing."""
    return pq.ParquetWriter(path, schema, compression="lz4", write_page_checksum=True, store_schema=True)


def open_reader(path: Path) -> pq.ParquetFile:
    """Open a Parquet file for reading; pages that carry a checksum are verified by it."""
    return pq.ParquetFile(path, page_checksum_verification=True)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a small table as one file."""
    with open_writer(path, table.schema) as writer:
        writer.write_table(table)


def read_table(path: Path) -> pa.Table:
    """Read a small table."""
    with open_reader(path) as reader:
        return reader.read(use_threads=False)


def batches(paths: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of consecutive files, by row groups."""
    for path in paths:
        with _opened(path) as reader:
            yield from reader.iter_batches(ROWS_PER_GROUP, use_threads=False)


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return open_reader(path)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"file {path} cannot be read as Parquet: {error}", remedy="Write the file again, or leave it out"
        ) from error


def side_by_side(tables: Sequence[Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Join tables of the same rows, in batches of the same sizes, column by column."""
    for pieces in zip(*tables, strict=True):
        fields = [field for piece in pieces for field in piece.schema]
        arrays = [array for piece in pieces for array in piece.columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def rechunked(arrays: Iterable[pa.Array], rows: int) -> Iterator[pa.Array]:
    """Regroup consecutive arrays of any length into arrays of exactly `rows` rows; the last may be shorter."""
    held: list[Any] = []
    size = 0
    for array in arrays:
        start = 0
        while size + len(array) - start >= rows:
            piece = array.slice(start, rows - size)
            yield _joined([*held, piece])
            start += len(piece)
            held, size = [], 0
        if start < len(array):
            held.append(array.slice(start))
            size += len(array) - start
    if held:
        yield _joined(held)


def _joined(arrays: list[pa.Array]) -> pa.Array:
    """Make one array of several; dictionaries that differ are unified."""
    if len(arrays) == 1:
        return arrays[0]
    combined = pa.chunked_array(arrays).unify_dictionaries().combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined

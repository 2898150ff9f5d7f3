"""How a pass over a column is cut up, so that it fits into memory: threads, and rows that each
holds at a time.

What is stored does not depend on it: row groups and parts always have the same numbers of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_pipeline.arrow.column_types import value_type
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.engines.parts import ROWS_PER_TASK

if TYPE_CHECKING:
    from gmm_pipeline.arrow.parquet_column import ParquetColumn

BATCHES = tuple(ROWS_PER_GROUP >> halvings for halvings in range(4))
"""Rows of a batch that a thread may hold, the most first: all of a row group, down to an eighth of
it.
"""
PROCESS_MEMORY = 400 << 20
"""Of Python, Dagster, Arrow and the compiled kernels."""
_COPIES = 8
"""A row as it is read, joined to a row group, decoded again, compared, and in the buffers of reader
and writer.
"""
_NUMBERS = 256
"""Bytes a row of what kernels read and write: coordinates, atoms, values, ranks, errors, and what
comes in between.
"""
_TEXT_BYTES = 32


@dataclass(frozen=True)
class Partitioning:
    """How a column is passed over.

    Parameters
    ----------
    threads : int
    batch_rows : int
        Rows that a thread holds at a time.
    peak_memory : int
        Bytes that the process is expected to hold at most.
    """

    threads: int
    batch_rows: int
    peak_memory: int


@dataclass(frozen=True)
class Footprint:
    """What the footers of a table's files say of a column.

    Parameters
    ----------
    row_bytes : int
        Of a row in memory.
    chunk_bytes : int
        Of the largest piece that is read from a file at once: a column's part of a row group.
    file_bytes : int
        Of the column in all files.
    """

    row_bytes: int
    chunk_bytes: int
    file_bytes: int


def partition(
    row_bytes: int, rows: int, cores: int, memory: int, *, chunk_bytes: int = 0
) -> Partitioning:
    """Return the most threads that a column keeps at work, with as large batches as the memory
    allows.

    Smaller batches are preferred to fewer threads. One thread with the smallest batches is the
    least that there is, even if the memory does not suffice.

    Parameters
    ----------
    row_bytes : int
        Of a row in memory.
    rows : int
    cores : int
    memory : int
        Bytes that the process may hold.
    chunk_bytes : int
        Of the largest piece that is read from a file at once.
    """
    most = max(1, min(cores, -(-rows // ROWS_PER_TASK)))
    for threads in range(most, 0, -1):
        for batch_rows in BATCHES:
            peak = PROCESS_MEMORY + threads * (
                chunk_bytes + batch_rows * (_COPIES * row_bytes + _NUMBERS)
            )
            if peak <= memory:
                return Partitioning(threads, batch_rows, peak)
    return Partitioning(1, BATCHES[-1], peak)


def footprints(
    footers: Iterable[pq.FileMetaData], schema: pa.Schema, rows: int, columns: Sequence[str]
) -> dict[str, Footprint]:
    """Return what the footers of a table's files say of some columns."""
    chunks = _chunks(footers, columns)
    return {
        name: _footprint(schema.field(name).type, rows, found) for name, found in chunks.items()
    }


def partition_column(column: ParquetColumn, cores: int, memory: int) -> Partitioning:
    """Return how a column is passed over by so many cores in so many bytes of memory."""
    name = column.field.name
    taken = _footprint(
        column.field.type, column.rows, _chunks(map(column.metadata, column.files), [name])[name]
    )
    return partition(taken.row_bytes, column.rows, cores, memory, chunk_bytes=taken.chunk_bytes)


def _chunks(
    footers: Iterable[pq.FileMetaData], columns: Sequence[str]
) -> dict[str, list[tuple[int, int]]]:
    """Return the compressed and the plain bytes of each column's part of each row group."""
    chunks: dict[str, list[tuple[int, int]]] = {name: [] for name in columns}
    for footer in footers:
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            for position in range(group.num_columns):
                chunk = group.column(position)
                name = chunk.path_in_schema.split(".")[0]
                if name in chunks:
                    chunks[name].append(
                        (chunk.total_compressed_size, chunk.total_uncompressed_size)
                    )
    return chunks


def _footprint(kind: pa.DataType, rows: int, chunks: Sequence[tuple[int, int]]) -> Footprint:
    compressed, plain = ([chunk[which] for chunk in chunks] for which in (0, 1))
    try:
        row_bytes = -(-value_type(kind).bit_width // 8)
    except ValueError:
        row_bytes = max(_TEXT_BYTES, sum(plain) // rows)
    return Footprint(row_bytes, max(compressed, default=0), sum(compressed))

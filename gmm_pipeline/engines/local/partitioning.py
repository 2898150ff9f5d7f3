"""Threads and batch sizes of a pass over a column, so that it fits into memory.

Results do not depend on them: row groups and parts always have the same numbers of rows.
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
"""Rows of a batch, the most first: a row group, down to an eighth of one. Smaller batches cost time
and save little."""
PROCESS_MEMORY = 400 << 20
"""Bytes of Python, Dagster, Arrow and the compiled kernels: the peak of runs of small tables."""
_COPIES = 8
"""Copies of a row: as read, joined to a row group, decoded, compared, and the buffers of reader
and writer."""
_NUMBERS = 256
"""Bytes of a row in the kernels' arrays: coordinates, atoms, values, ranks, errors, temporaries.
32 numbers of 8 bytes."""
_TEXT_BYTES = 32
"""Least bytes of a text in memory: its offset, validity, and index in a dictionary. Footers tell
the size of a column as encoded, which can be far less."""


@dataclass(frozen=True)
class Partitioning:
    """How a pass over a column is shared out.

    Parameters
    ----------
    threads : int
    batch_rows : int
        Rows of a batch; each thread holds one.
    peak_memory : int
        Bytes that the process is expected to hold at most.
    """

    threads: int
    batch_rows: int
    peak_memory: int


@dataclass(frozen=True)
class Footprint:
    """Sizes of a column, from the footers of a table's files.

    Parameters
    ----------
    row_bytes : int
        Of a row in memory.
    chunk_bytes : int
        Of the largest column chunk, which is read from a file at once.
    file_bytes : int
        Of the column in all files.
    """

    row_bytes: int
    chunk_bytes: int
    file_bytes: int


def partition(
    row_bytes: int, rows: int, cores: int, memory: int, *, chunk_bytes: int = 0
) -> Partitioning:
    """Return the most threads, and the largest batches, that fit into memory.

    Smaller batches are preferred to fewer threads. The least is one thread with the smallest
    batches, even where that does not fit.

    Parameters
    ----------
    row_bytes : int
        Of a row in memory.
    rows : int
    cores : int
    memory : int
        Bytes that the process may hold.
    chunk_bytes : int
        Of the largest column chunk.
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
    """Return the sizes of some columns, from the footers of a table's files."""
    chunks = _chunks(footers, columns)
    return {
        name: _footprint(schema.field(name).type, rows, found) for name, found in chunks.items()
    }


def partition_column(column: ParquetColumn, cores: int, memory: int) -> Partitioning:
    """Return how a pass over a column is shared out on so many cores, in so many bytes."""
    name = column.field.name
    sizes = _footprint(
        column.field.type, column.rows, _chunks(map(column.metadata, column.files), [name])[name]
    )
    return partition(sizes.row_bytes, column.rows, cores, memory, chunk_bytes=sizes.chunk_bytes)


def _chunks(
    footers: Iterable[pq.FileMetaData], columns: Sequence[str]
) -> dict[str, list[tuple[int, int]]]:
    """Return the compressed and the uncompressed bytes of each chunk of some columns."""
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

"""Parquet files with checksummed pages, of the same bytes for the same rows."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pat

from gmm_pipeline.arrow.types import is_text
from gmm_pipeline.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ROWS_PER_GROUP = 1 << 18
"""Rows of a row group: what a thread holds of a column at a time."""
ROWS_PER_PART = 1 << 21
"""Rows of a file of a stored column: what a thread works on at a time."""


_TRIED_ROWS = 1 << 15
"""Rows that tell whether numbers repeat, and how far they are from each other."""
_MOST_NEW = 1 / 8
"""The share of rows with a number that none before them had, up to which a dictionary pays."""
_FEW_BITS = 6
"""Whole numbers that repeat and span more bits take clearly fewer bytes in a dictionary than as
differences.
"""
_PACKED, _NUMBERED, _PLAIN = "DELTA_BINARY_PACKED", "RLE_DICTIONARY", "PLAIN"
_CODEC = "lz4"
_LEAST_SAVED = 1 / 16
"""The share of the bytes of numbers that compression has to save to pay."""


def write_rows(
    path: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    without_extremes: Sequence[str] = (),
) -> int:
    """Write batches as one Parquet file; return the number of rows. How rows are batched makes no
    difference to it.

    Parameters
    ----------
    path : Path
    schema : pyarrow.Schema
    batches : iterable of pyarrow.RecordBatch
    without_extremes : sequence of str
        Columns of which the least and the most of each row group are not noted: nobody seeks rows
        by them.
    """
    groups = _row_groups(schema, batches)
    first = next(groups, schema.empty_table())
    rows = 0
    with _open_writer(path, first, without_extremes) as writer:
        for group in chain([first] if first.num_rows else [], groups):
            writer.write_table(group, ROWS_PER_GROUP)
            rows += group.num_rows
    return rows


def _row_groups(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Regroup batches into tables of a row group each."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        start = 0
        while size + batch.num_rows - start >= ROWS_PER_GROUP:
            piece = batch.slice(start, ROWS_PER_GROUP - size)
            yield pa.Table.from_batches([*held, piece], schema=schema).combine_chunks()
            start += piece.num_rows
            held, size = [], 0
        if start < batch.num_rows:
            held.append(batch.slice(start))
            size += batch.num_rows - start
    if held:
        yield pa.Table.from_batches(held, schema=schema).combine_chunks()


def _open_writer(path: Path, first: pa.Table, without_extremes: Sequence[str]) -> pq.ParquetWriter:
    """Open a file whose columns are encoded as their first rows suggest.

    The least and the most text of a row group would cost about as much as writing it.
    """
    encodings = {name: _encoding_of(first[name]) for name in first.column_names}
    return pq.ParquetWriter(
        path,
        first.schema,
        compression={
            name: _codec_of(first[name]) if encoding == _PLAIN else _CODEC
            for name, encoding in encodings.items()
        },
        use_dictionary=[name for name, encoding in encodings.items() if encoding == _NUMBERED],
        column_encoding={
            name: encoding for name, encoding in encodings.items() if encoding == _PACKED
        },
        write_statistics=[
            field.name
            for field in first.schema
            if field.name not in without_extremes and not is_text(field.type)
        ],
        write_page_checksum=True,
        store_schema=True,
    )


def _encoding_of(column: pa.ChunkedArray) -> str:
    """Return how a column is best written, as its first rows suggest.

    Trying a dictionary on numbers that hardly repeat costs several times what writing them does.
    Whole numbers that are near each other take about as few bytes as differences, and half the
    time.
    """
    if pat.is_uint8(column.type) or pat.is_uint16(column.type) or pat.is_uint32(column.type):
        return _PACKED
    whole = pat.is_integer(column.type) or pat.is_temporal(column.type)
    if not (whole or pat.is_float32(column.type) or pat.is_float64(column.type)):
        return _NUMBERED
    tried = column.slice(0, _TRIED_ROWS).combine_chunks().drop_null()
    bits = np.sort(tried.view(f"int{column.type.bit_width}").to_numpy())
    numbered = len(column) >= _TRIED_ROWS and _repeats(bits)
    span = int(bits[-1]) - int(bits[0]) if len(bits) else 0
    if whole and span.bit_length() <= (_FEW_BITS if numbered else column.type.bit_width // 2):
        return _PACKED
    return _NUMBERED if numbered else _PLAIN


def _repeats(numbers: NDArray[np.integer]) -> bool:
    """Whether a dictionary of sorted numbers pays.

    Of a single number it does not: compression leaves as little of it in less time.
    """
    counts = np.diff(np.flatnonzero(np.diff(numbers)), prepend=-1, append=len(numbers) - 1)
    # The share of numbers that occur once is that of new ones among the rows to come (Good, 1953,
    # after Turing).
    return len(counts) > 1 and bool(np.count_nonzero(counts == 1) <= _MOST_NEW * len(numbers))


def _codec_of(column: pa.ChunkedArray) -> str:
    """Return the compression of plain numbers: none where it would leave about as many bytes, for
    time of its own.
    """
    width = column.type.bit_width // 8
    tried = column.slice(0, _TRIED_ROWS).combine_chunks()
    content = tried.buffers()[1].slice(tried.offset * width, len(tried) * width)
    return (
        _CODEC
        if len(pa.compress(content, _CODEC, asbytes=True)) <= (1 - _LEAST_SAVED) * len(content)
        else "none"
    )


def open_reader(
    path: Path, metadata: pq.FileMetaData | None = None, dictionaries: Sequence[str] = ()
) -> pq.ParquetFile:
    """Open a Parquet file for reading; pages are verified by their checksums.

    Parameters
    ----------
    path : Path
    metadata : pyarrow.parquet.FileMetaData, optional
        Its footer, if that is known.
    dictionaries : sequence of str
        Columns of text that are to be read as dictionaries.
    """
    # Reading ahead in threads of Arrow's own costs more than it saves where one column is read by
    # several threads.
    return pq.ParquetFile(
        path,
        metadata=metadata,
        read_dictionary=list(dictionaries),
        page_checksum_verification=True,
        pre_buffer=False,
    )


def read_footer(path: Path) -> pq.FileMetaData:
    """Read what a Parquet file says of itself."""
    with open_reader(path) as reader:
        return reader.metadata


def write_table(path: Path, table: pa.Table) -> None:
    """Write a small table as one file."""
    write_rows(path, table.schema, table.to_batches())


def read_table(path: Path) -> pa.Table:
    """Read a small table; raise SourceError if the file is damaged."""
    with _reading(path), open_reader(path) as reader:
        return reader.read(use_threads=False)


def batches(paths: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of consecutive files, by row groups; raise SourceError if one is damaged."""
    for path in paths:
        with _reading(path), open_reader(path) as reader:
            yield from reader.iter_batches(ROWS_PER_GROUP, use_threads=False)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read which one it is, and what helps."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"file {path} cannot be read as Parquet: {error}",
            remedy="Write the file again, or leave it out; those of a fit are made again by `gmm-pipeline run --refit`",
        ) from error


def side_by_side(tables: Sequence[Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Join tables of the same rows, in batches of the same sizes, column by column."""
    for pieces in zip(*tables, strict=True):
        fields = [field for piece in pieces for field in piece.schema]
        arrays = [array for piece in pieces for array in piece.columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def rechunked(arrays: Iterable[pa.Array], rows: int) -> Iterator[pa.Array]:
    """Regroup consecutive arrays of any length into arrays of exactly `rows` rows; the last may be
    shorter.
    """
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

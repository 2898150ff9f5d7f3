"""Regroup consecutive arrays or batches into pieces of a given number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa

Rows = TypeVar("Rows", pa.Array, pa.RecordBatch)


def rechunk(arrays: Iterable[pa.Array], rows: int) -> Iterator[pa.Array]:
    """Yield consecutive arrays as arrays of exactly `rows` rows; the last may be shorter."""
    for pieces in split_rows(arrays, rows):
        yield _joined(pieces)


def split_rows(items: Iterable[Rows], rows: int) -> Iterator[list[Rows]]:
    """Yield slices of consecutive arrays or batches in lists that together hold `rows` rows.

    The last list may hold fewer. Nothing is copied.
    """
    pieces: list[Rows] = []
    size = 0
    for item in items:
        start = 0
        while size + len(item) - start >= rows:
            piece = item.slice(start, rows - size)
            yield [*pieces, piece]
            start += len(piece)
            pieces, size = [], 0
        if start < len(item):
            pieces.append(item.slice(start))
            size += len(item) - start
    if pieces:
        yield pieces


def side_by_side(tables: Sequence[Iterable[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Join the columns of tables with the same rows, in batches of the same sizes."""
    for pieces in zip(*tables, strict=True):
        fields = [field for piece in pieces for field in piece.schema]
        arrays = [array for piece in pieces for array in piece.columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _joined(arrays: list[pa.Array]) -> pa.Array:
    """Return consecutive arrays as one; dictionaries that differ are unified."""
    if len(arrays) == 1:
        return arrays[0]
    combined = pa.chunked_array(arrays).unify_dictionaries().combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined

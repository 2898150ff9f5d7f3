"""How a column is encoded and compressed in Parquet: chosen by its first rows.

Trying a dictionary on numbers that hardly repeat costs several times as much as writing them, so a
sample decides instead of the Parquet writer.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.types as pat
from numpy.typing import NDArray

DELTA, DICTIONARY, PLAIN = "DELTA_BINARY_PACKED", "RLE_DICTIONARY", "PLAIN"
"""Parquet's names of the encodings."""

_SAMPLE_ROWS = 1 << 15
"""Rows of the sample: enough to see repeats, and a small part of a row group (1 / 8)."""
_MAX_NEW_SHARE = 1 / 8
"""A dictionary pays while at most this share of the rows brings a number that is not in it yet.

Beyond it, the dictionary itself grows too long to save bytes.
"""
_FEW_BITS = 6
"""Repeating whole numbers within 2**6 are written as differences: a dictionary saves little there.

With a wider span, its indices take clearly fewer bytes than the differences.
"""
_CODEC = "lz4"
"""Among the cheapest codecs in time, and read by Polars, PyArrow and Spark alike."""
_LEAST_SAVED = 1 / 16
"""Compression has to save this share of the bytes, or its time is not worth it."""


def choose_encoding(column: pa.ChunkedArray) -> str:
    """Return the encoding of a column, by a sample of its first rows.

    Ranks (unsigned integers), and whole numbers that are near each other, are written as
    differences: they take about as few bytes as a dictionary, and half the time.
    """
    if pat.is_uint8(column.type) or pat.is_uint16(column.type) or pat.is_uint32(column.type):
        return DELTA
    whole_numbers = pat.is_integer(column.type) or pat.is_temporal(column.type)
    if not (whole_numbers or pat.is_float32(column.type) or pat.is_float64(column.type)):
        return DICTIONARY
    sample = column.slice(0, _SAMPLE_ROWS).combine_chunks().drop_null()
    # By their bits, so that floats, dates and times are sorted and compared as integers.
    bits = np.sort(sample.view(f"int{column.type.bit_width}").to_numpy())
    # In a short column a dictionary has few rows to pay for itself.
    repeats = len(column) >= _SAMPLE_ROWS and _repeats(bits)
    span = int(bits[-1]) - int(bits[0]) if len(bits) else 0
    if whole_numbers and span.bit_length() <= (
        _FEW_BITS if repeats else column.type.bit_width // 2
    ):
        return DELTA
    return DICTIONARY if repeats else PLAIN


def choose_compression(column: pa.ChunkedArray, encoding: str) -> str:
    """Return the compression of a column in an encoding; none where it would hardly save bytes."""
    if encoding != PLAIN:
        return _CODEC
    width = column.type.bit_width // 8
    sample = column.slice(0, _SAMPLE_ROWS).combine_chunks()
    content = sample.buffers()[1].slice(sample.offset * width, len(sample) * width)
    compressed = pa.compress(content, _CODEC, asbytes=True)
    return _CODEC if len(compressed) <= (1 - _LEAST_SAVED) * len(content) else "none"


def _repeats(numbers: NDArray[np.integer]) -> bool:
    """Whether sorted numbers repeat so often that a dictionary pays.

    It does not for a single number: compression alone leaves as few bytes, in less time.
    """
    counts = np.diff(np.flatnonzero(np.diff(numbers)), prepend=-1, append=len(numbers) - 1)
    # The share of numbers that occur once estimates the share of new ones among the rows to come
    # (Good, 1953, after Turing).
    return len(counts) > 1 and bool(np.count_nonzero(counts == 1) <= _MAX_NEW_SHARE * len(numbers))

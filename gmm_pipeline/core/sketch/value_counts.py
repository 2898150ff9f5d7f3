"""Exact counts of distinct values, which become counts of a sample when there are too many.

A value is in the sample at level l if the first l bits of its hash are zero. The level is the
lowest at which at most `MAX_DISTINCT` values remain, so level and counts depend on the rows alone,
not on their order or grouping (Gibbons, 2001, "Distinct sampling for highly-accurate answers to
distinct values queries"). Level 0 holds every value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import LANES, kernel
from gmm_pipeline.core.sketch.numbers import Numbers

MAX_DISTINCT = 1 << 14
"""Most distinct values that are counted exactly; columns with more are counted on a grid.

EM takes time in proportion to the values, and a grid column has about as many cells in use.
"""
TABLE_SLOTS = 1 << 16
"""Slots of the hash table of counts: four for each value, so probing ends quickly."""

_ONE = np.uint64(1)
_SHIFT = np.uint64(33)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
"""MurmurHash3's 64-bit finaliser (Appleby), with shifts by 33."""
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_WORD = 64
_MAX_SPAN = 1 << 12
"""Whole numbers within such a span are counted in an array: 128 kB in `LANES` copies."""
ONE_EACH = np.ones(1, dtype=np.int64)
"""The weights of rows that are counted one by one: a single weight holds for all."""


@dataclass(frozen=True)
class ValueCounts:
    """Distinct values and their rows: all values at level 0, about 1 in 2**level otherwise.

    Parameters
    ----------
    values : array of shape (n,), int64 or float64, strictly increasing
    counts : int64 array of shape (n,)
    level : int
    """

    values: Numbers
    counts: NDArray[np.int64]
    level: int = 0

    @property
    def exact(self) -> bool:
        """Whether every distinct value is counted."""
        return self.level == 0

    @property
    def rows(self) -> int:
        """Rows that hold one of the values."""
        return int(self.counts.sum())

    @classmethod
    def none(cls, dtype: np.dtype[Any]) -> ValueCounts:
        """Return the counts of no values."""
        return cls(np.empty(0, dtype=dtype), np.empty(0, dtype=np.int64))

    def select(self, chosen: NDArray[np.bool_]) -> ValueCounts:
        """Return the counts of some of the values; `chosen` has shape (n,)."""
        return ValueCounts(self.values[chosen], self.counts[chosen], self.level)

    def merge(self, other: ValueCounts) -> ValueCounts:
        """Return the counts over the rows of both."""
        counter = ValueCounter(self.values.dtype)
        counter.add_counts(self)
        counter.add_counts(other)
        return counter.counts()


@kernel
def hash_of(bits: np.uint64) -> np.uint64:
    """Return a hash of a value's bits."""
    bits = (bits ^ (bits >> _SHIFT)) * _MIX_1
    bits = (bits ^ (bits >> _SHIFT)) * _MIX_2
    return bits ^ (bits >> _SHIFT)


@kernel
def _in_sample(hashed: np.uint64, level: int) -> bool:
    """Whether a value is in the sample of a level: the level's leading bits of its hash are 0."""
    return level == 0 or hashed >> np.uint64(_WORD - level) == 0


@kernel
def count_up(
    keys: NDArray[np.uint64], counts: NDArray[np.int64], bits: np.uint64, hashed: np.uint64, by: int
) -> int:
    """Add to the count of a value; return 1 if it is new to the table, else 0.

    The number of slots is a power of two; empty slots have a count of 0.
    """
    mask = np.uint64(keys.size - 1)
    slot = hashed & mask
    while counts[slot] != 0 and keys[slot] != bits:
        slot = (slot + _ONE) & mask
    new = 1 if counts[slot] == 0 else 0
    keys[slot] = bits
    counts[slot] += by
    return new


@kernel
def _thin(keys: NDArray[np.uint64], counts: NDArray[np.int64], level: int) -> int:
    """Keep the values in the sample of a level; return how many there are."""
    old_keys, old_counts = np.empty_like(keys), np.empty_like(counts)
    n_values = 0
    for slot in range(counts.size):
        old_keys[n_values], old_counts[n_values] = keys[slot], counts[slot]
        n_values += counts[slot] != 0
        counts[slot] = 0
    size = 0
    for i in range(n_values):
        hashed = hash_of(old_keys[i])
        if _in_sample(hashed, level):
            size += count_up(keys, counts, old_keys[i], hashed, old_counts[i])
    return size


@kernel
def _count(
    bits: NDArray[np.uint64],
    weights: NDArray[np.int64],
    keys: NDArray[np.uint64],
    counts: NDArray[np.int64],
    size: int,
    level: int,
) -> tuple[int, int]:
    """Add values, each `weights[i]` times; return the new size and level.

    A single weight holds for all values.
    """
    last_weight = weights.size - 1
    for i in range(bits.size):
        hashed = hash_of(bits[i])
        if not _in_sample(hashed, level):
            continue
        size += count_up(keys, counts, bits[i], hashed, weights[min(i, last_weight)])
        # Several levels may be needed: a level halves the values only on average.
        while size > MAX_DISTINCT:
            level += 1
            size = _thin(keys, counts, level)
    return size, level


@kernel
def _count_near(values: Numbers, least: int, counts: NDArray[np.int64]) -> None:
    """Count whole numbers by their distance from the least, in `counts`, (LANES, distances)."""
    for i in range(values.size):
        counts[i & (LANES - 1), values[i] - least] += 1


def _counts_of_near(values: Numbers) -> ValueCounts | None:
    """Return the counts of whole numbers within a short span, without hashing; else None."""
    if values.dtype != np.int64 or not values.size:
        return None
    least, most = int(values.min()), int(values.max())
    # A span longer than the batch would cost more to clear and scan than hashing does.
    if most - least >= min(_MAX_SPAN, values.size):
        return None
    # Rows of one value often follow one another: they take turns in LANES tables.
    counts = np.zeros((LANES, most - least + 1), dtype=np.int64)
    _count_near(values, least, counts)
    sums = counts.sum(axis=0)
    used = np.flatnonzero(sums)
    return ValueCounts(used + least, sums[used])


class ValueCounter:
    """Counts distinct values of one dtype (int64 or float64) as rows stream by."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._keys = np.zeros(TABLE_SLOTS, dtype=np.uint64)
        self._counts = np.zeros(TABLE_SLOTS, dtype=np.int64)
        self._size = 0
        self._level = 0

    def add(self, values: Numbers) -> None:
        """Count finite values of shape (n,); −0.0 counts as 0.0."""
        near = _counts_of_near(values)
        if near is None:
            self._add(values, ONE_EACH)
        else:
            self._add(near.values, near.counts)

    def add_counts(self, other: ValueCounts) -> None:
        """Add counts made by another counter."""
        # Both have to be at the higher level, whose values are a subset of the lower one's.
        if other.level > self._level:
            self._level = other.level
            self._size = _thin(self._keys, self._counts, self._level)
        if other.values.size:
            self._add(other.values, other.counts)

    def counts(self) -> ValueCounts:
        """Return the counts so far."""
        used = np.flatnonzero(self._counts)
        values = self._keys[used].view(self._dtype)
        # Sorted, so that equal counts have equal bytes whatever the order of the rows.
        order = np.argsort(values)
        return ValueCounts(values[order], self._counts[used][order], self._level)

    def _add(self, values: Numbers, weights: NDArray[np.int64]) -> None:
        # Adding 0 turns −0.0 into 0.0, whose bits differ.
        bits = (values + self._dtype.type(0)).view(np.uint64)
        self._size, self._level = _count(
            bits, weights, self._keys, self._counts, self._size, self._level
        )

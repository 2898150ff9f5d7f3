"""Frequent values ("heavy hitters"), found in one pass with bounded memory.

When the table of counts is full, the median of the counts is subtracted from all of them, and
values with no count left are dropped. Each time, at least `CAPACITY` / 2 rows are subtracted for
every row that a value loses, so a value that holds more than 2 / `CAPACITY` of the rows remains
(Misra & Gries, 1982; in batches, Anderson et al., 2017, "A high-performance algorithm for
identifying frequent items in data streams"). Counts are lower bounds and depend on the order of the
rows; that all values above this share remain does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.value_counts import ONE_EACH, ValueCounts, count_up, hash_of

SMALLEST_SHARE = 1 / 256
"""Values with at least this share of the rows are found.

Below the 1 % that makes a point mass (`atoms.POINT_MASS_SHARE`), so that none is missed; at most
256 values can reach it.
"""
CAPACITY = 1 << 11
"""Most values in the table: few enough that keys and counts (128 kB) stay in a core's cache.

It finds shares from 2 / 2048 on, a quarter of `SMALLEST_SHARE`.
"""
_SLOTS = 4 * CAPACITY
"""At most a quarter of the slots are in use, so probing ends quickly."""


@kernel
def _count(
    bits: NDArray[np.uint64],
    weights: NDArray[np.int64],
    keys: NDArray[np.uint64],
    counts: NDArray[np.int64],
    size: int,
) -> int:
    """Count values, each `weights[i]` times; return the number of values in the table.

    A single weight holds for all values.
    """
    last_weight = weights.size - 1
    for i in range(bits.size):
        size += count_up(keys, counts, bits[i], hash_of(bits[i]), weights[min(i, last_weight)])
        if size > CAPACITY:
            size = _reduce(keys, counts)
    return size


@kernel
def _reduce(keys: NDArray[np.uint64], counts: NDArray[np.int64]) -> int:
    """Subtract the median count from all values and drop those at 0; return how many remain."""
    old_keys, old_counts = (
        np.empty(CAPACITY + 2, dtype=np.uint64),
        np.empty(CAPACITY + 2, dtype=np.int64),
    )
    n_values = 0
    for slot in range(counts.size):
        old_keys[n_values], old_counts[n_values] = keys[slot], counts[slot]
        n_values += counts[slot] != 0
    median = _median(old_counts, n_values)
    # The table is rebuilt, because linear probing allows no single removals.
    counts[:] = 0
    size = 0
    for i in range(n_values):
        if old_counts[i] > median:
            size += count_up(
                keys, counts, old_keys[i], hash_of(old_keys[i]), old_counts[i] - median
            )
    return size


@kernel
def _median(counts: NDArray[np.int64], n: int) -> int:
    """Return the upper median of the first n counts, all of them at least 1.

    A search among numbers: mostly the median is 1 or little more, which takes few passes, and it
    compiles in a tenth of the time of `np.partition`.
    """
    low, high, step, is_found = 0, 1, 1, False
    while not is_found or high - low > 1:
        middle = low + (high - low) // 2 if is_found else high
        at_most = 0
        for i in range(n):
            at_most += counts[i] <= middle
        if at_most > n // 2:
            high, is_found = middle, True
        elif is_found:
            low = middle
        else:
            low, high, step = high, high + step, 2 * step
    return high


class HeavyCounter:
    """Finds the frequent values of one dtype (int64 or float64) as rows stream by."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._keys = np.zeros(_SLOTS, dtype=np.uint64)
        self._counts = np.zeros(_SLOTS, dtype=np.int64)
        self._size = 0
        self._rows = 0

    def add(self, values: Numbers) -> None:
        """Count finite values of shape (n,); −0.0 counts as 0.0."""
        self._rows += values.size
        self._add(values, ONE_EACH)

    def add_counts(self, other: ValueCounts) -> None:
        """Count values that stand for several rows each."""
        self._rows += other.rows
        self._add(other.values, other.counts)

    def _add(self, values: Numbers, weights: NDArray[np.int64]) -> None:
        # Adding 0 turns −0.0 into 0.0, whose bits differ.
        bits = (values + self._dtype.type(0)).view(np.uint64)
        self._size = _count(bits, weights, self._keys, self._counts, self._size)

    def candidates(self) -> Numbers:
        """Return all values with `SMALLEST_SHARE` of the rows, sorted; others may be among them."""
        # A count is too low by at most 2 / CAPACITY of the rows.
        enough = self._counts > max(self._rows * (SMALLEST_SHARE - 2 / CAPACITY), 0)
        candidates: Numbers = np.sort(self._keys[enough].view(self._dtype))
        return candidates

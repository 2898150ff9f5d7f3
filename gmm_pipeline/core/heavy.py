"""Which values hold many rows, found in one pass with bounded memory.

When the table of counts is full, a count that half of its values do not exceed is taken from all of them, and what has
none left is dropped. Each time, at least `LIMIT` / 2 rows go for every row that a value loses, so a value that holds
more than 2 / `LIMIT` of the rows stays (Misra & Gries, 1982; in batches, Anderson et al., 2017, "A high-performance
algorithm for identifying frequent items in data streams"). The counts are lower bounds and depend on the order of the
rows; which values hold a larger share than that are among those kept does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coordinate import Numbers
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.values import LIMIT, ONE_EACH, TABLE_SLOTS, ValueCounts, count_up, hash_of

SMALLEST_SHARE = 1 / 256
"""Values of at least this share of the rows are found."""


@kernel
def _count_until_full(
    bits: NDArray[np.uint64],
    weights: NDArray[np.int64],
    first: int,
    keys: NDArray[np.uint64],
    counts: NDArray[np.int64],
    size: int,
) -> tuple[int, int]:
    """Count values from `first` on, each `weights[i]` times (a single weight holds for all), while there is room.

    Return the next value to count and the number of values that are held.
    """
    last_weight = weights.size - 1
    i = first
    while i < bits.size and size <= LIMIT:
        size += count_up(keys, counts, bits[i], hash_of(bits[i]), weights[min(i, last_weight)])
        i += 1
    return i, size


@kernel
def set_apart(numbers: Numbers, apart: Numbers, counts: NDArray[np.int64], others: Numbers) -> int:
    """Count the numbers that are among the sorted `apart`; write the others to `others`, return how many they are."""
    size = 0
    for i in range(numbers.size):
        low, high = 0, apart.size
        while low < high:
            middle = (low + high) // 2
            if apart[middle] < numbers[i]:
                low = middle + 1
            else:
                high = middle
        if low < apart.size and apart[low] == numbers[i]:
            counts[low] += 1
        else:
            others[size] = numbers[i]
            size += 1
    return size


class HeavyCounter:
    """Finds the values that hold many rows as they stream by, of one dtype (int64 or float64)."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._keys = np.zeros(TABLE_SLOTS, dtype=np.uint64)
        self._counts = np.zeros(TABLE_SLOTS, dtype=np.int64)
        self._size = 0
        self._rows = 0

    def add(self, values: Numbers) -> None:
        """Count finite values of shape (n,); −0.0 counts as 0.0."""
        self._rows += values.size
        self._add(values, ONE_EACH)

    def add_counts(self, other: ValueCounts) -> None:
        """Count rows by the values that they hold."""
        self._rows += other.rows
        self._add(other.values, other.counts)

    def _add(self, values: Numbers, weights: NDArray[np.int64]) -> None:
        bits = (values + self._dtype.type(0)).view(np.uint64)
        done = 0
        while done < bits.size:
            done, self._size = _count_until_full(bits, weights, done, self._keys, self._counts, self._size)
            if self._size > LIMIT:
                self._reduce()

    def _reduce(self) -> None:
        """Take the median count from all values, and drop those that have none left."""
        held = np.flatnonzero(self._counts)
        keys = self._keys[held]
        counts = self._counts[held] - np.partition(self._counts[held], held.size // 2)[held.size // 2]
        left = counts > 0
        self._counts[:] = 0
        _, self._size = _count_until_full(keys[left], counts[left], 0, self._keys, self._counts, 0)

    def candidates(self) -> Numbers:
        """Return the values that may hold `SMALLEST_SHARE` of the rows, sorted; among them all that do."""
        enough = self._counts > max(self._rows * (SMALLEST_SHARE - 2 / LIMIT), 0)
        candidates: Numbers = np.sort(self._keys[enough].view(self._dtype))
        return candidates

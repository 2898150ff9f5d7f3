"""Which values hold many rows, found in one pass with bounded memory.

When the table of counts is full, a count that half of its values do not exceed is taken from all of
them, and what has none left is dropped. Each time, at least `CAPACITY` / 2 rows go for every row that a
value loses, so a value that holds more than 2 / `CAPACITY` of the rows stays (Misra & Gries, 1982; in
batches, Anderson et al., 2017, "A high-performance algorithm for identifying frequent items in data
streams"). The counts are lower bounds and depend on the order of the rows; which values hold a
larger share than that are among those kept does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.value_counts import ONE_EACH, ValueCounts, count_up, hash_of

SMALLEST_SHARE = 1 / 256
"""Values of at least this share of the rows are found."""
CAPACITY = 1 << 11
"""Most values that are held: so few that the table of their counts stays in a core's cache."""
_SLOTS = 4 * CAPACITY


@kernel
def _count(
    bits: NDArray[np.uint64],
    weights: NDArray[np.int64],
    keys: NDArray[np.uint64],
    counts: NDArray[np.int64],
    size: int,
) -> int:
    """Count values, each `weights[i]` times (a single weight holds for all); return how many are
    held.
    """
    last_weight = weights.size - 1
    for i in range(bits.size):
        size += count_up(keys, counts, bits[i], hash_of(bits[i]), weights[min(i, last_weight)])
        if size > CAPACITY:
            size = _reduce(keys, counts)
    return size


@kernel
def _reduce(keys: NDArray[np.uint64], counts: NDArray[np.int64]) -> int:
    """Take the median count from all values, and drop those that have none left; return how many
    are held.
    """
    held_keys, held_counts = (
        np.empty(CAPACITY + 2, dtype=np.uint64),
        np.empty(CAPACITY + 2, dtype=np.int64),
    )
    n_held = 0
    for slot in range(counts.size):
        held_keys[n_held], held_counts[n_held] = keys[slot], counts[slot]
        n_held += counts[slot] != 0
    median = held_counts[:n_held].min()
    if 2 * np.count_nonzero(held_counts[:n_held] == median) <= n_held:
        median = np.partition(held_counts[:n_held], n_held // 2)[n_held // 2]
    counts[:] = 0
    size = 0
    for i in range(n_held):
        if held_counts[i] > median:
            size += count_up(
                keys, counts, held_keys[i], hash_of(held_keys[i]), held_counts[i] - median
            )
    return size


class HeavyCounter:
    """Finds the values that hold many rows as they stream by, of one dtype (int64 or float64)."""

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
        """Count rows by the values that they hold."""
        self._rows += other.rows
        self._add(other.values, other.counts)

    def _add(self, values: Numbers, weights: NDArray[np.int64]) -> None:
        bits = (values + self._dtype.type(0)).view(np.uint64)
        self._size = _count(bits, weights, self._keys, self._counts, self._size)

    def candidates(self) -> Numbers:
        """Return the values that may hold `SMALLEST_SHARE` of the rows, sorted; among them all that
        do.
        """
        enough = self._counts > max(self._rows * (SMALLEST_SHARE - 2 / CAPACITY), 0)
        candidates: Numbers = np.sort(self._keys[enough].view(self._dtype))
        return candidates

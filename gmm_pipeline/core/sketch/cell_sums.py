"""Sums over the rows of each cell of a grid, as rows stream by."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import BLOCK, kernel
from gmm_pipeline.core.sketch.grid import CELLS, OFFSET_BITS, Grid, find_places
from gmm_pipeline.core.sketch.min_max import min_max

_PACKED_BITS = 6
"""Up to 2**6 rows of a cell are summed in one integer: their squares in its lowest bits, their
offsets, their number.

Their number reaches the sign, the highest bit, when there is no room for more.
"""
_OFFSETS_SHIFT = 2 * OFFSET_BITS + _PACKED_BITS
_COUNT_SHIFT = _OFFSETS_SHIFT + OFFSET_BITS + _PACKED_BITS
_OFFSETS_MASK = (1 << (OFFSET_BITS + _PACKED_BITS)) - 1
_SQUARES_MASK = (1 << _OFFSETS_SHIFT) - 1
_COUNT_MASK = (1 << (_PACKED_BITS + 1)) - 1

Packed = TypeVar("Packed", NDArray[np.int64], np.int64)
"""Such integers, or one."""


class CellSums:
    """For each cell of a grid the rows and the sums of their offsets and of these squared, exact in
    integers.

    Parameters
    ----------
    grid : Grid

    Attributes
    ----------
    minimum, maximum : float
        The extreme values so far; +inf and −inf before there are any.
    """

    def __init__(self, grid: Grid) -> None:
        self.minimum, self.maximum = math.inf, -math.inf
        self._grid = grid
        self._packed = np.zeros(CELLS, dtype=np.int64)
        self._sums = np.zeros((CELLS, 3), dtype=np.int64)

    def add(self, values: NDArray[np.float64]) -> None:
        """Add finite values of shape (n,), a row each."""
        self._widen(
            *_add(values, self._grid.center, 2.0**-self._grid.exponent, self._packed, self._sums)
        )

    def add_counts(self, values: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
        """Add finite values, each as many rows as is given; both of shape (n,)."""
        self._widen(*min_max(values))
        cells, offsets = self._grid.places(values)
        np.add.at(
            self._sums, cells, (counts * np.stack([np.ones_like(offsets), offsets, offsets**2])).T
        )

    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the cells that hold rows, (n,) in increasing order, and their sums, (3, n)."""
        packed = self._in_use(self._packed)
        self._sums[packed] += np.stack(_unpacked(self._packed[packed]), axis=1)
        self._packed[packed] = 0
        cells = self._in_use(self._sums[:, 0])
        return cells, self._sums[cells].T.copy()

    def _widen(self, least: float, most: float) -> None:
        self.minimum, self.maximum = min(self.minimum, least + 0.0), max(self.maximum, most + 0.0)

    def _in_use(self, sums: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cells whose sums, (CELLS,), are not 0; none beyond the min_max is looked at,
        and so allocated.
        """
        if self.minimum > self.maximum:
            return np.empty(0, dtype=np.int64)
        (first, last), _ = self._grid.places(np.array([self.minimum, self.maximum]))
        cells: NDArray[np.int64] = first + np.flatnonzero(sums[first : last + 1])
        return cells


@kernel
def _unpacked(packed: Packed) -> tuple[Packed, Packed, Packed]:
    """Return number, offsets and squares."""
    return (
        (packed >> _COUNT_SHIFT) & _COUNT_MASK,
        (packed >> _OFFSETS_SHIFT) & _OFFSETS_MASK,
        packed & _SQUARES_MASK,
    )


@kernel
def _add(
    values: NDArray[np.float64],
    center: float,
    inverse_scale: float,
    packed: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> tuple[float, float]:
    """Add finite values to their cells in `packed`, (CELLS,), and what is full there to `sums`,
    (CELLS, 3).

    Return the least and the most of them.
    """
    minimum, maximum = np.inf, -np.inf
    first_used, last_used = CELLS, -1
    cells, offsets = np.empty(BLOCK, dtype=np.uint32), np.empty(BLOCK, dtype=np.uint32)
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        n = block.size
        find_places(block, center, inverse_scale, cells[:n], offsets[:n])
        first, last = _span(cells[:n].view(np.int32))
        # Cells are in the order of values, so most blocks can hold no extreme.
        if first <= first_used or last >= last_used:
            least, most = min_max(block)
            minimum, maximum = min(minimum, least), max(maximum, most)
            first_used, last_used = min(first_used, first), max(last_used, last)
        for i in range(n):
            cell, offset = cells[i], np.int64(offsets[i])
            packed[cell] += (1 << _COUNT_SHIFT) + (offset << _OFFSETS_SHIFT) + offset * offset
            if packed[cell] < 0:
                count, first_power, second_power = _unpacked(packed[cell])
                sums[cell, 0] += count
                sums[cell, 1] += first_power
                sums[cell, 2] += second_power
                packed[cell] = 0
    return minimum, maximum


@kernel
def _span(cells: NDArray[np.int32]) -> tuple[int, int]:
    """Return the first and the last of some cells, (n,), n > 0."""
    first = last = cells[0]
    for i in range(cells.size):
        first, last = min(first, cells[i]), max(last, cells[i])
    return first, last

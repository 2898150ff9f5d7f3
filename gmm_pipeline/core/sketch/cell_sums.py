"""Rows and sums of offsets in each cell of a grid, updated as rows stream by."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import BLOCK, kernel, read_only
from gmm_pipeline.core.sketch.grid import CELLS, OFFSET_BITS, Grid, find_cells
from gmm_pipeline.core.sketch.min_max import min_max

_PACKED_BITS = 6
"""Up to 2**6 rows of a cell are summed in one int64, so that a row costs one memory access.

The sum of squares has the lowest 36 bits, the sum of offsets the next 21, the row count the top
7. The count reaches the sign bit with row 64, which tells that the sums have to be unpacked.
"""
_OFFSETS_SHIFT = 2 * OFFSET_BITS + _PACKED_BITS
_COUNT_SHIFT = _OFFSETS_SHIFT + OFFSET_BITS + _PACKED_BITS
_OFFSETS_MASK = (1 << (OFFSET_BITS + _PACKED_BITS)) - 1
_SQUARES_MASK = (1 << _OFFSETS_SHIFT) - 1
_COUNT_MASK = (1 << (_PACKED_BITS + 1)) - 1

Packed = TypeVar("Packed", NDArray[np.int64], np.int64)
"""Packed sums of a cell: an array of them, or one."""


class CellSums:
    """The sums of a grid's cells, exact in integers, so that the order of rows does not matter.

    Parameters
    ----------
    grid : Grid

    Attributes
    ----------
    minimum, maximum : float
        The extreme values so far; +inf and −inf before the first row.
    """

    def __init__(self, grid: Grid) -> None:
        self.minimum, self.maximum = math.inf, -math.inf
        self._grid = grid
        self._packed = np.zeros(CELLS, dtype=np.int64)
        self._sums = np.zeros((CELLS, 3), dtype=np.int64)

    def add(self, values: NDArray[np.float64]) -> None:
        """Add finite values of shape (n,), one row each."""
        center, inverse_scale = self._grid.center, 2.0**-self._grid.exponent
        self._widen(*_add(read_only(values), center, inverse_scale, self._packed, self._sums))

    def add_counts(self, values: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
        """Add finite values that stand for several rows each; both arrays have shape (n,)."""
        self._widen(*min_max(read_only(values)))
        cells, offsets = self._grid.cells_and_offsets(values)
        # `np.add.at`, because several values may lie in one cell.
        np.add.at(
            self._sums, cells, (counts * np.stack([np.ones_like(offsets), offsets, offsets**2])).T
        )

    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the cells that hold rows, (n,) in increasing order, and their sums, (3, n)."""
        # Packed sums stay below 64 rows a cell; unpacking all of them makes the result independent
        # of where batches ended.
        packed = self._in_use(self._packed)
        self._sums[packed] += np.stack(_unpacked(self._packed[packed]), axis=1)
        self._packed[packed] = 0
        cells = self._in_use(self._sums[:, 0])
        return cells, self._sums[cells].T.copy()

    def _widen(self, least: float, most: float) -> None:
        # Adding 0.0 turns −0.0 into 0.0: which of the two comes first must not matter.
        self.minimum, self.maximum = min(self.minimum, least + 0.0), max(self.maximum, most + 0.0)

    def _in_use(self, sums: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cells with non-zero `sums`, (CELLS,).

        Only cells between the extremes are read, so memory for the others is never allocated.
        """
        if self.minimum > self.maximum:
            return np.empty(0, dtype=np.int64)
        (first, last), _ = self._grid.cells_and_offsets(np.array([self.minimum, self.maximum]))
        cells: NDArray[np.int64] = first + np.flatnonzero(sums[first : last + 1])
        return cells


@kernel
def _unpacked(packed: Packed) -> tuple[Packed, Packed, Packed]:
    """Return the row count, the sum of offsets and the sum of squared offsets."""
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
    """Add finite values to `packed`, (CELLS,), and move full sums to `sums`, (CELLS, 3).

    Return the smallest and the largest value.
    """
    minimum, maximum = np.inf, -np.inf
    first_used, last_used = CELLS, -1
    # 32 bits: twice as many fit a vector register, and CELLS and offsets are far below 2**32.
    cells, offsets = np.empty(BLOCK, dtype=np.uint32), np.empty(BLOCK, dtype=np.uint32)
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        n = block.size
        find_cells(block, center, inverse_scale, cells[:n], offsets[:n])
        first, last = _span(cells[:n].view(np.int32))
        # Cells are ordered as values are, so a block within the cells used so far has no new
        # extreme; most blocks skip this search.
        if first <= first_used or last >= last_used:
            least, most = min_max(block)
            minimum, maximum = min(minimum, least), max(maximum, most)
            first_used, last_used = min(first_used, first), max(last_used, last)
        for i in range(n):
            cell, offset = cells[i], np.int64(offsets[i])
            packed[cell] += (1 << _COUNT_SHIFT) + (offset << _OFFSETS_SHIFT) + offset * offset
            # Rare, so the branch is predicted well.
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

"""Sums over the rows of each cell of a grid, as rows stream by."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.extremes import extremes
from gmm_pipeline.core.grid import CELLS, Grid, find_places
from gmm_pipeline.core.kernel import BLOCK, kernel

_COUNT_SHIFT = 40
_MOST_PACKED = 1 << 23
"""Rows whose number, above `_COUNT_SHIFT`, and sum of offsets, below it, fit into one integer."""


class CellSums:
    """For each cell of a grid the rows and the sums of their offsets and of these squared, exact in integers.

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
        self._packed = np.zeros((CELLS, 2), dtype=np.int64)
        self._n_packed = 0
        self._sums = np.zeros((CELLS, 3), dtype=np.int64)

    def add(self, values: NDArray[np.float64]) -> None:
        """Add finite values of shape (n,), a row each."""
        for start in range(0, values.size, _MOST_PACKED):
            piece = values[start : start + _MOST_PACKED]
            if self._n_packed + piece.size > _MOST_PACKED:
                self._unpack()
            self._widen(*_pack(piece, self._grid.center, 2.0**-self._grid.exponent, self._packed))
            self._n_packed += piece.size

    def add_counts(self, values: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
        """Add finite values, each as many rows as is given; both of shape (n,)."""
        self._widen(*extremes(values))
        cells, offsets = self._grid.places(values)
        np.add.at(self._sums, cells, (counts * np.stack([np.ones_like(offsets), offsets, offsets**2])).T)

    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the cells that hold rows, (n,) in increasing order, and their sums, (3, n)."""
        self._unpack()
        cells = self._in_use(self._sums)
        return cells, self._sums[cells].T.copy()

    def _widen(self, least: float, most: float) -> None:
        self.minimum, self.maximum = min(self.minimum, least + 0.0), max(self.maximum, most + 0.0)

    def _unpack(self) -> None:
        cells = self._in_use(self._packed)
        first, squares = self._packed[cells].T
        self._sums[cells] += np.stack([first >> _COUNT_SHIFT, first & ((1 << _COUNT_SHIFT) - 1), squares], axis=1)
        self._packed[cells] = 0
        self._n_packed = 0

    def _in_use(self, sums: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cells that hold rows; those beyond the extremes are not looked at, and so never allocated."""
        if self.minimum > self.maximum:
            return np.empty(0, dtype=np.int64)
        (first, last), _ = self._grid.places(np.array([self.minimum, self.maximum]))
        cells: NDArray[np.int64] = first + np.flatnonzero(sums[first : last + 1, 0])
        return cells


@kernel
def _pack(
    values: NDArray[np.float64], center: float, inverse_scale: float, packed: NDArray[np.int64]
) -> tuple[float, float]:
    """Add finite values to their cells in `packed`, (CELLS, 2): number and offsets in one, squares in the other.

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
            least, most = extremes(block)
            minimum, maximum = min(minimum, least), max(maximum, most)
            first_used, last_used = min(first_used, first), max(last_used, last)
        for i in range(n):
            offset = np.int64(offsets[i])
            packed[cells[i], 0] += (1 << _COUNT_SHIFT) + offset
            packed[cells[i], 1] += offset * offset
    return minimum, maximum


@kernel
def _span(cells: NDArray[np.int32]) -> tuple[int, int]:
    """Return the first and the last of some cells, (n,), n > 0."""
    first = last = cells[0]
    for i in range(cells.size):
        first, last = min(first, cells[i]), max(last, cells[i])
    return first, last

"""Numbers counted in the cells of a grid; frequent numbers are counted apart, each by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.atom_index import NO_ATOM, AtomIndex, split_atoms
from gmm_pipeline.core.sketch.cell_sums import CellSums
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.grid import CELLS, OFFSET_BITS, Grid
from gmm_pipeline.core.sketch.heavy_hitters import SMALLEST_SHARE
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.value_counts import ValueCounts

_LARGEST_VARIANCE = 1e300
"""Cells far out have wider variances than this; capped, sums over cells stay finite."""
_UNRESOLVED, _LARGEST = 2.0 ** (-2 * OFFSET_BITS) / 12, 0.25
"""Bounds of the variance within a cell, in units of its squared width.

At least that of rows spread evenly over one unit of offset (1/12 of its square), at most a quarter
(Popoviciu's inequality).
"""


@dataclass(frozen=True)
class GridCounts:
    """Rows, offset sums and square sums of the cells in use of a grid, with the exact extremes.

    Parameters
    ----------
    grid : Grid
    cells : int64 array of shape (n,), strictly increasing
    counts, offset_sums, square_sums : int64 arrays of shape (n,)
    minimum, maximum : float
        The extreme coordinates of the rows in cells; +inf and −inf when there are none.
    apart : ValueCounts
        Numbers that are counted by themselves: frequent ones and declared atoms. Their rows are in
        no cell.
    """

    grid: Grid
    cells: NDArray[np.int64]
    counts: NDArray[np.int64]
    offset_sums: NDArray[np.int64]
    square_sums: NDArray[np.int64]
    minimum: float
    maximum: float
    apart: ValueCounts

    @property
    def rows(self) -> int:
        """Rows that hold a finite number."""
        return int(self.counts.sum()) + self.apart.rows

    def rows_of(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many rows given cells hold, shape (n,); 0 for cells that are not in use."""
        return np.where(
            np.isin(cells, self.cells), np.append(self.counts, 0)[self._positions(cells)], 0
        )

    def most_rows_at(self, coordinates: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return an upper bound of the rows in cells at given coordinates, shape (n,).

        Of c rows with mean μ and variance σ², at most c·σ² / (σ² + (x − μ)²) are at x, by
        Cantelli's inequality. The bound is exact for a cell that holds at most two distinct values.
        """
        cells, offsets = self.grid.cells_and_offsets(coordinates)
        used = np.isin(cells, self.cells)
        most = np.zeros(coordinates.size, dtype=np.int64)
        most[used] = list(
            map(self._most_rows_at, self._positions(cells[used]).tolist(), offsets[used].tolist())
        )
        return most

    def _most_rows_at(self, position: int, offset: int) -> int:
        """Return an upper bound of a cell's rows at an offset; Python integers cannot overflow."""
        sums = (self.counts, self.offset_sums, self.square_sums)
        count, first, second = (int(column[position]) for column in sums)
        # count² times the variance and the squared distance: no division, no rounding.
        spread = count * second - first * first
        distance = (count * offset - first) ** 2
        return count * spread // (spread + distance) if spread + distance else count

    def _positions(self, cells: NDArray[np.int64]) -> NDArray[np.intp]:
        return np.searchsorted(self.cells, cells)

    def merge(self, other: GridCounts) -> GridCounts:
        """Return the counts over the rows of both, which have to be on the same grid."""
        if self.grid != other.grid or not np.array_equal(self.apart.values, other.apart.values):
            raise ValueError(
                f"sketches on different grids cannot be merged: {self.grid} and {other.grid}"
            )
        # Sums of int64 are associative, so any order of merging gives the same bits.
        cells, positions = np.unique(np.concatenate([self.cells, other.cells]), return_inverse=True)
        sums = np.zeros((3, cells.size), dtype=np.int64)
        np.add.at(sums[0], positions, np.concatenate([self.counts, other.counts]))
        np.add.at(sums[1], positions, np.concatenate([self.offset_sums, other.offset_sums]))
        np.add.at(sums[2], positions, np.concatenate([self.square_sums, other.square_sums]))
        return GridCounts(
            self.grid,
            cells,
            sums[0],
            sums[1],
            sums[2],
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            ValueCounts(self.apart.values, self.apart.counts + other.apart.counts),
        )

    def only_heavy_apart(self, coordinate: Coordinate, declared: Numbers) -> GridCounts:
        """Return the counts with only frequent and declared numbers counted apart.

        The others move to their cells. Which numbers were counted apart may depend on the order of
        the rows; which of them stay apart does not.
        """
        # Here counts are exact, so the decision depends on the rows alone.
        heavy = self.apart.counts >= SMALLEST_SHARE * self.rows
        stay = heavy | np.isin(self.apart.values, declared)
        pruned = replace(self, apart=self.apart.select(stay))
        leaving = self.apart.select(~stay & (self.apart.counts > 0))
        if not leaving.rows:
            return pruned
        counter = GridCounter(self.grid, coordinate, pruned.apart.values)
        counter.add_counts(leaving)
        return pruned.merge(counter.counts())

    def extents(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the smallest and largest coordinate of each cell, both of shape (n,)."""
        edges, widths = self.grid.edges(self.cells)
        with np.errstate(over="ignore"):
            ends = edges + widths
        first, last = self.cells == 0, self.cells == CELLS - 1
        lows = np.where(
            first, self.minimum, np.clip(np.minimum(edges, ends), self.minimum, self.maximum)
        )
        highs = np.where(
            last, self.maximum, np.clip(np.maximum(edges, ends), self.minimum, self.maximum)
        )
        # The outermost cells have no outer edge, but a row alone in one is the extreme itself.
        alone = self.counts == 1
        return np.where(last & alone, highs, lows), np.where(first & alone, lows, highs)

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean of each cell's rows and their variance around it, both of shape (n,).

        The mean and variance within the cell are used, not its middle: binning to midpoints would
        bias a component's standard deviation by about h² / (24σ²) for cells of width h. What
        rounding to the column's own grid hides is not included here.
        """
        edges, widths = self.grid.edges(self.cells)
        with np.errstate(over="ignore", invalid="ignore"):
            # Offsets were rounded down; half a unit centres them.
            offsets = (self.offset_sums / self.counts + 0.5) / (1 << OFFSET_BITS)
            # The outermost cells have no outer edge, and rounding may pass the extremes elsewhere.
            positions = np.clip(edges + widths * offsets, self.minimum, self.maximum)
            shares = self._offset_variances()
            variances = np.where(shares > 0, np.square(widths) * shares, 0.0)
        return positions, np.minimum(variances, _LARGEST_VARIANCE)

    def _offset_variances(self) -> NDArray[np.float64]:
        """Return the variance of the offsets in each cell, in squared widths, shape (n,)."""
        means = self.offset_sums / self.counts
        variances: NDArray[np.float64] = (self.square_sums / self.counts - np.square(means)) / (
            1 << 2 * OFFSET_BITS
        )
        return np.where(self.counts > 1, np.clip(variances, _UNRESOLVED, _LARGEST), 0.0)


class GridCounter:
    """Counts finite numbers on a grid as rows stream by.

    Parameters
    ----------
    grid : Grid
    coordinate : Coordinate
    apart : array of shape (n,), sorted
        Numbers that are counted by themselves.
    """

    def __init__(self, grid: Grid, coordinate: Coordinate, apart: Numbers) -> None:
        self._grid = grid
        self._coordinate = coordinate
        self._apart = apart
        # Numbers counted by themselves are looked up like atoms.
        self._apart_index = AtomIndex(apart, np.arange(apart.size, dtype=np.int32), NO_ATOM)
        self._apart_counts = np.zeros(apart.size, dtype=np.int64)
        self._sums = CellSums(grid)

    def add(self, numbers: Numbers) -> None:
        """Count finite numbers of shape (n,).

        Raises
        ------
        ColumnDataError
            If a number has no coordinate.
        """
        if self._apart.size:
            numbers = split_atoms(numbers, self._apart_index.find(numbers), self._apart_counts)
        if numbers.size:
            self._sums.add(self._coordinate.forward(numbers))

    def add_counts(self, counted: ValueCounts) -> None:
        """Count finite numbers that stand for several rows each.

        Raises
        ------
        ColumnDataError
            If a number has no coordinate.
        """
        apart = np.isin(counted.values, self._apart)
        self._apart_counts[np.searchsorted(self._apart, counted.values[apart])] += counted.counts[
            apart
        ]
        if not apart.all():
            self._sums.add_counts(
                self._coordinate.forward(counted.values[~apart]), counted.counts[~apart]
            )

    def counts(self) -> GridCounts:
        """Return the counts so far."""
        cells, (counts, offset_sums, square_sums) = self._sums.cells()
        return GridCounts(
            self._grid,
            cells,
            counts,
            offset_sums,
            square_sums,
            self._sums.minimum,
            self._sums.maximum,
            ValueCounts(self._apart, self._apart_counts),
        )

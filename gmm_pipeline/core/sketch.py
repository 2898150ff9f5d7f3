"""The sketch of a column: a small summary of its rows that is exact in integers and can be merged in any order."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coordinate import Coordinate, Numbers
from gmm_pipeline.core.grid import CELLS, OFFSET_BITS, Grid, count_cells
from gmm_pipeline.core.points import WeightedPoints
from gmm_pipeline.core.values import ValueCounts

_LARGEST_VARIANCE = 1e300

Label = str | int | float | bool
"""A category: the value as Python holds it."""


@dataclass(frozen=True)
class Specials:
    """Rows that hold no finite number or category."""

    nulls: int = 0
    nans: int = 0
    positive_infinities: int = 0
    negative_infinities: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.nulls + self.nans + self.positive_infinities + self.negative_infinities

    def merge(self, other: Specials) -> Specials:
        """Return the counts over the rows of both."""
        return Specials(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class LabelCounts:
    """Categories, sorted, and how many rows hold each."""

    labels: tuple[Label, ...]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, counter: Counter[Label]) -> LabelCounts:
        """Bring counts into their one canonical order."""
        labels = tuple(label + 0.0 if isinstance(label, float) else label for label in sorted(counter))
        return cls(labels, np.array([counter[label] for label in labels], dtype=np.int64))

    @property
    def rows(self) -> int:
        """Rows that hold one of the categories."""
        return int(self.counts.sum())

    def merge(self, other: LabelCounts) -> LabelCounts:
        """Return the counts over the rows of both."""
        counter = Counter(dict(zip(self.labels, self.counts.tolist(), strict=True)))
        counter.update(dict(zip(other.labels, other.counts.tolist(), strict=True)))
        return LabelCounts.of(counter)


@dataclass(frozen=True)
class GridCounts:
    """Rows and fixed-point offset sums of the cells in use of a grid, with the exact extremes.

    Parameters
    ----------
    grid : Grid
    cells : int64 array of shape (n,), strictly increasing
    counts, offset_sums : int64 arrays of shape (n,)
    minimum, maximum : float
        The extreme coordinates; +inf and −inf when there are no rows.
    """

    grid: Grid
    cells: NDArray[np.int64]
    counts: NDArray[np.int64]
    offset_sums: NDArray[np.int64]
    minimum: float
    maximum: float

    @property
    def rows(self) -> int:
        """Rows that hold a finite number."""
        return int(self.counts.sum())

    def merge(self, other: GridCounts) -> GridCounts:
        """Return the counts over the rows of both, which have to lie on the same grid."""
        if self.grid != other.grid:
            raise ValueError(f"sketches on different grids cannot be merged: {self.grid} and {other.grid}")
        cells, positions = np.unique(np.concatenate([self.cells, other.cells]), return_inverse=True)
        sums = np.zeros((2, cells.size), dtype=np.int64)
        np.add.at(sums[0], positions, np.concatenate([self.counts, other.counts]))
        np.add.at(sums[1], positions, np.concatenate([self.offset_sums, other.offset_sums]))
        return GridCounts(
            self.grid,
            cells,
            sums[0],
            sums[1],
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )


Body = ValueCounts | LabelCounts | GridCounts


@dataclass(frozen=True)
class Tally:
    """Rows that were counted: those without a finite number or category, and the others by what they hold."""

    specials: Specials
    body: Body

    @property
    def rows(self) -> int:
        """All rows that were counted."""
        return self.specials.rows + self.body.rows

    def merge(self, other: Tally) -> Tally:
        """Return the tally of the rows of both, whose bodies have to be of the same form."""
        if type(self.body) is not type(other.body):
            raise ValueError("tallies of different forms cannot be merged")
        merged: Body = self.body.merge(other.body)  # type: ignore[arg-type]
        return Tally(self.specials.merge(other.specials), merged)


@dataclass(frozen=True)
class Sketch:
    """What is known of a column before it is fitted.

    Parameters
    ----------
    tally : Tally
        Finite numbers, counted exactly while few are distinct and on a grid otherwise; or categories; and the rest.
    coordinate : Coordinate or None
        The coordinate of the numbers; None for categories.
    """

    tally: Tally
    coordinate: Coordinate | None

    @property
    def rows(self) -> int:
        """All rows of the column."""
        return self.tally.rows

    def merge(self, other: Sketch) -> Sketch:
        """Return the sketch of the rows of both, which have to share their form, coordinate and grid."""
        if self.coordinate != other.coordinate:
            raise ValueError("sketches in different coordinates cannot be merged")
        merged = self.tally.merge(other.tally)
        if isinstance(merged.body, ValueCounts) and not merged.body.exact:
            raise ValueError("together the sketches hold too many distinct values to count them exactly")
        return Sketch(merged, self.coordinate)

    def points(self) -> WeightedPoints:
        """Return the finite numbers as weighted points in coordinates, sorted."""
        body = self.tally.body
        if self.coordinate is None or isinstance(body, LabelCounts):
            raise ValueError("categories have no coordinates")
        if isinstance(body, ValueCounts):
            return _points_of_values(body, self.coordinate)
        return _points_of_cells(body, self.coordinate.step)


def _points_of_values(body: ValueCounts, coordinate: Coordinate) -> WeightedPoints:
    positions = coordinate.forward(body.values)
    spreads = np.full(positions.size, _rounding_variance(coordinate.step))
    return WeightedPoints(positions, body.counts.astype(np.float64), spreads)


def _points_of_cells(body: GridCounts, step: float) -> WeightedPoints:
    """Put each cell's rows at their mean, with the variance that they are expected to have around it.

    Rows spread over a cell of width h evenly have the variance h²/12; around their own mean it is less by the factor
    (rows − 1)/rows. What lies on a grid spreads over whole steps, and by its rounding even within one.
    """
    edges, widths = body.grid.edges(body.cells)
    offsets = (body.offset_sums / body.counts + 0.5) / (1 << OFFSET_BITS)
    rounding = _rounding_variance(step)
    with np.errstate(over="ignore"):
        positions = np.clip(edges + widths * offsets, body.minimum, body.maximum)
        even = np.clip(np.square(widths) / 12 - rounding, 0.0, _LARGEST_VARIANCE)
    spreads = even * (1.0 - 1.0 / body.counts) + rounding
    return WeightedPoints(positions, body.counts.astype(np.float64), spreads)


def _rounding_variance(step: float) -> float:
    """Return the variance that rounding to a grid of that step hides: a number stands for the interval around it.

    It keeps components from collapsing on single grid points.
    """
    return step * step / 12


class GridCounter:
    """Counts finite numbers on a grid as rows stream by."""

    def __init__(self, grid: Grid, coordinate: Coordinate) -> None:
        self._grid = grid
        self._coordinate = coordinate
        self._counts = np.zeros(CELLS, dtype=np.int64)
        self._offset_sums = np.zeros(CELLS, dtype=np.int64)
        self._minimum, self._maximum = np.inf, -np.inf

    def add(self, numbers: Numbers) -> None:
        """Count finite numbers of shape (n,).

        Raises
        ------
        ColumnDataError
            If the coordinate cannot hold them.
        """
        if not numbers.size:
            return
        values = self._coordinate.forward(numbers)
        count_cells(values, self._grid.center, 2.0**-self._grid.exponent, self._counts, self._offset_sums)
        self._minimum = min(self._minimum, float(values.min()) + 0.0)
        self._maximum = max(self._maximum, float(values.max()) + 0.0)

    def counts(self) -> GridCounts:
        """Return what was counted so far."""
        cells = np.flatnonzero(self._counts)
        return GridCounts(
            self._grid, cells, self._counts[cells], self._offset_sums[cells], self._minimum, self._maximum
        )

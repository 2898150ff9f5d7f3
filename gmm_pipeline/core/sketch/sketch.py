"""The sketch of a column: a small summary, exact in integers and mergeable in any order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.coordinate import Coordinate, without_coordinate
from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.lattice import learned_step
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.value_counts import ValueCounts
from gmm_pipeline.core.sketch.weighted_points import Extents, WeightedPoints
from gmm_pipeline.errors import ColumnDataError

_COARSER = 1.5
"""A learned step of this many steps of the coordinate's grid is another one."""

Label = str | int | float | bool
"""A category: the value as Python holds it."""


@dataclass(frozen=True)
class Specials:
    """Rows without a finite number or category: nulls, NaN and infinities."""

    nulls: int = 0
    nans: int = 0
    positive_infinities: int = 0
    negative_infinities: int = 0

    @property
    def rows(self) -> int:
        """All of these rows."""
        return self.nulls + self.nans + self.positive_infinities + self.negative_infinities

    def merge(self, other: Specials) -> Specials:
        """Return the counts over the rows of both."""
        return Specials(
            self.nulls + other.nulls,
            self.nans + other.nans,
            self.positive_infinities + other.positive_infinities,
            self.negative_infinities + other.negative_infinities,
        )


@dataclass(frozen=True)
class LabelCounts:
    """Categories, sorted, and how many rows hold each."""

    labels: tuple[Label, ...]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, counter: Counter[Label]) -> LabelCounts:
        """Return counts in their canonical order, sorted by category; −0.0 becomes 0.0."""
        labels = tuple(
            # Python counts −0.0 and 0.0 as one label, and keeps whichever came first.
            label + 0.0 if isinstance(label, float) else label
            for label in sorted(counter)
        )
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
class NumberSample:
    """A sample of a column's numbers: counts of distinct values, and which values are frequent."""

    values: ValueCounts
    heavy: Numbers

    @property
    def rows(self) -> int:
        """Rows that hold one of the values."""
        return self.values.rows

    def merge(self, other: NumberSample) -> NumberSample:
        """Return the sample over the rows of both."""
        return NumberSample(self.values.merge(other.values), np.union1d(self.heavy, other.heavy))


Body = ValueCounts | LabelCounts | GridCounts | NumberSample
"""What a tally counts finite numbers or categories by."""


@dataclass(frozen=True)
class Tally:
    """Counts of rows: nulls, NaN and infinities, and the body: finite numbers or categories."""

    specials: Specials
    body: Body

    @property
    def rows(self) -> int:
        """All rows that were counted."""
        return self.specials.rows + self.body.rows

    def merge(self, other: Tally) -> Tally:
        """Return the tally over the rows of both, whose bodies have to be of the same class."""
        if type(self.body) is not type(other.body):
            raise ValueError("tallies of different forms cannot be merged")
        merged: Body = self.body.merge(other.body)  # type: ignore[arg-type]
        return Tally(self.specials.merge(other.specials), merged)


@dataclass(frozen=True)
class Sketch:
    """The sketch of a column.

    Parameters
    ----------
    tally : Tally
        The body counts categories; or finite numbers, exactly while few are distinct, on a grid
        otherwise.
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
        """Return the sketch over the rows of both, which share form, coordinate and grid."""
        if self.coordinate != other.coordinate:
            raise ValueError("sketches in different coordinates cannot be merged")
        merged = self.tally.merge(other.tally)
        # Merged counts became a sample: the rows would have to be counted again, on a grid.
        if isinstance(merged.body, ValueCounts) and not merged.body.exact:
            raise ValueError(
                "together the sketches hold too many distinct values to count them exactly"
            )
        return Sketch(merged, self.coordinate)

    @property
    def numbers(self) -> ValueCounts:
        """The numbers that are counted one by one: all while few are distinct, else frequent."""
        body = self.tally.body
        if isinstance(body, GridCounts):
            return body.apart
        if isinstance(body, ValueCounts):
            return body
        raise ValueError("categories are no numbers")

    @property
    def labels(self) -> tuple[Label, ...]:
        """The categories; none for numbers."""
        return self.tally.body.labels if isinstance(self.tally.body, LabelCounts) else ()

    @property
    def complete(self) -> bool:
        """Whether every number is counted one by one."""
        return isinstance(self.tally.body, ValueCounts)

    @property
    def size(self) -> int:
        """The number of values, cells or categories that are counted."""
        body = self.tally.body
        if isinstance(body, LabelCounts):
            return len(body.labels)
        return self.numbers.values.size + (body.cells.size if isinstance(body, GridCounts) else 0)

    def points(self, without: Numbers | None = None) -> WeightedPoints:
        """Return the finite numbers, except those of `without`, as sorted points in coordinates."""
        if self.coordinate is None:
            raise ValueError("categories have no coordinates")
        single = self._counted(without)
        positions = _coordinates(self.coordinate, single)
        weights, spreads = single.counts.astype(np.float64), np.zeros(positions.size)
        body = self.tally.body
        if isinstance(body, GridCounts):
            cells, cell_spreads = body.points()
            # Stable, so that a number at a cell's mean comes first in every run.
            order = np.argsort(np.concatenate([positions, cells]), kind="stable")
            positions = np.concatenate([positions, cells])[order]
            weights = np.concatenate([weights, body.counts.astype(np.float64)])[order]
            spreads = np.concatenate([spreads, cell_spreads])[order]
        # Rounding to steps hides a variance of step² / 12 (Sheppard, 1898): every value stands for
        # the interval around it, so no component can be narrower than that.
        return WeightedPoints(positions, weights, spreads + np.square(self.steps(positions)) / 12)

    def steps(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value that the column may hold, shape (n,).

        It is that of the coordinate's grid, or of a coarser lattice that the values lie on; 0 if
        they lie on neither.
        """
        if self.coordinate is None:
            raise ValueError("categories have no coordinates")
        spacing = self.coordinate.spacing(positions)
        learned = learned_step(self.numbers.values) if self.complete else 0.0
        steps = learned / self.coordinate.stretch(positions)
        # A learned step of one step of the grid is that step, apart from rounding.
        return np.where(steps > _COARSER * spacing, steps, spacing)

    def extents(self, without: Numbers | None = None) -> Extents:
        """Return where finite numbers lie, except those of `without`: single values and cells."""
        if self.coordinate is None:
            raise ValueError("categories have no coordinates")
        single = self._counted(without)
        values = _coordinates(self.coordinate, single)
        body = self.tally.body
        if not isinstance(body, GridCounts):
            return Extents(values, values, single.counts.astype(np.float64))
        lows, highs = body.extents()
        counts = np.concatenate([single.counts, body.counts]).astype(np.float64)
        return Extents(np.concatenate([values, lows]), np.concatenate([values, highs]), counts)

    def _counted(self, without: Numbers | None) -> ValueCounts:
        """Return the numbers that are counted one by one, except those of `without`."""
        return (
            self.numbers
            if without is None
            else self.numbers.select(~np.isin(self.numbers.values, without))
        )


def _coordinates(coordinate: Coordinate, numbers: ValueCounts) -> NDArray[np.float64]:
    """Return the coordinates of counted numbers.

    Raises
    ------
    ColumnDataError
        With the number of rows whose numbers have no coordinate.
    """
    try:
        return coordinate.forward(numbers.values)
    except ColumnDataError as error:
        rows = numbers.select(without_coordinate(coordinate, numbers.values)).rows
        raise ColumnDataError(error.problem, rows=rows, remedy=error.remedy) from error

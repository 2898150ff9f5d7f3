"""Counting of Arrow arrays, batch by batch: what a sketch is made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.number_batch import NumberBatch
from gmm_pipeline.core.sketch.coordinate import Coordinate, without_coordinate
from gmm_pipeline.core.sketch.grid import Grid
from gmm_pipeline.core.sketch.grid_counts import GridCounter
from gmm_pipeline.core.sketch.heavy_hitters import HeavyCounter
from gmm_pipeline.core.sketch.numbers import Numbers, numbers_of
from gmm_pipeline.core.sketch.sketch import NumberSample, Specials, Tally
from gmm_pipeline.core.sketch.value_counts import ONE_EACH, ValueCounter, ValueCounts
from gmm_pipeline.errors import ColumnDataError

B = TypeVar("B")


def body_of(tally: Tally, form: type[B]) -> B:
    """Return what a tally says of its finite numbers or categories, in the form that is
    expected.
    """
    if not isinstance(tally.body, form):
        raise TypeError(f"a tally of {form.__name__} was expected")
    return tally.body


class RowCounter(Protocol):
    """Counts rows as they stream by, in any order."""

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        ...

    def add_tally(self, tally: Tally) -> None:
        """Count rows that were counted before, each number or category exactly."""
        ...

    def tally(self) -> Tally:
        """Return what was counted so far."""
        ...


class _NumberCounter(ABC):
    """Counts the rows of a numeric column: those that hold no finite number here, the others as its
    kinds do.
    """

    def __init__(self) -> None:
        self._specials = Specials()

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        numbers, specials = NumberBatch.of(array).split()
        self._specials = self._specials.merge(specials)
        self._add(numbers)

    def add_tally(self, tally: Tally) -> None:
        """Count rows that were counted before, each number exactly."""
        self._specials = self._specials.merge(tally.specials)
        self._add_counts(body_of(tally, ValueCounts))

    @abstractmethod
    def _add(self, numbers: Numbers) -> None: ...

    @abstractmethod
    def _add_counts(self, counts: ValueCounts) -> None: ...


class DistinctNumberCounter(_NumberCounter):
    """Counts the distinct numbers of a numeric column."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self._values = ValueCounter(dtype)

    def _add(self, numbers: Numbers) -> None:
        self._values.add(numbers)

    def _add_counts(self, counts: ValueCounts) -> None:
        self._values.add_counts(counts)

    def tally(self) -> Tally:
        """Return what was counted so far."""
        return Tally(self._specials, self._values.counts())


class NumberSampler(_NumberCounter):
    """Counts the distinct numbers of a numeric column, and finds those that hold many rows."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self._values = ValueCounter(dtype)
        self._heavy = HeavyCounter(dtype)

    def _add(self, numbers: Numbers) -> None:
        self._values.add(numbers)
        self._heavy.add(numbers)

    def _add_counts(self, counts: ValueCounts) -> None:
        self._values.add_counts(counts)
        self._heavy.add_counts(counts)

    def tally(self) -> Tally:
        """Return what was counted so far."""
        return Tally(self._specials, NumberSample(self._values.counts(), self._heavy.candidates()))


class MinimumCounter(_NumberCounter):
    """Finds the smallest finite number of a numeric column."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self._smallest = ValueCounts.none(dtype)

    def _add(self, numbers: Numbers) -> None:
        if numbers.size:
            self._add_counts(ValueCounts(numbers_of([numbers.min()], numbers.dtype), ONE_EACH))

    def _add_counts(self, counts: ValueCounts) -> None:
        merged = self._smallest.merge(ValueCounts(counts.values[:1], counts.counts[:1]))
        self._smallest = ValueCounts(merged.values[:1], merged.counts[:1])

    def tally(self) -> Tally:
        """Return the smallest number so far; the counts of rows mean nothing."""
        return Tally(Specials(), self._smallest)


class RefusedCounter(_NumberCounter):
    """Counts the rows whose numbers a coordinate refuses."""

    def __init__(self, coordinate: Coordinate, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self._coordinate = coordinate
        self._dtype = dtype
        self._rows = 0

    def _add(self, numbers: Numbers) -> None:
        try:
            self._coordinate.forward(numbers)
        except ColumnDataError as error:
            self._rows += error.rows or 0

    def _add_counts(self, counts: ValueCounts) -> None:
        self._rows += counts.select(without_coordinate(self._coordinate, counts.values)).rows

    def tally(self) -> Tally:
        """Return their number as that of one value."""
        rows = np.array([self._rows], dtype=np.int64)
        return Tally(Specials(), ValueCounts(numbers_of([0], self._dtype), rows))


class GridNumberCounter(_NumberCounter):
    """Counts the numbers of a numeric column on a grid, but for some that it counts one by one."""

    def __init__(self, grid: Grid, coordinate: Coordinate, apart: Numbers) -> None:
        super().__init__()
        self._cells = GridCounter(grid, coordinate, apart)

    def _add(self, numbers: Numbers) -> None:
        self._cells.add(numbers)

    def _add_counts(self, counts: ValueCounts) -> None:
        self._cells.add_counts(counts)

    def tally(self) -> Tally:
        """Return what was counted so far."""
        return Tally(self._specials, self._cells.counts())

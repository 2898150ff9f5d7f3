"""Count the rows of Arrow arrays, batch by batch: what sketches are made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
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
    """Return the body of a tally, of the class that the caller expects."""
    if not isinstance(tally.body, form):
        raise TypeError(f"a tally of {form.__name__} was expected")
    return tally.body


class RowCounter(Protocol):
    """Counts rows as they stream by, in any order."""

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        ...

    def add_tally(self, tally: Tally) -> None:
        """Add rows that were counted before, with each number or category exact."""
        ...

    def tally(self) -> Tally:
        """Return the counts so far."""
        ...


class CountingPass(Protocol):
    """What an engine provides for sketching: one pass over ranges of a column's rows."""

    def __call__(self, counter: Callable[[], RowCounter], ranges: Sequence[range], /) -> Tally:
        """Count the rows of the ranges, with as many counters as suit the engine."""
        ...


class _NumberCounter(ABC):
    """Counts nulls, NaN and infinities of a numeric column; subclasses count its finite numbers."""

    def __init__(self) -> None:
        self._specials = Specials()

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        numbers, specials = NumberBatch.of(array).split()
        self._specials = self._specials.merge(specials)
        self._add(numbers)

    def add_tally(self, tally: Tally) -> None:
        """Add rows that were counted before, with each number exact."""
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
        """Return the counts so far."""
        return Tally(self._specials, self._values.counts())


class NumberSampler(_NumberCounter):
    """Counts the distinct numbers of a numeric column, and finds the frequent ones."""

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
        """Return the counts so far."""
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
        # Merging sorts the two and turns −0.0 into 0.0.
        merged = self._smallest.merge(ValueCounts(counts.values[:1], counts.counts[:1]))
        self._smallest = ValueCounts(merged.values[:1], merged.counts[:1])

    def tally(self) -> Tally:
        """Return the smallest number so far; the counts of rows are meaningless."""
        return Tally(Specials(), self._smallest)


class RefusedCounter(_NumberCounter):
    """Counts the rows whose numbers have no coordinate."""

    def __init__(self, coordinate: Coordinate, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self._coordinate = coordinate
        self._dtype = dtype
        self._rows = 0

    def _add(self, numbers: Numbers) -> None:
        try:
            self._coordinate.forward(numbers)
        except ColumnDataError as error:
            # The error counts the rows of this batch; all batches together make the message.
            self._rows += error.rows or 0

    def _add_counts(self, counts: ValueCounts) -> None:
        self._rows += counts.select(without_coordinate(self._coordinate, counts.values)).rows

    def tally(self) -> Tally:
        """Return their number, as the rows of one value."""
        rows = np.array([self._rows], dtype=np.int64)
        return Tally(Specials(), ValueCounts(numbers_of([0], self._dtype), rows))


class GridNumberCounter(_NumberCounter):
    """Counts the numbers of a numeric column on a grid, some of them by themselves."""

    def __init__(self, grid: Grid, coordinate: Coordinate, apart: Numbers) -> None:
        super().__init__()
        self._cells = GridCounter(grid, coordinate, apart)

    def _add(self, numbers: Numbers) -> None:
        self._cells.add(numbers)

    def _add_counts(self, counts: ValueCounts) -> None:
        self._cells.add_counts(counts)

    def tally(self) -> Tally:
        """Return the counts so far."""
        return Tally(self._specials, self._cells.counts())

"""Counting of Arrow arrays, batch by batch: what a sketch is made from."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gmm_pipeline.arrow.numbers import NumberBatch
from gmm_pipeline.arrow.types import plain_labels
from gmm_pipeline.core.coordinate import Coordinate, Numbers, numbers_of
from gmm_pipeline.core.grid import Grid
from gmm_pipeline.core.grid_counts import GridCounter
from gmm_pipeline.core.heavy import HeavyCounter
from gmm_pipeline.core.sketch import Label, LabelCounts, NumberSample, Specials, Tally
from gmm_pipeline.core.values import ValueCounter, ValueCounts
from gmm_pipeline.errors import ColumnDataError


class RowCounter(Protocol):
    """Counts rows as they stream by, in any order."""

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        ...

    def tally(self) -> Tally:
        """Return what was counted so far."""
        ...


class NumberSampler:
    """Counts the distinct numbers of a numeric column, and finds those that hold many rows."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._values = ValueCounter(dtype)
        self._heavy = HeavyCounter(dtype)
        self._specials = Specials()

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        numbers, specials = NumberBatch.of(array).split()
        self._specials = self._specials.merge(specials)
        self._values.add(numbers)
        self._heavy.add(numbers)

    def tally(self) -> Tally:
        """Return what was counted so far."""
        return Tally(self._specials, NumberSample(self._values.counts(), self._heavy.candidates()))


class DistinctNumberCounter:
    """Counts the distinct numbers of a numeric column."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._values = ValueCounter(dtype)
        self._specials = Specials()

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        numbers, specials = NumberBatch.of(array).split()
        self._specials = self._specials.merge(specials)
        self._values.add(numbers)

    def tally(self) -> Tally:
        """Return what was counted so far."""
        return Tally(self._specials, self._values.counts())


class MinimumCounter:
    """Finds the smallest finite number of a numeric column."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._smallest = ValueCounts.none(dtype)

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        numbers, _ = NumberBatch.of(array).split()
        if numbers.size:
            one = ValueCounts(numbers_of([numbers.min()], numbers.dtype), np.ones(1, dtype=np.int64))
            merged = self._smallest.merge(one)
            self._smallest = ValueCounts(merged.values[:1], merged.counts[:1])

    def tally(self) -> Tally:
        """Return the smallest number so far; the counts of rows mean nothing."""
        return Tally(Specials(), self._smallest)


class RefusedCounter:
    """Counts the rows whose numbers a coordinate refuses."""

    def __init__(self, coordinate: Coordinate, dtype: np.dtype[Any]) -> None:
        self._coordinate = coordinate
        self._dtype = dtype
        self._rows = 0

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        numbers, _ = NumberBatch.of(array).split()
        try:
            self._coordinate.forward(numbers)
        except ColumnDataError as error:
            self._rows += error.rows or 0

    def tally(self) -> Tally:
        """Return their number as that of one value."""
        rows = np.array([self._rows], dtype=np.int64)
        return Tally(Specials(), ValueCounts(numbers_of([0], self._dtype), rows))


class GridNumberCounter:
    """Counts the numbers of a numeric column on a grid, but for some that it counts one by one."""

    def __init__(self, grid: Grid, coordinate: Coordinate, apart: Numbers) -> None:
        self._cells = GridCounter(grid, coordinate, apart)
        self._specials = Specials()

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        numbers, specials = NumberBatch.of(array).split()
        self._specials = self._specials.merge(specials)
        self._cells.add(numbers)

    def tally(self) -> Tally:
        """Return what was counted so far."""
        return Tally(self._specials, self._cells.counts())


class LabelCounter:
    """Counts the categories of a column."""

    def __init__(self) -> None:
        self._counts: Counter[Label] = Counter()
        self._specials = Specials()

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        for entry in pc.value_counts(plain_labels(array)).to_pylist():
            value, rows = entry["values"], entry["counts"]
            if value is None:
                self._specials = self._specials.merge(Specials(nulls=rows))
            elif value != value:  # noqa: PLR0124 - only NaN differs from itself
                self._specials = self._specials.merge(Specials(nans=rows))
            else:
                self._counts[value] += rows

    def tally(self) -> Tally:
        """Return what was counted so far."""
        return Tally(self._specials, LabelCounts.of(self._counts))

"""Counting of Arrow arrays, batch by batch: what a sketch is made from."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from gmm_pipeline.arrow.numbers import NumberBatch
from gmm_pipeline.arrow.types import plain_labels
from gmm_pipeline.core.coordinate import Coordinate
from gmm_pipeline.core.grid import Grid
from gmm_pipeline.core.sketch import GridCounter, Label, LabelCounts, Specials, Tally
from gmm_pipeline.core.values import ValueCounter


class RowCounter(Protocol):
    """Counts rows as they stream by, in any order."""

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        ...

    def tally(self) -> Tally:
        """Return what was counted so far."""
        ...


class DistinctNumberCounter:
    """Counts the distinct numbers of a numeric column."""

    def __init__(self, arrow_type: pa.DataType) -> None:
        self._values = ValueCounter(np.dtype(np.int64 if pat.is_integer(arrow_type) else np.float64))
        self._specials = Specials()

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        numbers, specials = NumberBatch.of(array).split()
        self._specials = self._specials.merge(specials)
        self._values.add(numbers)

    def tally(self) -> Tally:
        """Return what was counted so far."""
        return Tally(self._specials, self._values.counts())


class GridNumberCounter:
    """Counts the numbers of a numeric column on a grid."""

    def __init__(self, grid: Grid, coordinate: Coordinate) -> None:
        self._cells = GridCounter(grid, coordinate)
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

"""Decimals of many places, of which the values use few: Spark writes prices as decimal(38, 18).

int64 does not hold 9.23 in units of 10**-18. Such columns are counted in the places that are in
use: decimal(38, 18) of prices as decimal(22, 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from gmm_pipeline.arrow.counters import CountingPass, DistinctNumberCounter, RowCounter, body_of
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.sketch import Tally
from gmm_pipeline.core.sketch.value_counts import ValueCounts
from gmm_pipeline.errors import ColumnDataError, OffGridError

MOST_PLACES = 18
"""int64 holds 10**18, so that many places at most."""
_MOST_DIGITS = 38
"""Of decimal128."""


class _PlacesCounter(DistinctNumberCounter):
    """Counts batches of decimals by the places that they use."""

    def __init__(self) -> None:
        super().__init__(np.dtype(np.int64))
        self._places = 0

    def add(self, array: pa.Array) -> None:
        """Count the places of an array."""
        while not _has_places(array, self._places):
            self._places += 1
        self._add(np.array([self._places]))


class _CountedDecimals:
    """Gives another counter decimals with fewer places."""

    def __init__(self, make: Callable[[], RowCounter], counted: pa.DataType) -> None:
        self._counter = make()
        self._counted = counted

    def add(self, array: pa.Array) -> None:
        """Count the rows of an array."""
        self._counter.add(with_places(array, self._counted))

    def add_tally(self, tally: Tally) -> None:
        """Add rows that were counted before."""
        self._counter.add_tally(tally)

    def tally(self) -> Tally:
        """Return the counts so far."""
        return self._counter.tally()


def places_in_use(rows: int, count: CountingPass) -> int:
    """Return the largest number of decimal places that a column's rows use, in one pass."""
    places = body_of(count(_PlacesCounter, [range(rows)]), ValueCounts).values
    return int(places.max(initial=0))


def type_with_places(arrow_type: pa.DataType, places: int) -> pa.DataType:
    """Return a decimal type of fewer places that holds as large numbers."""
    digits = max(arrow_type.precision - arrow_type.scale + places, 1)
    return (
        pa.decimal128(digits, places) if digits <= _MOST_DIGITS else pa.decimal256(digits, places)
    )


def counting_with_places(count: CountingPass, counted: pa.DataType) -> CountingPass:
    """Return a pass whose counters get decimals in a type of fewer places."""

    def counting(counter: Callable[[], RowCounter], ranges: Sequence[range], /) -> Tally:
        return count(partial(_CountedDecimals, counter, counted), ranges)

    return counting


def counted_type(arrow_type: pa.DataType, coordinate: Coordinate | None) -> pa.DataType:
    """Return the type in which a column's numbers are counted: its own, or one of fewer places."""
    base = coordinate.base if isinstance(coordinate, LogCoordinate) else coordinate
    if not pat.is_decimal(arrow_type) or not isinstance(base, IntegerCoordinate):
        return arrow_type
    places = len(str(base.per_unit)) - 1
    return arrow_type if places >= arrow_type.scale else type_with_places(arrow_type, places)


def with_places(array: pa.Array, counted: pa.DataType) -> pa.Array:
    """Return decimals in a type of fewer places.

    Raises
    ------
    OffGridError
        If rows use more places.
    """
    if array.type == counted:
        return array
    try:
        return array.cast(counted)
    except pa.ArrowInvalid as error:
        longer = pc.not_equal(rounded(array, counted), array)
        raise OffGridError(
            f"numbers have more than the {counted.scale} decimal places of the fitted rows",
            rows=int(pc.sum(longer).as_py() or 0),
            remedy="Round them, or fit again on rows that include such numbers",
        ) from error


def rounded(array: pa.Array, counted: pa.DataType) -> pa.Array:
    """Return decimals rounded to the places of another type, in their own type."""
    return pc.round(array, ndigits=counted.scale)


def refuse_many_places(places: int) -> ColumnDataError:
    """Return the error of a column whose decimals use more places than int64 can count."""
    return ColumnDataError(
        f"decimals of {places} places cannot be encoded as numbers: int64 counts {MOST_PLACES}",
        remedy="Round them, or cast the column to a string, which keeps every digit, or to float64",
    )


def _has_places(array: pa.Array, places: int) -> bool:
    """Whether decimals of an array use at most so many places."""
    if places >= array.type.scale:
        return True
    try:
        array.cast(type_with_places(array.type, places))
    except pa.ArrowInvalid:
        return False
    return True

"""A column's coordinates in its own units: numbers, dates, times; exactly, so that ticks stand
where they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import value_type
from gmm_pipeline.core.sketch.coordinate import Coordinate, PlainCoordinate
from gmm_pipeline.core.sketch.decimal_coordinate import DecimalCoordinate
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.pictures.calendar import (
    DAY,
    clock_text,
    clock_ticks,
    date_text,
    date_ticks,
    moment_ticks,
)
from gmm_pipeline.pictures.numbers import (
    Tick,
    decimal_text,
    number_text,
    number_ticks,
    order_of,
    value_text,
)

_LARGEST_LOG = 709.0
_FEW_TICKS = 3


@dataclass(frozen=True)
class Ruler:
    """The units of a column.

    Parameters
    ----------
    coordinate : Coordinate
    type : pa.DataType
        Of the column's values.
    """

    coordinate: Coordinate
    type: pa.DataType

    @classmethod
    def of(cls, coordinate: Coordinate, field: pa.Field) -> Ruler:
        """Return the ruler of a column."""
        return cls(coordinate, value_type(field.type))

    @property
    def base(self) -> PlainCoordinate:
        """The coordinate, or the one that logarithms are taken of."""
        return (
            self.coordinate.base if isinstance(self.coordinate, LogCoordinate) else self.coordinate
        )

    @property
    def step(self) -> Fraction:
        """The distance between values in units of the column; 0 without a grid."""
        if isinstance(self.base, IntegerCoordinate):
            return Fraction(self.base.divisor, self.base.per_unit)
        return (
            Fraction(1, 10**self.base.places)
            if isinstance(self.base, DecimalCoordinate)
            else Fraction(0)
        )

    @property
    def caption(self) -> str:
        """What to say of the units below the axis."""
        parts = ["seconds"] if pat.is_duration(self.type) else []
        parts += [self.type.tz] if pat.is_timestamp(self.type) and self.type.tz else []
        parts += ["logarithmic"] if isinstance(self.coordinate, LogCoordinate) else []
        return ", ".join(parts)

    def value(self, coordinate: float) -> Fraction:
        """Return a finite coordinate in the column's units."""
        if isinstance(self.coordinate, LogCoordinate):
            coordinate = math.exp(min(coordinate, _LARGEST_LOG)) - self.coordinate.shift
        return Fraction(coordinate) * self._scale + self._origin

    def place(self, value: Fraction) -> float:
        """Return the coordinate of a value; NaN if it has none."""
        try:
            coordinate = float((value - self._origin) / self._scale)
        except OverflowError:
            return math.nan
        if not isinstance(self.coordinate, LogCoordinate):
            return coordinate
        above = coordinate + self.coordinate.shift
        return math.log(above) if above > 0 else math.nan

    def ticks(self, low: float, high: float, most: int) -> tuple[list[Tick], str]:
        """Return about so many round values between two coordinates, and what they are counted
        from, if not 0.
        """
        first, last = self.value(low), self.value(high)
        if pat.is_date(self.type):
            return date_ticks(first, last, most), ""
        if pat.is_timestamp(self.type):
            return moment_ticks(first, last, most), ""
        if pat.is_time(self.type):
            return clock_ticks(first, last, most), ""
        if isinstance(self.coordinate, LogCoordinate):
            marks = self._powers(first, last, most)
            if len(marks) >= _FEW_TICKS:
                return marks, ""
        return number_ticks(first, last, most, self.step)

    def text(self, coordinate: float) -> str:
        """Return a coordinate as text: of a few digits, in full where it lies on a grid, or as a
        date or time.
        """
        value = self.value(coordinate)
        if pat.is_date(self.type):
            return date_text(math.floor(value))
        if pat.is_time(self.type):
            return clock_text(value, Fraction(1))
        if pat.is_timestamp(self.type):
            day, second = divmod(math.floor(value), DAY)
            return f"{date_text(day)} {clock_text(Fraction(second), Fraction(1))}"
        return (
            decimal_text(round(value / self.step) * self.step)
            if self.step
            else value_text(float(value))
        )

    @property
    def _origin(self) -> Fraction:
        base = self.base
        return (
            Fraction(base.origin, base.per_unit)
            if isinstance(base, IntegerCoordinate)
            else Fraction(0)
        )

    @property
    def _scale(self) -> Fraction:
        return (
            Fraction(2) ** -self.base.exponent
            if isinstance(self.base, RealCoordinate)
            else Fraction(1)
        )

    def _powers(self, first: Fraction, last: Fraction, most: int) -> list[Tick]:
        """Return powers of ten within a range, with their doubles and fivefold where those leave
        room.
        """
        if first <= 0:
            return []
        orders = range(order_of(first), order_of(last) + 2)
        every = -(-len(orders) // most)
        factors = (1,) if len(orders) > most else (1, 2, 5)
        places = [
            factor * Fraction(10) ** order
            for factor in factors
            for order in orders
            if order % every == 0
        ]
        return [
            Tick(place, number_text(place, Fraction(0), place))
            for place in places
            if first <= place <= last
        ]

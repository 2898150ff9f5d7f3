"""A column's coordinates and values in its own units: numbers, dates, times.

Calculated with fractions: float64 cannot tell 9·10¹⁷ from its neighbours, and ticks have to stand
where they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import labels_of, value_type
from gmm_pipeline.arrow.numeric_types import counts_units, from_numbers, texts_of
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.decimal_coordinate import DecimalCoordinate
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.lattice_coordinate import LatticeCoordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.core.sketch.sketch import Label
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

_MOST_PLACES = 12
"""Decimal places of a step that are worth writing out."""
_LARGEST_LOG = 709.0
"""exp of more than 709.78 is no float64."""
_FEW_TICKS = 3
"""Fewer powers of ten than this do not show a logarithmic scale; round numbers then do better."""
_SECOND = Fraction(1)
_SPANS = (("days", DAY), ("h", 3600), ("min", 60))
_FEWEST = 2
"""Units of a span from which on it is told in them: 90 minutes rather than 1.5 hours."""


@dataclass(frozen=True)
class Units:
    """The units of a column: a value is coordinate · scale + origin.

    Parameters
    ----------
    type : pa.DataType
        Of the column's values.
    scale, origin : Fraction
    step : Fraction
        The distance between values; 0 without a grid.
    shift : float or None
        The coordinate is the logarithm of value + shift, if not None.
    """

    type: pa.DataType
    scale: Fraction
    origin: Fraction
    step: Fraction
    shift: float | None

    @classmethod
    def of(cls, coordinate: Coordinate | None, field: pa.Field) -> Units:
        """Return the units of a column; one of categories has no coordinate."""
        base, shift = coordinate, None
        if isinstance(coordinate, LogCoordinate):
            base, shift = coordinate.base, coordinate.shift
        scale, origin, step = Fraction(1), Fraction(0), Fraction(0)
        if isinstance(base, IntegerCoordinate):
            origin, step = (Fraction(n, base.per_unit) for n in (base.origin, base.divisor))
        elif isinstance(base, DecimalCoordinate):
            step = Fraction(1, 10**base.places)
        elif isinstance(base, LatticeCoordinate):
            step = _decimal_step(base)
        elif isinstance(base, RealCoordinate):
            scale = Fraction(2) ** -base.exponent
        return cls(value_type(field.type), scale, origin, step, shift)

    @property
    def caption(self) -> str:
        """What to say of the units below the axis."""
        parts = ["seconds"] if pat.is_duration(self.type) else []
        parts += [self.type.tz] if pat.is_timestamp(self.type) and self.type.tz else []
        parts += [] if self.shift is None else ["logarithmic"]
        return ", ".join(parts)

    def value(self, coordinate: float) -> Fraction:
        """Return a finite coordinate in the column's units."""
        if self.shift is not None:
            coordinate = math.exp(min(coordinate, _LARGEST_LOG)) - self.shift
        return Fraction(coordinate) * self.scale + self.origin

    def coordinate_of(self, value: Fraction) -> float:
        """Return the coordinate of a value; NaN if it has none."""
        try:
            coordinate = float((value - self.origin) / self.scale)
        except OverflowError:
            return math.nan
        if self.shift is None:
            return coordinate
        return math.log(coordinate + self.shift) if coordinate + self.shift > 0 else math.nan

    def ticks(self, low: float, high: float, most: int) -> tuple[list[Tick], str]:
        """Return round values between two coordinates, at most about `most`, and their caption."""
        first, last = self.value(low), self.value(high)
        if pat.is_date(self.type):
            return date_ticks(first, last, most), ""
        if pat.is_timestamp(self.type):
            return moment_ticks(first, last, most), ""
        if pat.is_time(self.type):
            return clock_ticks(first, last, most), ""
        powers = [] if self.shift is None or first <= 0 else _powers_of_ten(first, last, most)
        if len(powers) >= _FEW_TICKS:
            return powers, ""
        return number_ticks(first, last, most, self.step)

    def text(self, coordinate: float) -> str:
        """Return a coordinate as text: with all digits where values lie on a grid, else rounded."""
        value = self.value(coordinate)
        if self._is_of_calendar:
            return self._calendar_text(value)
        if self.step:
            return decimal_text(round(value / self.step) * self.step)
        return value_text(float(value))

    def place_text(self, place: float) -> str:
        """Return a place of a `ranking_table`, such as a mean, as text: dates and times as such."""
        if self.shift is None and self._is_of_calendar and math.isfinite(place):
            return self._calendar_text(Fraction(place))
        return value_text(place)

    def width_text(self, width: float) -> str:
        """Return a width of a `ranking_table`, such as a std, as text: of times with its unit."""
        if self.shift is not None or not self._is_of_calendar:
            return value_text(width)
        seconds = width * DAY if pat.is_date(self.type) else width
        name, size = next((unit for unit in _SPANS if seconds >= _FEWEST * unit[1]), ("s", 1))
        return f"{value_text(seconds / size)} {name}"

    @property
    def _is_of_calendar(self) -> bool:
        kinds = (pat.is_date, pat.is_time, pat.is_timestamp)
        return any(is_kind(self.type) for is_kind in kinds)

    def _calendar_text(self, value: Fraction) -> str:
        """Return days or seconds since 1970, or seconds since midnight, as a date or a time."""
        if pat.is_date(self.type):
            return date_text(math.floor(value))
        if pat.is_time(self.type):
            return clock_text(value, _SECOND)
        day, second = divmod(value, DAY)
        return f"{date_text(day)} {clock_text(second, _SECOND)}"


def atom_text(value: Label | None, field: pa.Field) -> str:
    """Return the value of an atom as text in the column's type."""
    if value is None:
        return "null"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    plain = value_type(field.type)
    if not counts_units(plain):
        return str(labels_of([value], field)[0].as_py())
    return str(texts_of(from_numbers(np.array([value], dtype=np.int64), None, plain))[0])


def _powers_of_ten(first: Fraction, last: Fraction, most: int) -> list[Tick]:
    """Return 1, 2 and 5 · 10**n within a positive range, or only 10**n if those are many."""
    orders = range(order_of(first), order_of(last) + 2)
    every = -(-len(orders) // most)
    factors = (1,) if len(orders) > most else (1, 2, 5)
    kept = [Fraction(10) ** order for order in orders if order % every == 0]
    places = [factor * power for factor in factors for power in kept]
    return [Tick(at, number_text(at, at, at)) for at in places if first <= at <= last]


def _decimal_step(lattice: LatticeCoordinate) -> Fraction:
    """Return the step of a lattice of decimals; 0 if its values are not multiples of a decimal."""
    step = Fraction(str(lattice.multiple)) / Fraction(str(lattice.steps))
    is_decimal = (step * 10**_MOST_PLACES).denominator == 1
    return step if is_decimal and not lattice.remainder else Fraction(0)

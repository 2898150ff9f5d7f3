"""The float64 coordinate of a column's numbers, and the grid that its values lie on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.steps import from_origin, hold_decimals, snap, to_whole_numbers
from gmm_pipeline.errors import ColumnDataError, OffGridError

Numbers = NDArray[np.float64] | NDArray[np.int64]
"""A column's numbers as they are computed with: int64 for types that count in fixed units, float64
for the others.
"""


def numbers_of(values: Any, dtype: np.dtype[Any]) -> Numbers:
    """Return values as numbers of a dtype."""
    numbers: Numbers = np.asarray(values, dtype=dtype)
    return numbers


_FURTHEST_STEPS = 2**50
_FURTHEST_LOG = 700.0
_NARROW = {24: np.float32, 11: np.float16}


@dataclass(frozen=True)
class RealCoordinate:
    """Floating-point numbers that lie on no grid: x · 2**exponent.

    Parameters
    ----------
    exponent : int
        0 but for columns whose numbers are so small or large that their variances would not be
        normal numbers.
    """

    exponent: int = 0

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Map float64 numbers of shape (n,) to coordinates of shape (n,)."""
        x: NDArray[np.float64] = numbers.astype(np.float64, copy=False)
        return np.ldexp(x, self.exponent) if self.exponent else x

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Map coordinates back to float64 numbers."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(coordinates, -self.exponent) if self.exponent else coordinates

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate, shape (n,)."""
        return numbers

    def spacing(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value of the grid, shape (n,): 0, as there is none."""
        return np.zeros(coordinates.size)

    def stretch(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers move when coordinates move by 1, shape (n,)."""
        with np.errstate(over="ignore"):
            return np.full(coordinates.size, np.ldexp(1.0, -self.exponent))

    def relaxed(self) -> RealCoordinate:
        """Return the same without a grid."""
        return self


@dataclass(frozen=True)
class DecimalCoordinate:
    """Floating-point numbers that are the nearest to decimals of `places` places, such as cents.

    Parameters
    ----------
    places : int
    digits : int
        Binary digits of the column's type: 53, 24 or 11.
    """

    places: int
    digits: int = 53

    def snapped(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest numbers of the grid, shape (n,)."""
        nearest = np.empty(x.size, dtype=np.float64)
        snap(x, 10.0**self.places, nearest)
        if self.digits not in _NARROW:
            return nearest
        with np.errstate(over="ignore"):
            return nearest.astype(_NARROW[self.digits]).astype(np.float64)

    def holds(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which numbers lie on the grid, and near enough to 0 for that to mean anything,
        shape (n,).
        """
        with np.errstate(over="ignore", invalid="ignore"):
            held: NDArray[np.bool_] = self.snapped(x) == x
            return held & (np.abs(x) * 10.0**self.places <= 2.0 ** (self.digits - 3))

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Return float64 numbers of shape (n,), which are their own coordinates; raise OffGridError
        if off the grid.
        """
        x: NDArray[np.float64] = numbers.astype(np.float64, copy=False)
        if self.digits in _NARROW or not hold_decimals(
            x, 10.0**self.places, 2.0 ** (self.digits - 3)
        ):
            _refuse_off_grid(
                x.size - int(np.count_nonzero(self.holds(x))), f"{10.0**-self.places:g}"
            )
        return x

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Return the nearest numbers of the grid, shape (n,)."""
        return self.snapped(coordinates)

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate, shape (n,)."""
        return self.snapped(numbers.astype(np.float64, copy=False))

    def spacing(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value of the grid, shape (n,)."""
        return np.full(coordinates.size, 10.0**-self.places)

    def stretch(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers move when coordinates move by 1, shape (n,)."""
        return np.ones(coordinates.size)

    def relaxed(self) -> RealCoordinate:
        """Return a coordinate for the same numbers and those between them."""
        return RealCoordinate()


@dataclass(frozen=True)
class IntegerCoordinate:
    """Whole numbers, counted from `origin` so that float64 holds each of them exactly.

    Parameters
    ----------
    origin : int
        The number whose coordinate is 0.
    lowest, highest : int
        The bounds of the column's type; what decodes beyond them is set to them.
    per_unit : int
        How many make up a unit of the coordinate: 100 for decimals of two places, 10**6 for
        microseconds.
    divisor : int
        Every number differs from the origin by a multiple of it.
    """

    origin: int
    lowest: int
    highest: int
    per_unit: int = 1
    divisor: int = 1

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Map int64 numbers of shape (n,) to coordinates of shape (n,).

        Raises
        ------
        OffGridError
            If numbers differ from the origin by no multiple of the divisor.
        ColumnDataError
            If numbers are more than 2**50 steps from the origin, where float64 arithmetic would no
            longer be exact.
        """
        integers = numbers.astype(np.int64, copy=False)
        reach = _FURTHEST_STEPS * self.divisor
        low, high = max(self.origin - reach, -(2**63)), min(self.origin + reach, 2**63 - 1)
        if integers.size and (int(integers.min()) < low or int(integers.max()) > high):
            beyond = integers.size - int(np.count_nonzero((integers >= low) & (integers <= high)))
            raise ColumnDataError(
                f"numbers lie further than 2**50 steps of {self.divisor} from {self.origin}, too far to be told apart",
                rows=beyond,
                remedy="Name those far out as atoms, encode the column as categories (kind = categorical), cast it to "
                "float64 or to a coarser unit, or leave it out",
            )
        if self.divisor > 1:
            others = np.count_nonzero((integers - np.int64(self.origin)) % self.divisor)
            _refuse_off_grid(int(others), str(self.divisor))
        x = np.empty(integers.size)
        from_origin(integers, self.origin, self.per_unit, x)
        return x

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Map coordinates to the nearest multiples of the divisor within the type's bounds, int64
        of shape (n,).
        """
        low = max(-((self.origin - self.lowest) // self.divisor), -2 * _FURTHEST_STEPS)
        high = min((self.highest - self.origin) // self.divisor, 2 * _FURTHEST_STEPS)
        numbers = np.empty(coordinates.size, dtype=np.int64)
        factor = self.per_unit / self.divisor
        to_whole_numbers(
            coordinates, factor, float(low), float(high), self.divisor, self.origin, numbers
        )
        return numbers

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate, shape (n,)."""
        reach = _FURTHEST_STEPS * self.divisor
        low, high = max(self.origin - reach, self.lowest), min(self.origin + reach, self.highest)
        differences = np.clip(numbers.astype(np.int64, copy=False), low, high) - np.int64(
            self.origin
        )
        halves = np.int64(self.divisor // 2)
        return (differences + halves) // np.int64(self.divisor) * np.int64(self.divisor) + np.int64(
            self.origin
        )

    def spacing(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value of the grid, shape (n,)."""
        return np.full(coordinates.size, self.divisor / self.per_unit)

    def stretch(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers move when coordinates move by 1, shape (n,)."""
        return np.full(coordinates.size, float(self.per_unit))

    def relaxed(self) -> IntegerCoordinate:
        """Return a coordinate for the same numbers and those between them."""
        return IntegerCoordinate(self.origin, self.lowest, self.highest, self.per_unit)


@dataclass(frozen=True)
class LogCoordinate:
    """The logarithm of another coordinate, moved to be positive.

    Parameters
    ----------
    base : RealCoordinate, DecimalCoordinate or IntegerCoordinate
    shift : float
        Added before the logarithm is taken.
    """

    base: RealCoordinate | DecimalCoordinate | IntegerCoordinate
    shift: float

    @classmethod
    def above(
        cls, base: RealCoordinate | DecimalCoordinate | IntegerCoordinate, minimum: float
    ) -> LogCoordinate:
        """Choose the shift by the smallest number in base coordinates: none above 0, else so that
        it becomes 1.
        """
        return cls(base, 0.0 if minimum > 0 else 1.0 - minimum)

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Map numbers of shape (n,) to coordinates of shape (n,); raise ColumnDataError for those
        without logarithm.
        """
        shifted = self.base.forward(numbers) + self.shift
        below = int(np.count_nonzero(shifted <= 0))
        if below:
            raise ColumnDataError(
                f"numbers of {-self.shift:g} and less have no logarithm here",
                rows=below,
                remedy="Fit again on rows that include them, or with transform = none",
            )
        return np.log(shifted)

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Map coordinates back to numbers."""
        return self.base.backward(np.exp(np.minimum(coordinates, _FURTHEST_LOG)) - self.shift)

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate in the base, shape (n,)."""
        return self.base.nearest(numbers)

    def spacing(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value of the grid, shape (n,)."""
        return self.base.spacing(coordinates) * np.exp(-coordinates)

    def stretch(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers move when coordinates move by 1, shape (n,)."""
        return self.base.stretch(coordinates) * np.exp(np.minimum(coordinates, _FURTHEST_LOG))

    def relaxed(self) -> LogCoordinate:
        """Return a coordinate for the same numbers and those between them."""
        return LogCoordinate(self.base.relaxed(), self.shift)


PlainCoordinate = RealCoordinate | DecimalCoordinate | IntegerCoordinate
Coordinate = PlainCoordinate | LogCoordinate


def refused(coordinate: Coordinate, numbers: Numbers) -> NDArray[np.bool_]:
    """Return which numbers a coordinate refuses, shape (n,); it is asked for each in turn."""
    return np.array(
        [_is_refused(coordinate, numbers[i : i + 1]) for i in range(numbers.size)], dtype=np.bool_
    )


def _is_refused(coordinate: Coordinate, number: Numbers) -> bool:
    try:
        coordinate.forward(number)
    except ColumnDataError:
        return True
    return False


def _refuse_off_grid(rows: int, step: str) -> None:
    if rows:
        raise OffGridError(
            f"numbers lie between the multiples of {step} that the fitted rows consist of",
            rows=rows,
            remedy="Round them, or fit again on rows that include such numbers",
        )

"""What a column's type says of its numbers, and the coordinate that a sample of them suggests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import read_only
from gmm_pipeline.core.sketch.coordinate import PlainCoordinate
from gmm_pipeline.core.sketch.decimal_coordinate import MOST_PLACES, DecimalCoordinate
from gmm_pipeline.core.sketch.integer_coordinate import FURTHEST_STEPS, IntegerCoordinate
from gmm_pipeline.core.sketch.lattice_coordinate import LatticeCoordinate
from gmm_pipeline.core.sketch.min_max import min_max
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate

_NEAR_ZERO = 2**40
"""Whole numbers up to here keep 0 as their origin, so that coordinates equal the numbers.

float64 resolves 2**-12 at 2**40: fine enough for means and standard deviations there.
"""
_ENOUGH_FOR_A_DIVISOR = 32
"""Distinct numbers from which a common divisor counts as a property of the column.

Fewer may share one by chance, and new rows between the steps would then be refused.
"""
_ORDINARY_EXPONENTS = range(-300, 400)
"""Binary exponents of the largest number for which no scaling is needed.

Squares of numbers of these sizes, and of distances far smaller, are normal float64 numbers.
"""
_SMALLEST_EXPONENT = -1000
"""Numbers this many octaves below the largest would underflow if all were scaled."""


_LARGEST = {
    53: float(np.finfo(np.float64).max),
    24: float(np.finfo(np.float32).max),
    11: float(np.finfo(np.float16).max),
}
"""The largest finite number of floating-point types, by their binary digits."""


@dataclass(frozen=True)
class FloatType:
    """Floating-point numbers.

    Parameters
    ----------
    digits : int
        Binary digits: 53, 24 or 11.
    """

    digits: int = 53

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """The dtype of the numbers."""
        return np.dtype(np.float64)

    @property
    def precision(self) -> float:
        """The relative precision of the type."""
        return float(2.0 ** (1 - self.digits))

    def within_bounds(self, numbers: Numbers) -> Numbers:
        """Return numbers with those beyond the largest finite ones of the type moved to these."""
        x = numbers.astype(np.float64, copy=False)
        largest = _LARGEST[self.digits]
        low, high = min_max(read_only(x))
        return x if -largest <= low and high <= largest else np.clip(x, -largest, largest)

    def coordinate(self, numbers: Numbers) -> PlainCoordinate:
        """Return the coordinate for sorted distinct numbers.

        It is the decimal grid of the fewest places that holds all of them, a lattice if they are
        evenly spaced in another way, or no grid.
        """
        x = numbers.astype(np.float64)
        for places in range(MOST_PLACES + 1):
            decimals = DecimalCoordinate(places, self.digits)
            # The fewest places first: multiples of 0.1 are multiples of 0.01, too.
            if x.size and decimals.holds(x).all():
                return LatticeCoordinate.found(x, decimals, self.digits) or decimals
        lattice = LatticeCoordinate.found(x, None, self.digits)
        return lattice or RealCoordinate(-_exponent_to_remove(np.abs(x[x != 0.0])))


@dataclass(frozen=True)
class IntegerType:
    """Whole numbers of a fixed unit: integers, decimals, dates, times.

    Parameters
    ----------
    lowest, highest : int
        The bounds of the type, within those of int64.
    per_unit : int
        How many of them make one unit of the coordinate: 100 for decimals of two places, 10**6
        for microseconds.
    """

    lowest: int
    highest: int
    per_unit: int = 1

    @property
    def dtype(self) -> np.dtype[np.int64]:
        """The dtype of the numbers."""
        return np.dtype(np.int64)

    @property
    def precision(self) -> float:
        """The relative precision of the type: 0, as its numbers are exact."""
        return 0.0

    def within_bounds(self, numbers: Numbers) -> Numbers:
        """Return numbers as they are: coordinates of whole numbers keep to the type's bounds."""
        return numbers

    def coordinate(self, numbers: Numbers) -> PlainCoordinate:
        """Return the coordinate for sorted distinct numbers.

        Numbers near 0 are counted from 0, others from their median, in steps of their greatest
        common divisor.
        """
        if not numbers.size:
            return IntegerCoordinate(0, self.lowest, self.highest, self.per_unit)
        first, last = int(numbers[0]), int(numbers[-1])
        near = max(abs(first), abs(last)) <= _NEAR_ZERO
        # The median of the distinct numbers keeps the distances on both sides short.
        origin = 0 if near else int(numbers[numbers.size // 2])
        far = max(last - origin, origin - first) > FURTHEST_STEPS
        divisor = (
            self._divisor(numbers, origin) if far or numbers.size >= _ENOUGH_FOR_A_DIVISOR else 1
        )
        return IntegerCoordinate(origin, self.lowest, self.highest, self.per_unit, divisor)

    def _divisor(self, numbers: Numbers, origin: int) -> int:
        """Return the greatest common divisor of the distances from the origin.

        It is 1 where int64 cannot hold the distances.
        """
        if int(numbers[-1]) - origin >= 2**63 or origin - int(numbers[0]) > 2**63:
            return 1
        return int(np.gcd.reduce(np.abs(numbers.astype(np.int64) - np.int64(origin)))) or 1


NumericType = FloatType | IntegerType
"""The type of a column of numbers."""


def _exponent_to_remove(magnitudes: NDArray[np.float64]) -> int:
    """Return the power of two that scales the largest magnitude near 1.

    It is 0 where no scaling is needed, or where the smallest magnitude would underflow.
    """
    if not magnitudes.size:
        return 0
    largest, smallest = (
        math.frexp(float(magnitudes.max()))[1],
        math.frexp(float(magnitudes.min()))[1],
    )
    return (
        0 if largest in _ORDINARY_EXPONENTS or smallest - largest < _SMALLEST_EXPONENT else largest
    )

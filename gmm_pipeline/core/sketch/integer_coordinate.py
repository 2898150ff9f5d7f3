"""The coordinate of whole numbers: integers, decimals, dates and times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.snap_to_grid import from_origin, refuse_off_grid, to_whole_numbers
from gmm_pipeline.errors import ColumnDataError

FURTHEST_STEPS = 2**50
"""Most steps between a number and the origin.

A coordinate is rounded when it is computed and again on the way back, by 2**-53 of its size each
time. Up to here that is well below half a step, so the nearest step is the right one.
"""


@dataclass(frozen=True)
class IntegerCoordinate:
    """Whole numbers, counted from an origin so that float64 holds each of them exactly.

    Parameters
    ----------
    origin : int
        The number whose coordinate is 0.
    lowest, highest : int
        The bounds of the column's type; decoded numbers are clipped to them.
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
            If a number does not differ from the origin by a multiple of the divisor.
        ColumnDataError
            If a number is more than 2**50 steps from the origin, where float64 arithmetic would no
            longer be exact.
        """
        integers = numbers.astype(np.int64, copy=False)
        # Python integers first: origin ± reach may lie beyond int64.
        reach = FURTHEST_STEPS * self.divisor
        low, high = max(self.origin - reach, -(2**63)), min(self.origin + reach, 2**63 - 1)
        if integers.size and (int(integers.min()) < low or int(integers.max()) > high):
            beyond = integers.size - int(np.count_nonzero((integers >= low) & (integers <= high)))
            raise ColumnDataError(
                f"numbers lie further than 2**50 steps of {self.divisor} from {self.origin}, "
                "too far to be told apart",
                rows=beyond,
                remedy="Name those far out as atoms, encode the column as categories "
                "(kind = categorical), cast it to float64 or to a coarser unit, or leave it out",
            )
        if self.divisor > 1:
            others = np.count_nonzero((integers - np.int64(self.origin)) % self.divisor)
            refuse_off_grid(int(others), str(self.divisor))
        x = np.empty(integers.size)
        from_origin(integers, self.origin, self.per_unit, x)
        return x

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Map coordinates to the nearest steps within the type's bounds, int64 of shape (n,)."""
        # Rounded down on both sides: the outermost steps lie within the type's bounds.
        low = max(-((self.origin - self.lowest) // self.divisor), -2 * FURTHEST_STEPS)
        high = min((self.highest - self.origin) // self.divisor, 2 * FURTHEST_STEPS)
        numbers = np.empty(coordinates.size, dtype=np.int64)
        factor = self.per_unit / self.divisor
        to_whole_numbers(
            coordinates, factor, float(low), float(high), self.divisor, self.origin, numbers
        )
        return numbers

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate, shape (n,)."""
        reach = FURTHEST_STEPS * self.divisor
        low, high = max(self.origin - reach, self.lowest), min(self.origin + reach, self.highest)
        # Integer arithmetic throughout: float64 would merge neighbours beyond 2**53.
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

    def finer(self) -> IntegerCoordinate:
        """Return a coordinate that also holds the numbers between the steps."""
        return IntegerCoordinate(self.origin, self.lowest, self.highest, self.per_unit)

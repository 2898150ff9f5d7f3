"""The float64 coordinate of a column's numbers, and the grid that its values lie on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.errors import ColumnDataError

Numbers = NDArray[np.float64] | NDArray[np.int64]
"""A column's numbers as they are computed with: int64 for integer types, float64 for the others."""

_SMALL_INTEGER = 2**40
_FURTHEST_INTEGER = 2**50


@dataclass(frozen=True)
class RealCoordinate:
    """Floating-point numbers are their own coordinate and lie on no grid."""

    step: float = 0.0

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Map float64 numbers of shape (n,) to coordinates of shape (n,)."""
        return numbers.astype(np.float64, copy=False)

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Map coordinates back to float64 numbers."""
        return coordinates


@dataclass(frozen=True)
class IntegerCoordinate:
    """Integers, counted from `origin` so that float64 holds each of them exactly.

    Parameters
    ----------
    origin : int
        The integer whose coordinate is 0.
    lowest, highest : int
        The bounds of the column's type; what decodes beyond them is set to them.
    """

    origin: int
    lowest: int
    highest: int
    step: float = 1.0

    @classmethod
    def around(cls, numbers: Numbers, lowest: int, highest: int) -> IntegerCoordinate:
        """Choose the origin by a sorted sample of int64 numbers: 0 unless the numbers are far from it."""
        near_zero = abs(int(numbers[0])) <= _SMALL_INTEGER and abs(int(numbers[-1])) <= _SMALL_INTEGER
        return cls(0 if near_zero else int(numbers[numbers.size // 2]), lowest, highest)

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Map int64 numbers of shape (n,) to coordinates of shape (n,).

        Raises
        ------
        ColumnDataError
            If numbers are further than 2**50 from the origin, where float64 arithmetic would no longer be exact.
        """
        low, high = self.origin - _FURTHEST_INTEGER, self.origin + _FURTHEST_INTEGER
        if numbers.size and (int(numbers.min()) < low or int(numbers.max()) > high):
            beyond = numbers.size - int(np.count_nonzero((numbers >= low) & (numbers <= high)))
            raise ColumnDataError(
                f"integers lie further than 2**50 from {self.origin}, where they cannot be told apart as numbers",
                rows=beyond,
                remedy="Encode the column as categories (kind = categorical), cast it to float64, or leave it out",
            )
        return (numbers.astype(np.int64, copy=False) - np.int64(self.origin)).astype(np.float64)

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Map coordinates to the nearest integers within the type's bounds, int64 of shape (n,)."""
        furthest = 2 * _FURTHEST_INTEGER
        low, high = max(self.lowest - self.origin, -furthest), min(self.highest - self.origin, furthest)
        integers: NDArray[np.int64] = np.rint(np.clip(coordinates, low, high)).astype(np.int64) + np.int64(self.origin)
        return integers


Coordinate = RealCoordinate | IntegerCoordinate

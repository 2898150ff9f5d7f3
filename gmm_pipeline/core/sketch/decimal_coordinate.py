"""The coordinate of floating-point numbers that were written as decimals, such as prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.core.sketch.snap_to_grid import (
    NARROW,
    all_on_decimal_grid,
    refuse_off_grid,
    round_to_type,
    snap_decimals,
)

MOST_PLACES = 12
"""Decimal places that are tried; data with more are taken for measurements without a grid."""


@dataclass(frozen=True)
class DecimalCoordinate:
    """Floating-point numbers that are the nearest to decimals of some places, such as cents.

    Parameters
    ----------
    places : int
        Decimal places: the grid has a step of 10**-places.
    digits : int
        Binary digits of the column's type: 53, 24 or 11.
    """

    places: int
    digits: int = 53

    def snap(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest numbers of the grid, shape (n,)."""
        nearest = np.empty(x.size, dtype=np.float64)
        snap_decimals(x, 10.0**self.places, nearest)
        return round_to_type(nearest, self.digits)

    def holds(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which numbers lie on the grid, shape (n,).

        Beyond 2**(digits − 3) steps from 0, the type's own numbers are a quarter of a step or more
        apart, so that any number would seem to lie on the grid; those count as off it.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            on_grid: NDArray[np.bool_] = self.snap(x) == x
            return on_grid & (np.abs(x) * 10.0**self.places <= 2.0 ** (self.digits - 3))

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Return the coordinates of float64 numbers, shape (n,): the numbers themselves.

        Raises
        ------
        OffGridError
            If numbers lie off the grid.
        """
        x: NDArray[np.float64] = numbers.astype(np.float64, copy=False)
        # The kernel decides the usual case quickly; the exact count is needed only for an error, or
        # for narrow types, whose decimals are rounded twice.
        if self.digits in NARROW or not all_on_decimal_grid(
            x, 10.0**self.places, 2.0 ** (self.digits - 3)
        ):
            refuse_off_grid(
                x.size - int(np.count_nonzero(self.holds(x))), f"{10.0**-self.places:g}"
            )
        return x

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Return the nearest numbers of the grid, shape (n,)."""
        return self.snap(coordinates)

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate, shape (n,)."""
        return self.snap(numbers.astype(np.float64, copy=False))

    def spacing(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value of the grid, shape (n,)."""
        return np.full(coordinates.size, 10.0**-self.places)

    def stretch(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers move when coordinates move by 1, shape (n,)."""
        return np.ones(coordinates.size)

    def finer(self) -> RealCoordinate:
        """Return a coordinate that also holds the numbers between the steps."""
        return RealCoordinate()

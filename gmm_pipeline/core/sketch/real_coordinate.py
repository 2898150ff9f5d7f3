"""The coordinate of floating-point numbers that lie on no grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.numbers import Numbers


@dataclass(frozen=True)
class RealCoordinate:
    """Floating-point numbers that lie on no grid: x · 2**exponent.

    Parameters
    ----------
    exponent : int
        0, unless the column's numbers are so small or large that their variances would not be
        normal float64 numbers.
    """

    exponent: int = 0

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Map float64 numbers of shape (n,) to coordinates of shape (n,)."""
        x: NDArray[np.float64] = numbers.astype(np.float64, copy=False)
        # By a power of two, which is exact: numbers come back bit for bit.
        return np.ldexp(x, self.exponent) if self.exponent else x

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Map coordinates back to float64 numbers."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(coordinates, -self.exponent) if self.exponent else coordinates

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate, shape (n,): all numbers have one."""
        return numbers

    def spacing(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value of the grid, shape (n,): 0, as there is no grid."""
        return np.zeros(coordinates.size)

    def stretch(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers move when coordinates move by 1, shape (n,)."""
        with np.errstate(over="ignore"):
            return np.full(coordinates.size, np.ldexp(1.0, -self.exponent))

    def finer(self) -> RealCoordinate:
        """Return a coordinate without a grid: this one."""
        return self

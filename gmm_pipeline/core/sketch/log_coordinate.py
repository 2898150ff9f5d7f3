"""The setting `transform = log`: coordinates that are logarithms of the column's numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.decimal_coordinate import DecimalCoordinate
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.lattice_coordinate import LatticeCoordinate
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.errors import ColumnDataError

_Base = RealCoordinate | DecimalCoordinate | LatticeCoordinate | IntegerCoordinate
_MAX_LOG = 700.0
"""exp(700) ≈ 1e304: just below the largest float64, so that decoded numbers stay finite."""


@dataclass(frozen=True)
class LogCoordinate:
    """The logarithm of another coordinate, shifted to be positive.

    Parameters
    ----------
    base : RealCoordinate, DecimalCoordinate, LatticeCoordinate or IntegerCoordinate
    shift : float
        Added before the logarithm is taken.
    """

    base: _Base
    shift: float

    @classmethod
    def above(
        cls,
        base: RealCoordinate | DecimalCoordinate | LatticeCoordinate | IntegerCoordinate,
        minimum: float,
    ) -> LogCoordinate:
        """Choose the shift by the smallest number, in coordinates of the base.

        Positive numbers are not shifted; otherwise the smallest becomes 1, as in CTAB-GAN+.
        """
        return cls(base, 0.0 if minimum > 0 else 1.0 - minimum)

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Map numbers of shape (n,) to coordinates of shape (n,).

        Raises
        ------
        ColumnDataError
            If shifted numbers are not positive, or the base refuses them.
        """
        shifted = self.base.forward(numbers) + self.shift
        below = int(np.count_nonzero(shifted <= 0))
        if below:
            raise ColumnDataError(
                f"numbers of {-self.shift:g} and less have no logarithm (transform = log)",
                rows=below,
                remedy="Fit again on rows that include them, or with transform = none",
            )
        return np.log(shifted)

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Map coordinates back to numbers."""
        # The base snaps to its own grid, which undoes the rounding of log and exp.
        return self.base.backward(np.exp(np.minimum(coordinates, _MAX_LOG)) - self.shift)

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate in the base, shape (n,)."""
        return self.base.nearest(numbers)

    def spacing(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value of the grid, shape (n,).

        It is that of the base over the shifted number, to first order.
        """
        return self.base.spacing(coordinates) * np.exp(-coordinates)

    def stretch(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers move when coordinates move by 1, shape (n,)."""
        return self.base.stretch(coordinates) * np.exp(np.minimum(coordinates, _MAX_LOG))

    def finer(self) -> LogCoordinate:
        """Return a coordinate that also holds the numbers between the steps."""
        return LogCoordinate(self.base.finer(), self.shift)

"""The coordinate of evenly spaced floating-point numbers: halves, inches of centimetres."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.decimal_coordinate import MOST_PLACES, DecimalCoordinate
from gmm_pipeline.core.sketch.lattice import CLEAR, FEWEST_VALUES, ROUNDINGS, learned_step
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.core.sketch.snap_to_grid import refuse_off_grid, round_to_type

_WRITTEN_DIGITS = (12, 9, 6)
"""Significant digits that a factor or divisor is written with; float32 tells no more than six."""


@dataclass(frozen=True)
class LatticeCoordinate:
    """Floating-point numbers (k · multiple + remainder) / steps for whole k.

    If each operation is rounded as in the computation that made the numbers, they come back bit for
    bit; otherwise to within a few roundings.

    Parameters
    ----------
    multiple : float
        Such as 5 for halves, with steps = 10; 0.05 for numbers that were multiplied by it.
    remainder : float
        From 0 on, and below the multiple.
    steps : float
        Such as 2.54 for numbers that were divided by it.
    digits : int
        Binary digits of the column's type: 53, 24 or 11.
    error : float
        How far numbers may lie beside the lattice: 0, or the roundings of a longer computation.
    """

    multiple: float
    remainder: float
    steps: float
    digits: int = 53
    error: float = 0.0

    @classmethod
    def found(
        cls, x: NDArray[np.float64], decimals: DecimalCoordinate | None, digits: int
    ) -> LatticeCoordinate | None:
        """Return the lattice of sorted distinct numbers, shape (n,); None without one.

        Parameters
        ----------
        x : array of shape (n,)
        decimals : DecimalCoordinate or None
            The decimals that all of them are; a lattice is then coarser.
        digits : int
        """
        step = learned_step(x)
        candidates = (
            cls._of_decimals(x, step, decimals)
            if decimals
            else chain(
                cls._scaled(step, digits),
                cls._rounded_decimals(x, digits),
                cls._rounded(x, step, digits),
            )
        )
        return next((lattice for lattice in candidates if lattice.holds(x).all()), None)

    @classmethod
    def _of_decimals(
        cls, x: NDArray[np.float64], step: float, decimals: DecimalCoordinate
    ) -> Iterator[LatticeCoordinate]:
        """Yield the lattice of whole multiples of a decimal step, if there may be one."""
        steps = 10.0**decimals.places
        multiple = float(np.rint(step * steps))
        if multiple > 1:
            remainder = float(np.rint(x[0] * steps) % multiple)
            yield cls(multiple, remainder, steps, decimals.digits)

    @classmethod
    def _scaled(cls, step: float, digits: int) -> Iterator[LatticeCoordinate]:
        """Yield lattices of whole numbers that were multiplied or divided by a short number."""
        if not step:
            return
        for written in _WRITTEN_DIGITS:
            yield cls(float(f"{step:.{written}g}"), 0.0, 1.0, digits)
            yield cls(1.0, 0.0, float(f"{1 / step:.{written}g}"), digits)

    @classmethod
    def _rounded_decimals(cls, x: NDArray[np.float64], digits: int) -> Iterator[LatticeCoordinate]:
        """Yield decimals of up to 12 places, of which some are sums or products of others."""
        error = _rounding_error(x, digits)
        if x.size >= FEWEST_VALUES:
            steps = (10.0**places for places in range(MOST_PLACES + 1))
            yield from (cls(1.0, 0.0, n, digits, error) for n in steps if n * error * CLEAR < 1)

    @classmethod
    def _rounded(
        cls, x: NDArray[np.float64], step: float, digits: int
    ) -> Iterator[LatticeCoordinate]:
        """Yield the lattice of numbers that come from a longer computation, such as z-scores."""
        if not step:
            return
        k = np.rint((x - x[0]) / step)
        offset = float(np.median(x - k * step))
        yield cls(step, offset % step, 1.0, digits, _rounding_error(x, digits))

    @property
    def step(self) -> float:
        """The distance of neighbours."""
        return self.multiple / self.steps

    def snap(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest numbers of the lattice, shape (n,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            k = np.rint((x * self.steps - self.remainder) / self.multiple)
            # Adding 0.0 turns −0.0 into 0.0.
            return round_to_type(
                (k * self.multiple + self.remainder) / self.steps + 0.0, self.digits
            )

    def holds(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which numbers lie on the lattice, shape (n,).

        Beyond 2**(digits − 3) steps from 0, any number of the type would seem to lie on it; those
        count as off it.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            on_lattice: NDArray[np.bool_] = np.abs(self.snap(x) - x) <= self.error
        return on_lattice & (np.abs(x) <= self.step * 2.0 ** (self.digits - 3))

    def forward(self, numbers: Numbers) -> NDArray[np.float64]:
        """Return the coordinates of float64 numbers, shape (n,): the numbers themselves.

        Raises
        ------
        OffGridError
            If numbers lie off the lattice.
        """
        x: NDArray[np.float64] = numbers.astype(np.float64, copy=False)
        refuse_off_grid(x.size - int(np.count_nonzero(self.holds(x))), f"{self.step:g}")
        return x

    def backward(self, coordinates: NDArray[np.float64]) -> Numbers:
        """Return the nearest numbers of the lattice, shape (n,)."""
        return self.snap(coordinates)

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest numbers that have a coordinate, shape (n,)."""
        return self.snap(numbers.astype(np.float64, copy=False))

    def spacing(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance to the next value of the lattice, shape (n,)."""
        return np.full(coordinates.size, self.step)

    def stretch(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers move when coordinates move by 1, shape (n,)."""
        return np.ones(coordinates.size)

    def finer(self) -> RealCoordinate:
        """Return a coordinate that also holds the numbers between the steps."""
        return RealCoordinate()


def _rounding_error(x: NDArray[np.float64], digits: int) -> float:
    """Return what the roundings of a computation amount to beside the largest of its results."""
    return float(ROUNDINGS * 2.0 ** (1 - digits) * np.abs(x).max(initial=0.0))

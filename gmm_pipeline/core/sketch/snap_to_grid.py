"""Kernels for numbers on a grid of equal steps: test whether they lie on it, snap them to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.errors import OffGridError

NARROW = {24: np.float32, 11: np.float16}
"""Types of fewer binary digits than float64; numbers of such columns are rounded to them."""


def round_to_type(x: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Return the nearest numbers of a type of so many binary digits, shape (n,), as float64."""
    if digits not in NARROW:
        return x
    with np.errstate(over="ignore"):
        return x.astype(NARROW[digits]).astype(np.float64)


@kernel
def all_on_decimal_grid(x: NDArray[np.float64], steps: float, furthest: float) -> bool:
    """Whether all numbers are nearest to multiples of 1 / steps, at most `furthest` steps out."""
    others = 0
    for i in range(x.size):
        # Counting instead of stopping at the first lets the compiler use vector instructions.
        step = x[i] * steps
        others += (np.rint(step) / steps != x[i]) | (abs(step) > furthest)
    return others == 0


@kernel
def snap_decimals(x: NDArray[np.float64], steps: float, nearest: NDArray[np.float64]) -> None:
    """Write the nearest multiple of 1 / steps of each number; adding 0.0 turns −0.0 into 0.0."""
    for i in range(x.size):
        nearest[i] = np.rint(x[i] * steps) / steps + 0.0


@kernel
def from_origin(
    numbers: NDArray[np.int64], origin: int, per_unit: int, x: NDArray[np.float64]
) -> None:
    """Write the distance of each whole number from the origin, in units."""
    for i in range(numbers.size):
        x[i] = np.float64(numbers[i] - origin) / per_unit


@kernel
def to_whole_numbers(
    x: NDArray[np.float64],
    factor: float,
    low: float,
    high: float,
    divisor: int,
    origin: int,
    numbers: NDArray[np.int64],
) -> None:
    """Write the whole number nearest to each coordinate: origin + divisor · rint(x · factor).

    The number of steps is clipped to [low, high].
    """
    for i in range(x.size):
        # Clipped as a float: a cast of larger floats to int64 is undefined.
        numbers[i] = np.int64(np.rint(min(max(x[i] * factor, low), high))) * divisor + origin


def refuse_off_grid(rows: int, step: str) -> None:
    """Raise OffGridError if any rows hold numbers between the multiples of a step."""
    if rows:
        raise OffGridError(
            f"numbers lie between the multiples of {step} that all fitted rows hold",
            rows=rows,
            remedy="Round them, or fit again on rows that include such numbers",
        )

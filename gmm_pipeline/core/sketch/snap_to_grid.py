"""Numbers that lie on a grid of equal steps, and their coordinates: the kernels of these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.errors import OffGridError


@kernel
def all_on_decimal_grid(x: NDArray[np.float64], steps: float, furthest: float) -> bool:
    """Whether all numbers are nearest to multiples of 1 / steps that are at most so many steps from
    0.
    """
    others = 0
    for i in range(x.size):
        step = x[i] * steps
        others += (np.rint(step) / steps != x[i]) | (abs(step) > furthest)
    return others == 0


@kernel
def snap_decimals(x: NDArray[np.float64], steps: float, nearest: NDArray[np.float64]) -> None:
    """Write the nearest multiple of 1 / steps of each number; no zero is negative."""
    for i in range(x.size):
        nearest[i] = np.rint(x[i] * steps) / steps + 0.0


@kernel
def from_origin(
    numbers: NDArray[np.int64], origin: int, per_unit: int, x: NDArray[np.float64]
) -> None:
    """Write how many units each whole number is from the origin."""
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
    """Write the whole number that is nearest to x · factor steps of a divisor from the origin,
    within bounds.
    """
    for i in range(x.size):
        numbers[i] = np.int64(np.rint(min(max(x[i] * factor, low), high))) * divisor + origin


def refuse_off_grid(rows: int, step: str) -> None:
    """Raise OffGridError if any rows hold numbers between the multiples of a step."""
    if rows:
        raise OffGridError(
            f"numbers lie between the multiples of {step} that the fitted rows consist of",
            rows=rows,
            remedy="Round them, or fit again on rows that include such numbers",
        )

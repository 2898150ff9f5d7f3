"""The step of evenly spaced numbers, whatever it is: halves, inches of whole centimetres, z-scores.

It is learned from the distances between neighbours, so that neither scale nor offset has to be
known, and a few numbers beside the lattice do not hide it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.numbers import Numbers

FEWEST_VALUES = 32
"""Distinct numbers from which even spacing counts as a property of the column."""
_SHARE = 0.9
"""Share of the distances that have to be multiples of the step; the others are at strays."""
_PRECISIONS = (2.0**-52, 2.0**-23)
"""Relative precisions of float64 and float32: numbers may have been rounded to either."""
_SMALLEST = 1e-280
"""Numbers that all are smaller have steps whose reciprocals overflow."""
ROUNDINGS = 4
"""Roundings that a distance of two computed numbers may have gone through."""
CLEAR = 64
"""A step has to be so many times the rounding errors: chance meets that in 1 of 32 distances."""
_MOST_STEPS = 3
"""The most common distance may be up to so many steps, where every other value is heaped."""


def learned_step(numbers: Numbers) -> float:
    """Return the step of the lattice that most sorted distinct numbers lie on; 0 without one."""
    if numbers.size < FEWEST_VALUES:
        return 0.0
    if numbers.dtype == np.int64:
        # In floats, as the distance of the extremes may lie beyond int64.
        return _common_step(np.diff(numbers.astype(np.float64)), 0.0)
    largest = float(np.abs(numbers[[0, -1]]).max())
    if largest < _SMALLEST:
        return 0.0
    with np.errstate(over="ignore"):
        distances = np.diff(numbers)
        single = bool((numbers.astype(np.float32) == numbers).all())
    for precision in _PRECISIONS[: 1 + single]:
        step = _common_step(distances, ROUNDINGS * precision * largest)
        if step:
            return step
    return 0.0


def _common_step(distances: NDArray[np.float64], error: float) -> float:
    """Return the step of which most distances are multiples, up to an error; 0 without one."""
    # Numbers that differ by rounding alone are one value of the lattice.
    apart = distances[(distances > error) & np.isfinite(distances)]
    if apart.size < FEWEST_VALUES - 1:
        return 0.0
    common = _most_common(apart, error)
    for steps in range(1, _MOST_STEPS + 1):
        multiples = np.rint(apart * (steps / common))
        fits = (np.abs(apart - multiples * (common / steps)) <= error) & (multiples > 0)
        if common / steps > CLEAR * error and np.mean(fits) >= _SHARE:
            return float(apart[fits].sum() / multiples[fits].sum())
    return 0.0


def _most_common(distances: NDArray[np.float64], error: float) -> float:
    """Return the most common distance, up to an error; the smallest if several are."""
    ordered = np.sort(distances)
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > error)
    sizes = np.diff(starts, append=ordered.size)
    first = int(np.argmax(sizes))
    return float(ordered[starts[first] + sizes[first] // 2])

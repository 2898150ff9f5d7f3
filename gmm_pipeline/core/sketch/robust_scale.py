"""A centre and a scale that neither outliers nor point masses can move far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINT_MASS = 0.02
"""Values with more than this share of the rows are left out: quartiles could fall on them."""
_FEWEST = 64
"""Fewer values than this tell little about a distribution: then point masses are kept."""
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = -1000, 1000
"""2**±exponent is a normal float64 within these bounds, with room for products."""


def weighted_quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], probabilities: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return lower quantiles of sorted values, each one of them; shape (len(probabilities),)."""
    cumulative = np.cumsum(weights)
    positions = np.searchsorted(cumulative, np.asarray(probabilities) * cumulative[-1], side="left")
    quantiles: NDArray[np.float64] = values[np.minimum(positions, values.size - 1)]
    return quantiles


def _without_point_masses(weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Select the values of which each holds a small share of the selected rows.

    All of them if too few would remain.
    """
    kept = np.ones(weights.size, dtype=np.bool_)
    while True:
        # Again until nothing changes: without the largest masses, the share of others grows.
        smaller = kept & (weights <= _POINT_MASS * weights[kept].sum())
        if np.count_nonzero(smaller) < _FEWEST:
            return np.ones(weights.size, dtype=np.bool_)
        if np.array_equal(smaller, kept):
            return kept
        kept = smaller


def center_and_scale(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, int]:
    """Return the median and the exponent e such that half the interquartile range is about 2**e.

    With a power of two as scale, dividing by it is exact. Where the quartiles coincide (few values,
    large point masses), wider quantiles are used.

    Parameters
    ----------
    values : array of shape (n,), sorted, finite, n >= 1
    weights : array of shape (n,), positive
    """
    kept = _without_point_masses(weights)
    center, *bounds = weighted_quantiles(
        values[kept], weights[kept], (0.5, 0.25, 0.75, 0.05, 0.95, 0.0, 1.0)
    )
    spread = next(
        (
            # Halves first, as `high - low` may overflow.
            high / 2 - low / 2
            for low, high in zip(bounds[::2], bounds[1::2], strict=True)
            if high > low
        ),
        0.0,
    )
    # Halves: the difference of two finite numbers may overflow, that of their halves cannot.
    furthest = max(abs(values[0] / 2 - center / 2), abs(values[-1] / 2 - center / 2))
    if spread == 0.0:
        spread = furthest or 1.0
    exponent = math.frexp(spread)[1]
    return float(center), min(max(exponent, _SMALLEST_EXPONENT), _LARGEST_EXPONENT)

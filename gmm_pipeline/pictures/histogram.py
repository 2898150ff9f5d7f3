"""How many rows lie in each bar of a picture, and how many a mixture expects there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

_EVEN_REACH = math.sqrt(3.0) * (1.0 - 1e-9)
"""An even spread reaches √3 standard deviations; a bit less, so that values stay in their bar."""


def bar_edges(low: float, high: float, most: int, step: float) -> NDArray[np.float64]:
    """Return the edges of at most `most` bars of one width over a range.

    `step` is the distance between the values of a grid, which `low` lies on; edges lie between
    them. It is 0 without a grid.
    """
    if not step:
        return np.linspace(low, high, most + 1)
    values = (high - low + step) / step
    every = max(math.ceil(values / most), 1)
    bars = max(math.ceil(values / every - 1e-6), 1)
    return low - step / 2 + every * step * np.arange(bars + 1, dtype=np.float64)


def rows_in_bars(points: WeightedPoints, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows in each bar, shape (n_bars,).

    The rows of a point lie evenly within √3 standard deviations of it, so each bar gets its part.
    """
    reach = _EVEN_REACH * np.sqrt(points.spreads)
    lows, highs = points.positions - reach, points.positions + reach
    seen = (highs >= edges[0]) & (lows <= edges[-1])
    lows, highs, weights = lows[seen], highs[seen], points.weights[seen]
    lengths = np.where(highs > lows, highs - lows, 1.0)
    n_bars = edges.size - 1
    first, last = (
        np.minimum(np.searchsorted(edges, ends, side="right") - 1, n_bars) for ends in (lows, highs)
    )
    first[lows == edges[-1]] = n_bars - 1
    rows = np.zeros(n_bars)
    for further in range(int((last - first).max(initial=0)) + 1):
        bar = first + further
        inside = np.flatnonzero((bar <= np.maximum(last, first)) & (bar >= 0) & (bar < n_bars))
        number, low, high = bar[inside], lows[inside], highs[inside]
        overlap = np.minimum(high, edges[number + 1]) - np.maximum(low, edges[number])
        shares = np.where(high > low, overlap / lengths[inside], 1.0)
        rows += np.bincount(number, weights[inside] * shares, minlength=n_bars)
    return rows


def expected_shares(mixture: Mixture, x: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return the share of each component within half a width of each x, (n, n_components)."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = np.abs(x[:, np.newaxis] - mixture.means) / mixture.stds
        half = width / 2 / mixture.stds
        near, far = ((z + sign * half) / math.sqrt(2) for sign in (-1.0, 1.0))
    return np.nan_to_num(0.5 * (_erfc(near) - _erfc(far)))


def _erfc(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the complementary error function: it keeps its digits in tails, where 1 - erf is 0."""
    return np.fromiter(map(math.erfc, z.ravel().tolist()), np.float64, z.size).reshape(z.shape)

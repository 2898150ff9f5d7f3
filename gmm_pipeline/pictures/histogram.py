"""How many rows lie in each bar of a picture, and how many a mixture leads to expect there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

_EVEN_REACH = math.sqrt(3.0) * (1.0 - 1e-9)
"""How many standard deviations an even spread reaches; a bit less, so that values of a grid keep to
their bars.
"""
_NARROW = 1e-3
_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


def bar_edges(low: float, high: float, most: int, step: float) -> NDArray[np.float64]:
    """Return the edges of at most so many bars of one width over a range, between the values of a
    grid if there is one.

    `step` is the distance between the values of the grid, of which `low` is one; 0 without a grid.
    """
    if not step:
        return np.linspace(low, high, most + 1)
    every = max(math.ceil((high - low + step) / step / most), 1)
    bars = max(math.ceil((high - low + step) / (every * step) - 1e-6), 1)
    numbers = np.arange(bars + 1, dtype=np.float64)
    return low - step / 2 + every * step * numbers


def rows_in_bars(points: WeightedPoints, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows in each bar, shape (n_bars,): those of a point lie evenly within √3 standard
    deviations of it.
    """
    reach = _EVEN_REACH * np.sqrt(points.spreads)
    lows, highs = points.positions - reach, points.positions + reach
    seen = (highs >= edges[0]) & (lows <= edges[-1])
    lows, highs, weights = lows[seen], highs[seen], points.weights[seen]
    n_bars = edges.size - 1
    first, last = (
        np.minimum(np.searchsorted(edges, ends, side="right") - 1, n_bars) for ends in (lows, highs)
    )
    first[lows == edges[-1]] = n_bars - 1
    lengths = np.where(highs > lows, highs - lows, 1.0)
    rows = np.zeros(n_bars)
    for ahead in range(int((last - first).max(initial=0)) + 1):
        bar = first + ahead
        here = (bar <= np.maximum(last, first)) & (bar >= 0) & (bar < n_bars)
        held, number = np.flatnonzero(here), bar[here]
        overlap = np.minimum(highs[held], edges[number + 1]) - np.maximum(lows[held], edges[number])
        shares = np.where(highs[held] > lows[held], overlap / lengths[held], 1.0)
        rows += np.bincount(number, weights[held] * shares, minlength=n_bars)
    return rows


def expected_shares(mixture: Mixture, x: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return the share of each component's rows that lies within half a width of each x, shape (n,
    n_components).
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        z = np.abs(x[:, np.newaxis] - mixture.means) / mixture.stds
        halves = np.broadcast_to(width / 2 / mixture.stds, z.shape)
        shares = 2 * halves * np.exp(-0.5 * np.square(z) - _LOG_SQRT_2PI)
    wide = halves > _NARROW
    near, far = ((z + sign * halves)[wide] / math.sqrt(2) for sign in (-1.0, 1.0))
    shares[wide] = 0.5 * (_upper(near) - _upper(far))
    return np.nan_to_num(shares)


def _upper(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.fromiter(map(math.erfc, z.tolist()), np.float64, z.size)

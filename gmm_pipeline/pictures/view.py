"""Which ranges of a column a picture shows: those of most rows, with the emptiness between far
clusters left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.pictures.histogram import rows_in_bars

_TRIMMED = 0.005
"""The share of rows on either side that may lie outside."""
_REACH = 2.0
"""Rows lie within so many standard deviations of the point that they were reduced to, about."""
_CELLS = 400
_EMPTY = 1e-4
"""A cell of a smaller share of rows counts as empty."""
_LONG = 0.4
"""So much of a range has to be empty to be left out."""
_MOST_PARTS = 4
_MATTERS = 0.01
"""Modes of a larger weight are shown."""
_STRETCH = 1.0
"""The range is stretched for modes by at most this part of itself to either side."""


@dataclass(frozen=True)
class Span:
    """A range of coordinates."""

    low: float
    high: float


def spans(points: WeightedPoints, stems: WeightedPoints, mixture: Mixture) -> list[Span]:
    """Return the ranges to show, from left to right.

    Parameters
    ----------
    points : WeightedPoints
        The rows that are in no atom.
    stems : WeightedPoints
        The atoms that have a coordinate.
    mixture : Mixture
        Of the points; without components if there is none.
    """
    total = points.total_weight + stems.total_weight
    heavy = stems.weights >= _MATTERS * total
    ends = [(float(at), float(at)) for at in stems.positions[heavy]]
    if points.total_weight:
        ends.append(_stretched(_central(points), points, mixture))
    elif not ends and stems.size:
        ends.append((float(stems.positions[0]), float(stems.positions[-1])))
    if not ends:
        return []
    low, high = min(end for end, _ in ends), max(end for _, end in ends)
    return _divided(_together(points, stems), low, high, _MOST_PARTS)


def _together(points: WeightedPoints, stems: WeightedPoints) -> WeightedPoints:
    positions = np.concatenate([points.positions, stems.positions])
    order = np.argsort(positions, kind="stable")
    weights = np.concatenate([points.weights, stems.weights])[order]
    return WeightedPoints(
        positions[order], weights, np.concatenate([points.spreads, stems.spreads])[order]
    )


def _central(points: WeightedPoints) -> tuple[float, float]:
    """Return the range of all but the outermost rows on either side."""
    below = np.cumsum(points.weights)
    first = int(np.searchsorted(below, _TRIMMED * below[-1]))
    last = min(int(np.searchsorted(below, (1 - _TRIMMED) * below[-1])), points.size - 1)
    lows, highs = _reaches(points)
    return float(lows[first]), float(highs[last])


def _reaches(points: WeightedPoints) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the rows of each point begin and end, about."""
    reach = _REACH * np.sqrt(points.spreads)
    return points.positions - reach, points.positions + reach


def _stretched(
    central: tuple[float, float], points: WeightedPoints, mixture: Mixture
) -> tuple[float, float]:
    """Return a range widened, within what there is, to show modes that matter."""
    low, high = central
    matters = mixture.weights >= _MATTERS
    if matters.any():
        room = _STRETCH * (high - low)
        low = min(low, max(float((mixture.means - mixture.stds)[matters].min()), low - room))
        high = max(high, min(float((mixture.means + mixture.stds)[matters].max()), high + room))
    lows, highs = _reaches(points)
    return max(low, float(lows.min())), min(high, float(highs.max()))


def _divided(points: WeightedPoints, low: float, high: float, most: int) -> list[Span]:
    """Divide a range where a long part of it is empty; again as often as there may be parts."""
    whole = [Span(low, high)]
    if most < 2 or not high > low:  # noqa: PLR2004
        return whole
    edges = np.linspace(low, high, _CELLS + 1)
    rows = rows_in_bars(points, edges)
    filled = np.flatnonzero(rows > _EMPTY * rows.sum())
    gaps = np.diff(filled)
    if not gaps.size or gaps.max() < _LONG * _CELLS:
        return whole
    widest = int(np.argmax(gaps))
    lows, highs = _reaches(points)
    ends = highs[points.positions <= edges[filled[widest] + 1]]
    starts = lows[points.positions >= edges[filled[widest + 1]]]
    end, start = float(ends.max(initial=low)), float(starts.min(initial=high))
    if not low <= end < start <= high:
        return whole
    first = _divided(points, low, end, most - 1)
    return first + _divided(points, start, high, most - len(first))

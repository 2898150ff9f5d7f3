"""Which ranges of a column a picture shows: where most rows lie, without long gaps between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.pictures.histogram import rows_in_bars

_TRIMMED = 0.005
"""This share of rows may lie outside on either side: a few outliers must not squeeze the others."""
_REACH = 2.0
"""The rows of a point lie within about so many standard deviations (√3 if they are even)."""
_CELLS = 400
"""A range is searched for gaps in so many cells: some more than there are bars."""
_EMPTY = 1e-4
"""A cell with a smaller share of rows counts as empty: no bar would be seen there."""
_LONG = 0.4
"""A gap of this part of a range is left out; shorter ones cost less than a second axis."""
_MOST_RANGES = 4
"""More axes side by side would have no room for their ticks."""
MATTERS = 0.01
"""Modes and atoms of this share of rows are to be seen."""


@dataclass(frozen=True)
class Range:
    """A range of coordinates."""

    low: float
    high: float


def shown_ranges(points: WeightedPoints, atoms: WeightedPoints, mixture: Mixture) -> list[Range]:
    """Return the ranges to show, from left to right.

    Parameters
    ----------
    points : WeightedPoints
        The rows that are in no atom.
    atoms : WeightedPoints
        Those that have a coordinate.
    mixture : Mixture
        Of the points; may have no components.
    """
    rows = points.total_weight + atoms.total_weight
    ends = atoms.positions[atoms.weights >= MATTERS * rows].tolist()
    if points.total_weight:
        ends += _central(points, mixture)
    elif not ends:
        ends = atoms.positions.tolist()
    if not ends:
        return []
    parts = zip(
        (points.positions, points.weights, points.spreads),
        (atoms.positions, atoms.weights, atoms.spreads),
        strict=True,
    )
    return _divided(WeightedPoints(*map(np.concatenate, parts)), min(ends), max(ends), _MOST_RANGES)


def _central(points: WeightedPoints, mixture: Mixture) -> list[float]:
    """Return the ends of the range of all but the outermost rows and of the modes that matter.

    Modes make it at most as long again on either side, and no longer than there are rows.
    """
    below = np.cumsum(points.weights)
    first = int(np.searchsorted(below, _TRIMMED * below[-1]))
    last = min(int(np.searchsorted(below, (1 - _TRIMMED) * below[-1])), points.size - 1)
    reach = _REACH * np.sqrt(points.spreads)
    lows, highs = points.positions - reach, points.positions + reach
    low, high = float(lows[first]), float(highs[last])
    room = high - low
    matters = mixture.weights >= MATTERS
    begins, ends = (mixture.means + sign * mixture.stds for sign in (-1, 1))
    low = min(low, max(float(begins[matters].min(initial=low)), low - room))
    high = max(high, min(float(ends[matters].max(initial=high)), high + room))
    return [max(low, float(lows.min())), min(high, float(highs.max()))]


def _divided(rows: WeightedPoints, low: float, high: float, most: int) -> list[Range]:
    """Leave the longest gap out of a range, and again, until there are `most` ranges."""
    if most == 1 or not high > low:
        return [Range(low, high)]
    edges = np.linspace(low, high, _CELLS + 1)
    counts = rows_in_bars(rows, edges)
    filled = np.flatnonzero(counts > _EMPTY * counts.sum())
    gaps = np.diff(filled)
    if not gaps.size or gaps.max() < _LONG * _CELLS:
        return [Range(low, high)]
    widest = int(np.argmax(gaps))
    reach = _REACH * np.sqrt(rows.spreads)
    before = rows.positions <= edges[filled[widest] + 1]
    after = rows.positions >= edges[filled[widest + 1]]
    end = float((rows.positions + reach)[before].max(initial=low))
    start = float((rows.positions - reach)[after].min(initial=high))
    if not low <= end < start <= high:
        return [Range(low, high)]
    first = _divided(rows, low, end, most - 1)
    return first + _divided(rows, start, high, most - len(first))

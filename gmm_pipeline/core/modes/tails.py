"""Tail modes: ranges for the values that no Gaussian mode may take, so that none is clipped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from gmm_pipeline.core.modes.mode_table import MAX_WIDTH_RATIO
from gmm_pipeline.core.modes.modes import HALF_WIDTH_STDS, REACH, GaussianMode, TailMode
from gmm_pipeline.core.sketch.weighted_points import Extents

_MOST_OCTAVES = 6.0
"""Most octaves of distance in one tail; float32 then keeps seven digits of the distance."""
_EVEN_OCTAVES = 3.0
"""Up to so many octaves, positions are linear in the coordinate; beyond, in its logarithm.

Over 3 octaves, linear positions cost the smallest distances 3 of float32's 24 bits.
"""
_WITHIN = 1.0 - 2.0**-40
"""Shrinks modes' reaches by more than rounding, so that no value falls between mode and tail."""


def tail_modes(
    gaussians: tuple[GaussianMode, ...], extents: Extents, rows: int
) -> tuple[TailMode, ...]:
    """Return tails for the rows that lie where no Gaussian mode may take a value.

    Each gap between the modes' reaches is halved, and each half is measured from the mean of the
    mode next to it; a half that spans many octaves of that distance is divided further.

    Parameters
    ----------
    gaussians : tuple of GaussianMode
        At least one.
    extents : Extents
        Of the rows that are in no atom.
    rows : int
        All rows of the column.
    """
    if not extents.lows.size:
        return ()
    lowest, highest = extents.range
    if lowest == highest:
        # A range of length 0 would divide by 0 on encoding.
        lowest, highest = sorted((lowest, math.nextafter(lowest, -lowest or 1.0)))
    return tuple(
        TailMode(low, high, anchor, direction, REACH, extents.within(low, high) / rows)
        for gap in _gaps(gaussians, lowest, highest)
        # Gaps that no row lies in need no tail.
        if extents.within(*gap) > 0
        for low, high, anchor, direction in _pieces(*gap, gaussians)
        if extents.within(low, high) > 0
    )


def _gaps(
    gaussians: tuple[GaussianMode, ...], lowest: float, highest: float
) -> Iterator[tuple[float, float]]:
    """Yield the parts of a range where no Gaussian mode may take values."""
    end = lowest
    for start, stop in sorted(_reaches(gaussians)):
        if start > end and end < highest:
            yield end, min(start, highest)
        end = max(end, stop)
    if end < highest:
        yield end, highest


def _reaches(gaussians: tuple[GaussianMode, ...]) -> Iterator[tuple[float, float]]:
    """Yield the ranges that each mode may take, without the surroundings of much narrower modes."""
    for mode in gaussians:
        half_width = HALF_WIDTH_STDS * mode.std
        reach = REACH * _WITHIN * half_width
        # Far from 0, adding mean and reach rounds by more than _WITHIN allows for.
        rounding = 2 * math.ulp(abs(mode.mean) + reach)
        start, stop = mode.mean - reach + rounding, mode.mean + reach - rounding
        smallest = half_width / MAX_WIDTH_RATIO
        for other in gaussians:
            below, above = other.mean - smallest / _WITHIN, other.mean + smallest / _WITHIN
            if HALF_WIDTH_STDS * other.std < smallest and start < above and below < stop:
                if start < below:
                    yield start, below
                start = max(start, above)
        if start < stop:
            yield start, stop


def _pieces(
    low: float, high: float, gaussians: tuple[GaussianMode, ...]
) -> Iterator[tuple[float, float, float, int]]:
    """Yield low, high, anchor and direction of the tails that fill a gap."""
    below = max((mode.mean for mode in gaussians if mode.mean <= low), default=None)
    above = min((mode.mean for mode in gaussians if mode.mean >= high), default=None)
    if below is not None and above is not None:
        # Half-way between the means: a value is measured from the nearer one.
        middle = min(max(below / 2 + above / 2, low), high)
        yield from _upwards(low, middle, below)
        yield from _downwards(middle, high, above)
    elif below is not None:
        yield from _upwards(low, high, below)
    elif above is not None:
        yield from _downwards(low, high, above)
    else:
        yield low, high, low, 0


def _upwards(low: float, high: float, anchor: float) -> Iterator[tuple[float, float, float, int]]:
    """Yield the tails of a range above an anchor."""
    distances = _octaves(low - anchor, high - anchor) if low < high else []
    # Neighbouring tails share their edges, and the ends are exact, so that no value falls between.
    edges = [low, *(anchor + distance for distance in distances[1:-1]), high]
    for (start, stop), (near, far) in zip(pairwise(edges), pairwise(distances), strict=False):
        yield start, stop, anchor, int(_is_long(near, far))


def _downwards(low: float, high: float, anchor: float) -> Iterator[tuple[float, float, float, int]]:
    """Yield the tails of a range below an anchor, as mirror images of those above."""
    for start, stop, _, direction in reversed(list(_upwards(-high, -low, -anchor))):
        yield -stop, -start, anchor, -direction


def _octaves(near: float, far: float) -> list[float]:
    """Return the edges of a range of distances, divided evenly in the logarithm."""
    first, last = (math.log2(distance) if distance > 0 else -math.inf for distance in (near, far))
    if not _EVEN_OCTAVES < last - first < math.inf:
        return [near, far]
    n_pieces = math.ceil((last - first) / _MOST_OCTAVES)
    return [
        near,
        *(2.0 ** (first + (last - first) * piece / n_pieces) for piece in range(1, n_pieces)),
        far,
    ]


def _is_long(near: float, far: float) -> bool:
    """Whether a range of distances spans so many octaves that positions are logarithmic."""
    return near > 0 and far > near * 2.0**_EVEN_OCTAVES

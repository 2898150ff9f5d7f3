"""Bounds of cumulative mode probabilities over a range of coordinates: which draws are certain.

The bounds hold for computed probabilities, not only for exact ones: they are wider by more than
rounding amounts to, so that the table never decides differently from an evaluation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes.mode_table import MAX_WIDTH_RATIO, ModeTable
from gmm_pipeline.core.modes.modes import HALF_WIDTH_STDS

UNDECIDED = 255
"""Stands for a mode that has to be evaluated; modes below it fit uint8."""
DRAWS = 256
"""Equal ranges of draws: a row's range is the first byte of its draw."""

_ROUNDING = 2.0**-48
"""More than the relative error of a few operations, of 2**-53 each."""
_MARGIN = 1e-9
"""More than the error of cumulative probabilities from logarithms within `_LARGEST_LOG`.

Those have an absolute error of about 1e4 · 2**-52 ≈ 2e-12.
"""
_LARGEST_LOG = 1e4
"""Log densities further out lose more digits than `_MARGIN` allows for; cells there stay open."""
_LARGEST_RATIO = 600.0
"""Largest log density relative to the reference: exp(600) ≈ 1e260, so sums of 255 stay finite."""
_NEVER, _PARTLY, _ALWAYS = 0, 1, 2
"""Where in a range a mode may take coordinates."""


@kernel
def decide(
    sides: NDArray[np.float64],
    patterns: NDArray[np.int64],
    width: int,
    center: float,
    scale: float,
    modes: ModeTable,
    weights: NDArray[np.float64],
    decided: NDArray[np.uint8],
    certain: NDArray[np.float64],
    gains: NDArray[np.float64],
) -> None:
    """Decide the modes of draws in some cells, and estimate what dividing the cells would gain.

    All arrays are for n cells. Cell i holds the y of one side for which the bits of 1 + |y| are
    among the `width` integers from `patterns[i]` on. `decided`, (n, DRAWS), gets the mode of each
    range of draws. `certain`, (n, n_gaussians, 2), gets for each mode the draw below which it or an
    earlier mode is certain, and the draw from which a later one is. `gains`, (n,), gets the share
    of all rows that dividing the cell might decide.
    """
    lowest, highest = np.empty(modes.n_gaussians), np.empty(modes.n_gaussians)
    ends = np.empty(2, dtype=np.int64)
    for i in range(sides.size):
        ends[0], ends[1] = patterns[i], patterns[i] + width
        inner, outer = ends.view(np.float64) - 1.0
        # y itself was rounded: the range has to include what rounds into the cell.
        slack = _ROUNDING * (1.0 + outer)
        near, far = sides[i] * scale * (inner - slack), sides[i] * scale * (outer + slack)
        low, high = min(near, far), max(near, far)
        decided[i, :] = UNDECIDED
        certain[i, :, 0], certain[i, :, 1] = 0.0, 1.0
        gains[i] = 0.0
        taken = _relative_densities(low, high, center, modes, lowest, highest)
        if taken == _NEVER:
            decided[i, :] = _tail_around(low, high, center, modes)
        elif taken == _ALWAYS:
            share = _decide_draws(lowest, highest, decided[i], certain[i])
            gains[i] = share * _mass(low, high, center, modes, weights)
        else:
            gains[i] = _mass(low, high, center, modes, weights)


@kernel
def _relative_densities(
    low: float,
    high: float,
    center: float,
    modes: ModeTable,
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
) -> int:
    """Write bounds of the modes' densities between center + low and center + high, (n_gaussians,).

    They are relative to the density of one reference mode, the same over the range, and 0 where a
    mode may not take a coordinate. Return where in the range at least one mode may take
    coordinates.
    """
    reference, largest, taken = -1, -np.inf, _NEVER
    for k in range(modes.n_gaussians):
        takes = _takes_within(low, high, center, k, modes)
        taken = max(taken, takes)
        lowest[k], highest[k] = 1.0 * (takes == _ALWAYS), 1.0 * (takes != _NEVER)
        first, last, _, _ = _log_densities(low, high, center, k, modes)
        if takes != _NEVER and first / 2 + last / 2 > largest:
            reference, largest = k, first / 2 + last / 2
    if taken == _NEVER:
        return _NEVER
    base_first, base_last, base_slope_first, base_slope_last = _log_densities(
        low, high, center, reference, modes
    )
    # `not <`, so that NaN counts as too large.
    if not max(abs(base_first), abs(base_last)) < _LARGEST_LOG:
        return _PARTLY
    for k in range(modes.n_gaussians):
        if k == reference or highest[k] == 0.0:
            continue
        first, last, slope_first, slope_last = _log_densities(low, high, center, k, modes)
        start, end = first - base_first, last - base_last
        slope_start, slope_end = slope_first - base_slope_first, slope_last - base_slope_last
        smallest, greatest = min(start, end), max(start, end)
        # The difference of two log densities is a parabola: its extremes are at the ends, and at
        # its vertex if that lies between them.
        if slope_start * slope_end < 0.0:
            share = slope_start / (slope_start - slope_end)
            turn = start + slope_start * share * (high - low) / 2
            smallest, greatest = min(smallest, turn), max(greatest, turn)
        moved = _ROUNDING * (
            abs(center - modes.means[k])
            + abs(center - modes.means[reference])
            + abs(low)
            + abs(high)
        )
        steepest = max(abs(slope_first), abs(slope_last)) + max(
            abs(base_slope_first), abs(base_slope_last)
        )
        # The rounding of the coordinate times the slope, and that of the log densities.
        error = moved * steepest + _ROUNDING * (
            1.0 + abs(first) + abs(last) + abs(base_first) + abs(base_last)
        )
        # As above: NaN stays undecided.
        if not greatest + error < _LARGEST_RATIO:
            return _PARTLY
        lowest[k] *= math.exp(smallest - error)
        highest[k] *= math.exp(greatest + error)
    return taken


@kernel
def _log_densities(
    low: float, high: float, center: float, k: int, modes: ModeTable
) -> tuple[float, float, float, float]:
    """Return a mode's log density at both ends of a range, and its slopes there."""
    std = modes.half_widths[k] / HALF_WIDTH_STDS
    first, last = ((center - modes.means[k]) + low) / std, ((center - modes.means[k]) + high) / std
    constant = modes.log_factors[k]
    return constant - 0.5 * first * first, constant - 0.5 * last * last, -first / std, -last / std


@kernel
def _distances(
    low: float, high: float, center: float, k: int, modes: ModeTable
) -> tuple[float, float]:
    """Return the smallest and largest distance from a mode's mean within a range."""
    between = center - modes.means[k]
    slack = _ROUNDING * (abs(between) + max(abs(low), abs(high)))
    first, last = between + low - slack, between + high + slack
    nearest = 0.0 if first <= 0.0 <= last else min(abs(first), abs(last))
    return nearest, max(abs(first), abs(last))


@kernel
def _takes_within(low: float, high: float, center: float, k: int, modes: ModeTable) -> int:
    """Return where in a range a Gaussian mode may take coordinates."""
    half_width = modes.half_widths[k]
    nearest, furthest = _distances(low, high, center, k, modes)
    if nearest / half_width > modes.reach * (1.0 + _ROUNDING):
        return _NEVER
    takes = _ALWAYS if furthest / half_width < modes.reach * (1.0 - _ROUNDING) else _PARTLY
    if half_width > modes.coarse:
        smallest = half_width / MAX_WIDTH_RATIO
        for j in range(modes.n_gaussians):
            if modes.half_widths[j] < smallest:
                nearest, furthest = _distances(low, high, center, j, modes)
                if furthest < smallest * (1.0 - _ROUNDING):
                    return _NEVER
                if nearest <= smallest * (1.0 + _ROUNDING):
                    takes = _PARTLY
    return takes


@kernel
def _decide_draws(
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
    decided: NDArray[np.uint8],
    certain: NDArray[np.float64],
) -> float:
    """Write the modes that are certain for draws; return the share of draws left undecided."""
    least_before, most_before, start, left_open = 0.0, 0.0, 0.0, 0.0
    for k in range(lowest.size):
        certain[k, :] = start
        if highest[k] == 0.0:
            continue
        least_before += lowest[k]
        most_before += highest[k]
        # The share up to mode k is least if the modes before are at their lowest and those after at
        # their highest, and the other way round.
        least_after, most_after = lowest[k + 1 :].sum(), highest[k + 1 :].sum()
        at_least, at_most = 1.0, 1.0
        if most_after > 0.0:
            at_least = least_before / (least_before + most_after) - _MARGIN
            at_most = most_before / (most_before + least_after) + _MARGIN
        for draws in range(math.ceil(max(start, 0.0) * DRAWS), math.floor(at_least * DRAWS)):
            decided[draws] = k
        certain[k, 0], certain[k, 1] = at_least, at_most
        left_open += min(at_most, 1.0) - max(at_least, min(start, 1.0))
        start = at_most
    return left_open


@kernel
def _tail_around(low: float, high: float, center: float, modes: ModeTable) -> int:
    """Return the tail that holds a whole range without Gaussian modes, or UNDECIDED."""
    slack = _ROUNDING * (abs(center) + max(abs(low), abs(high)))
    first, last = center + low - slack, center + high + slack
    for t in range(modes.lows.size):
        if modes.lows[t] < first and last < modes.highs[t]:
            return modes.n_gaussians + t
        if modes.lows[t] <= last and first <= modes.highs[t]:
            return UNDECIDED
    return UNDECIDED


@kernel
def _mass(
    low: float, high: float, center: float, modes: ModeTable, weights: NDArray[np.float64]
) -> float:
    """Return the weight of a range by the Gaussian modes."""
    mass = 0.0
    for k in range(modes.n_gaussians):
        width = modes.half_widths[k] / HALF_WIDTH_STDS * math.sqrt(2.0)
        between = center - modes.means[k]
        mass += (
            weights[k]
            * (math.erf((between + high) / width) - math.erf((between + low) / width))
            / 2
        )
    return mass

"""Which mode a draw leads to, looked up: a table that decides nearly all draws without a single exponential.

The line of coordinates is divided into cells by the bits of 1 + |y|, like the grid of a sketch, and cells into 16
smaller ones where that pays. For each cell there are bounds of what the plain evaluation can give for the cumulative
probabilities of the modes anywhere in it. So for most of 256 equal ranges of draws one mode is certain, and that one
is in the table. Where none is, the row has to be evaluated.

The bounds are those of what is computed, not of real numbers: they are wider than these by more than rounding amounts
to, so table and evaluation never differ.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mode_table import COARSEST, ModeTable
from gmm_pipeline.core.modes import HALF_WIDTH_STDS
from gmm_pipeline.core.robust import center_and_scale

UNDECIDED = 255
"""In the table: the row has to be evaluated."""

_DRAWS = 256
_TOP_BITS, _CHILD_BITS = 4, 4
_OCTAVES = 32
_TOP_SHIFT = 52 - _TOP_BITS
_ONE = 1023 << _TOP_BITS
_SIDE = _OCTAVES << _TOP_BITS
_CHILDREN = 1 << _CHILD_BITS
_MOST_DIVIDED = 256
_WORTHWHILE = 2.0**-16
"""Cells are divided where at least this share of the rows might be decided by it."""
_ROUNDING = 2.0**-48
"""More than the relative error of a few operations."""
_MARGIN = 1e-9
"""More than the error of a cumulative probability that is computed from logarithms within `_LARGEST_LOG`."""
_LARGEST_LOG = 1e4
_LARGEST_RATIO = 600.0
"""Logarithms of densities relative to another one whose sums are finite."""
_NEVER, _PARTLY, _ALWAYS = 0, 1, 2
"""Where in a cell a mode may take coordinates."""


class DrawTable(NamedTuple):
    """What draws lead to in each cell.

    `cells` has the row in `modes` of each of the outermost cells, negative side first; an entry below 0 stands for the
    16 entries from its complement on. `modes` has shape (n, 256), by the first 8 bits of the draw.
    """

    center: float
    inverse_scale: float
    cells: NDArray[np.int64]
    modes: NDArray[np.uint8]


_ONE_MODE = np.repeat(np.arange(_DRAWS, dtype=np.uint8)[:, np.newaxis], _DRAWS, axis=1)
"""Row k is that of cells where all draws lead to mode k; the last one where nothing is decided."""
NOTHING_DECIDED = DrawTable(0.0, 1.0, np.full(2 * _SIDE, UNDECIDED, dtype=np.int64), _ONE_MODE)
"""The table of no modes."""


@kernel
def looked_up(x: float, draw: float, table: DrawTable, number: NDArray[np.float64], bits: NDArray[np.int64]) -> int:
    """Return the mode that a draw leads to at x, or UNDECIDED; `bits` are those of `number`, which is room for one."""
    y = (x - table.center) * table.inverse_scale
    number[0] = 1.0 + abs(y)
    pattern = bits[0]
    from_center = (pattern >> _TOP_SHIFT) - _ONE
    if from_center >= _SIDE:
        return UNDECIDED
    entry = table.cells[_SIDE - 1 - from_center if y < 0.0 else _SIDE + from_center]
    shift = _TOP_SHIFT
    while entry < 0:
        shift -= _CHILD_BITS
        entry = table.cells[~entry + ((pattern >> shift) & (_CHILDREN - 1))]
    return int(table.modes[entry, int(draw * _DRAWS)])


def draw_table(modes: ModeTable) -> DrawTable:
    """Return the table of a model's modes; it decides nothing where there are no Gaussian modes, or too many."""
    if not 0 < modes.n_gaussians < UNDECIDED - modes.lows.size or modes.floor > 0.0:
        return NOTHING_DECIDED
    cells = np.empty(2 * _SIDE + _CHILDREN * _MOST_DIVIDED, dtype=np.int64)
    weights = np.exp(modes.log_factors) * modes.half_widths / HALF_WIDTH_STDS
    center, exponent = _center_and_scale(modes, weights)
    rows, n_rows, size, shift = [_ONE_MODE], _DRAWS, 2 * _SIDE, _TOP_SHIFT
    entries = np.arange(size)
    sides = np.where(entries < _SIDE, -1.0, 1.0)
    patterns = (np.where(entries < _SIDE, _SIDE - 1 - entries, entries - _SIDE) + _ONE) << shift
    while entries.size:
        decided, gains = np.empty((entries.size, _DRAWS), dtype=np.uint8), np.empty(entries.size)
        _decide(sides, patterns, 1 << shift, center, 2.0**exponent, modes, weights, decided, gains)
        divided = _most_worthwhile(gains, (cells.size - size) // _CHILDREN if shift >= _CHILD_BITS else 0)
        mixed = ~divided & (decided != decided[:, :1]).any(axis=1)
        cells[entries] = decided[:, 0]
        cells[entries[mixed]] = n_rows + np.arange(np.count_nonzero(mixed))
        rows.append(decided[mixed])
        n_rows += len(rows[-1])
        first_children = size + _CHILDREN * np.arange(np.count_nonzero(divided))
        cells[entries[divided]] = ~first_children
        size += _CHILDREN * first_children.size
        shift -= _CHILD_BITS
        entries = (first_children[:, np.newaxis] + np.arange(_CHILDREN)).ravel()
        patterns = (patterns[divided][:, np.newaxis] + (np.arange(_CHILDREN) << max(shift, 0))).ravel()
        sides = np.repeat(sides[divided], _CHILDREN)
    return DrawTable(center, 2.0**-exponent, cells[:size].copy(), np.concatenate(rows))


def _center_and_scale(modes: ModeTable, weights: NDArray[np.float64]) -> tuple[float, int]:
    n = modes.n_gaussians
    stds = modes.half_widths[:n] / HALF_WIDTH_STDS
    around = np.concatenate([modes.means[:n] - stds, modes.means[:n] + stds])
    order = np.argsort(around, kind="stable")
    return center_and_scale(around[order], np.tile(weights[:n], 2)[order])


def _most_worthwhile(gains: NDArray[np.float64], most: int) -> NDArray[np.bool_]:
    """Return which cells to divide, shape (n,): those that gain most, if they gain enough."""
    divided = np.zeros(gains.size, dtype=np.bool_)
    best = np.argsort(-gains, kind="stable")[:most]
    divided[best[gains[best] > _WORTHWHILE]] = True
    return divided


@kernel
def _decide(
    sides: NDArray[np.float64],
    patterns: NDArray[np.int64],
    width: int,
    center: float,
    scale: float,
    modes: ModeTable,
    weights: NDArray[np.float64],
    decided: NDArray[np.uint8],
    gains: NDArray[np.float64],
) -> None:
    """Fill in what is decided in some cells, (n, 256), and the share of all rows that dividing them might decide, (n,).

    A cell holds the y of one side whose patterns of 1 + |y| are among the `width` from the given one on.
    """
    lowest, highest = np.empty(modes.n_gaussians), np.empty(modes.n_gaussians)
    ends = np.empty(2, dtype=np.int64)
    for i in range(sides.size):
        ends[0], ends[1] = patterns[i], patterns[i] + width
        inner, outer = ends.view(np.float64) - 1.0
        slack = _ROUNDING * (1.0 + outer)
        near, far = sides[i] * scale * (inner - slack), sides[i] * scale * (outer + slack)
        low, high = min(near, far), max(near, far)
        decided[i, :] = UNDECIDED
        gains[i] = 0.0
        taken = _relative_densities(low, high, center, modes, lowest, highest)
        if taken == _NEVER:
            decided[i, :] = _tail_around(low, high, center, modes)
        elif taken == _ALWAYS:
            boundaries = _decide_draws(lowest, highest, decided[i])
            open_ranges = np.count_nonzero(decided[i] == UNDECIDED) - boundaries - 1
            gains[i] = open_ranges / _DRAWS * _mass(low, high, center, modes, weights)
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
    """Fill in bounds of the modes' densities between center + low and center + high, each of shape (n_gaussians,).

    They are relative to that of one mode, the same all over; 0 where a mode may not take a coordinate. Return where in
    the range at least one mode may take coordinates.
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
    base_first, base_last, base_slope_first, base_slope_last = _log_densities(low, high, center, reference, modes)
    if not max(abs(base_first), abs(base_last)) < _LARGEST_LOG:
        return _PARTLY
    for k in range(modes.n_gaussians):
        if k == reference or highest[k] == 0.0:
            continue
        first, last, slope_first, slope_last = _log_densities(low, high, center, k, modes)
        start, end = first - base_first, last - base_last
        slope_start, slope_end = slope_first - base_slope_first, slope_last - base_slope_last
        smallest, greatest = min(start, end), max(start, end)
        if slope_start * slope_end < 0.0:
            share = slope_start / (slope_start - slope_end)
            turn = start + slope_start * share * (high - low) / 2
            smallest, greatest = min(smallest, turn), max(greatest, turn)
        moved = _ROUNDING * (abs(center - modes.means[k]) + abs(center - modes.means[reference]) + abs(low) + abs(high))
        steepest = max(abs(slope_first), abs(slope_last)) + max(abs(base_slope_first), abs(base_slope_last))
        error = moved * steepest + _ROUNDING * (1.0 + abs(first) + abs(last) + abs(base_first) + abs(base_last))
        if not greatest + error < _LARGEST_RATIO:
            return _PARTLY
        lowest[k] *= math.exp(smallest - error)
        highest[k] *= math.exp(greatest + error)
    return taken


@kernel
def _log_densities(
    low: float, high: float, center: float, k: int, modes: ModeTable
) -> tuple[float, float, float, float]:
    """Return a mode's log-density at both ends of a range, and its slopes there."""
    std = modes.half_widths[k] / HALF_WIDTH_STDS
    first, last = ((center - modes.means[k]) + low) / std, ((center - modes.means[k]) + high) / std
    constant = modes.log_factors[k]
    return constant - 0.5 * first * first, constant - 0.5 * last * last, -first / std, -last / std


@kernel
def _distances(low: float, high: float, center: float, k: int, modes: ModeTable) -> tuple[float, float]:
    """Return the smallest and the largest distance from a mode's mean within a range."""
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
        smallest = half_width / COARSEST
        for j in range(modes.n_gaussians):
            if modes.half_widths[j] < smallest:
                nearest, furthest = _distances(low, high, center, j, modes)
                if furthest < smallest * (1.0 - _ROUNDING):
                    return _NEVER
                if nearest <= smallest * (1.0 + _ROUNDING):
                    takes = _PARTLY
    return takes


@kernel
def _decide_draws(lowest: NDArray[np.float64], highest: NDArray[np.float64], decided: NDArray[np.uint8]) -> int:
    """Fill in the modes that are certain for ranges of draws; return how many boundaries between modes there are."""
    least_before, most_before, start, boundaries = 0.0, 0.0, 0.0, 0
    for k in range(lowest.size):
        if highest[k] == 0.0:
            continue
        least_before += lowest[k]
        most_before += highest[k]
        least_after, most_after = lowest[k + 1 :].sum(), highest[k + 1 :].sum()
        at_least, at_most = 1.0, 1.0
        if most_after > 0.0:
            at_least = least_before / (least_before + most_after) - _MARGIN
            at_most = most_before / (most_before + least_after) + _MARGIN
        for draws in range(math.ceil(max(start, 0.0) * _DRAWS), math.floor(at_least * _DRAWS)):
            decided[draws] = k
        start = at_most
        boundaries += 1
    return boundaries - 1


@kernel
def _tail_around(low: float, high: float, center: float, modes: ModeTable) -> int:
    """Return the tail that holds a whole range which no Gaussian mode takes, or UNDECIDED."""
    slack = _ROUNDING * (abs(center) + max(abs(low), abs(high)))
    first, last = center + low - slack, center + high + slack
    for t in range(modes.lows.size):
        if modes.lows[t] < first and last < modes.highs[t]:
            return modes.n_gaussians + t
        if modes.lows[t] <= last and first <= modes.highs[t]:
            return UNDECIDED
    return UNDECIDED


@kernel
def _mass(low: float, high: float, center: float, modes: ModeTable, weights: NDArray[np.float64]) -> float:
    """Return the weight of a range by the Gaussian modes."""
    mass = 0.0
    for k in range(modes.n_gaussians):
        width = modes.half_widths[k] / HALF_WIDTH_STDS * math.sqrt(2.0)
        between = center - modes.means[k]
        mass += weights[k] * (math.erf((between + high) / width) - math.erf((between + low) / width)) / 2
    return mass

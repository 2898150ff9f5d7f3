"""Which mode a draw leads to, looked up: a table that decides nearly all draws without a single exponential.

The line of coordinates is divided into cells by the bits of 1 + |y|, like the grid of a sketch, and cells into 16
smaller ones where that pays. For each cell there are bounds of what the plain evaluation can give for the cumulative
probabilities of the modes anywhere in it. So for most of 256 equal ranges of draws one mode is certain, and that one
is in the table. A draw in one of the other ranges is compared with the bounds of its cell, and evaluated if these
leave it open.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.draw_bounds import DRAWS, UNDECIDED, decide
from gmm_pipeline.core.grid import scale
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mode_table import ModeTable
from gmm_pipeline.core.modes import HALF_WIDTH_STDS
from gmm_pipeline.core.robust import center_and_scale

_TOP_BITS, _CHILD_BITS = 4, 4
_OCTAVES = 32
_TOP_SHIFT = 52 - _TOP_BITS
_ONE = 1023 << _TOP_BITS
_SIDE = _OCTAVES << _TOP_BITS
_CHILDREN = 1 << _CHILD_BITS
_MOST_DIVIDED = 256
_WORTHWHILE = 2.0**-16
"""Cells are divided where at least this share of the rows might be decided by it."""


class DrawTable(NamedTuple):
    """What draws lead to in each cell.

    `cells` has the row in `modes` of each of the outermost cells, negative side first, and of all that lies beyond; an
    entry below 0 stands for the 16 entries from its complement on. `modes` has shape (n, DRAWS), by the first bits of
    the draw; `certain`, (n, n_gaussians, 2), has the bounds between the modes, as `decide` gives them.
    """

    center: float
    inverse_scale: float
    cells: NDArray[np.int64]
    modes: NDArray[np.uint8]
    certain: NDArray[np.float64]


_ONE_MODE = np.repeat(np.arange(DRAWS, dtype=np.uint8)[:, np.newaxis], DRAWS, axis=1)
"""Row k is that of cells where all draws lead to mode k; the last one where nothing is decided."""
_NO_BOUNDS = np.broadcast_to(np.array([0.0, 1.0]), (DRAWS, 1, 2)).copy()
NOTHING_DECIDED = DrawTable(0.0, 1.0, np.full(2 * _SIDE + 1, UNDECIDED, dtype=np.int64), _ONE_MODE, _NO_BOUNDS)
"""The table of no modes."""


@kernel
def look_up(
    x: NDArray[np.float64],
    draws: NDArray[np.float64],
    table: DrawTable,
    numbers: NDArray[np.float64],
    modes: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> int:
    """Write the mode that each draw leads to, or UNDECIDED; return how many are so, and write to `rows` which.

    All arrays have shape (n,); `numbers` is room to work in.
    """
    _find_cells(x, table, numbers, modes)
    patterns = numbers.view(np.int64)
    divided = 0
    for i in range(x.size):
        modes[i] = table.cells[modes[i]]
        rows[divided] = i
        divided += modes[i] < 0
    for j in range(divided):
        i = rows[j]
        shift = _TOP_SHIFT
        while modes[i] < 0:
            shift -= _CHILD_BITS
            modes[i] = table.cells[~modes[i] + ((patterns[i] >> shift) & (_CHILDREN - 1))]
    open_ones = 0
    for i in range(x.size):
        entry = modes[i]
        modes[i] = table.modes[entry, int(draws[i] * DRAWS)]
        if modes[i] == UNDECIDED:
            modes[i] = _between(draws[i], table.certain[entry])
            rows[open_ones] = i
            open_ones += modes[i] == UNDECIDED
    return open_ones


@kernel
def _find_cells(
    x: NDArray[np.float64], table: DrawTable, numbers: NDArray[np.float64], cells: NDArray[np.int64]
) -> None:
    """Write the numbers 1 + |y|, and the outermost cells, by which `table.cells` begins."""
    scale(x, table.center, table.inverse_scale, numbers, cells)
    patterns = numbers.view(np.int64)
    for i in range(x.size):
        from_center = (patterns[i] >> _TOP_SHIFT) - _ONE
        cell = _SIDE - 1 - from_center if cells[i] else _SIDE + from_center
        cells[i] = cell if from_center < _SIDE else 2 * _SIDE


@kernel
def _between(draw: float, certain: NDArray[np.float64]) -> int:
    """Return the mode that is certain for a draw by a cell's bounds, (n_gaussians, 2), or UNDECIDED."""
    for k in range(certain.shape[0]):
        if draw < certain[k, 0]:
            return k
        if draw < certain[k, 1]:
            return UNDECIDED
    return UNDECIDED


def draw_table(modes: ModeTable) -> DrawTable:
    """Return the table of a model's modes; it decides nothing where there are no Gaussian modes, or too many."""
    if not 0 < modes.n_gaussians < UNDECIDED - modes.lows.size or modes.floor > 0.0:
        return NOTHING_DECIDED
    outermost = 2 * _SIDE
    cells = np.empty(outermost + 1 + _CHILDREN * _MOST_DIVIDED, dtype=np.int64)
    cells[outermost] = UNDECIDED
    weights = np.exp(modes.log_factors) * modes.half_widths / HALF_WIDTH_STDS
    center, exponent = _center_and_scale(modes, weights)
    rows, bounds = [_ONE_MODE], [np.broadcast_to(_NO_BOUNDS, (DRAWS, modes.n_gaussians, 2))]
    n_rows, size, shift = DRAWS, outermost + 1, _TOP_SHIFT
    entries = np.arange(outermost)
    sides = np.where(entries < _SIDE, -1.0, 1.0)
    patterns = (np.where(entries < _SIDE, _SIDE - 1 - entries, entries - _SIDE) + _ONE) << shift
    while entries.size:
        decided = np.empty((entries.size, DRAWS), dtype=np.uint8)
        certain, gains = np.empty((entries.size, modes.n_gaussians, 2)), np.empty(entries.size)
        decide(sides, patterns, 1 << shift, center, 2.0**exponent, modes, weights, decided, certain, gains)
        divided = _most_worthwhile(gains, (cells.size - size) // _CHILDREN if shift >= _CHILD_BITS else 0)
        mixed = ~divided & (decided != decided[:, :1]).any(axis=1)
        cells[entries] = decided[:, 0]
        cells[entries[mixed]] = n_rows + np.arange(np.count_nonzero(mixed))
        rows.append(decided[mixed])
        bounds.append(certain[mixed])
        n_rows += len(rows[-1])
        first_children = size + _CHILDREN * np.arange(np.count_nonzero(divided))
        cells[entries[divided]] = ~first_children
        size += _CHILDREN * first_children.size
        shift -= _CHILD_BITS
        entries = (first_children[:, np.newaxis] + np.arange(_CHILDREN)).ravel()
        patterns = (patterns[divided][:, np.newaxis] + (np.arange(_CHILDREN) << max(shift, 0))).ravel()
        sides = np.repeat(sides[divided], _CHILDREN)
    return DrawTable(center, 2.0**-exponent, cells[:size].copy(), np.concatenate(rows), np.concatenate(bounds))


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

"""A lookup table from coordinate and draw to mode, which decides nearly all rows without an exp.

Coordinates are divided into cells by the bits of 1 + |y|, like the grid of a sketch, and cells into
16 smaller ones where that pays. For each cell there are bounds of what evaluating the cumulative
probabilities of the modes can give anywhere in it. So in most of 256 equal ranges of draws one mode
is certain, and the table holds it. A draw in another range is compared with the bounds of its cell,
and evaluated if these leave it undecided.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coding.draw_bounds import DRAWS, UNDECIDED, decide
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes.mode_table import ModeTable
from gmm_pipeline.core.modes.modes import HALF_WIDTH_STDS
from gmm_pipeline.core.sketch.grid import pattern_of
from gmm_pipeline.core.sketch.robust_scale import center_and_scale

_CELL_BITS, _CHILD_BITS = 8, 4
"""2**8 cells per octave and side, each divided into 2**4 children where that pays.

Cells and children take 80 kB and so stay, with the modes in use, in a core's second-level cache.
"""
_OCTAVES = 32
"""Octaves on each side of the centre; rows further than 2**32 scales out are evaluated."""
_CELL_SHIFT = 52 - _CELL_BITS
"""The bits of 1 + |y| below the cell number; float64 has 52 mantissa bits."""
_ONE = 1023 << _CELL_BITS
"""The cell number of 1.0, whose biased exponent is 1023: the innermost cell of a side."""
_SIDE = _OCTAVES << _CELL_BITS
"""Cells of each side."""
_BEYOND = 2 * _SIDE
"""The cell of all coordinates beyond the others."""
_CHILDREN = 1 << _CHILD_BITS
_MOST_DIVIDED = 256
"""Most cells that are divided: bounds the size of the table and the time to build it."""
_WORTHWHILE = 2.0**-16
"""Cells are divided if that might decide this share of all rows: less is not worth 16 entries."""


class DrawTable(NamedTuple):
    """The modes that draws select in each cell.

    `cells` has the row in `modes` of each cell, negative side first, then of all coordinates
    beyond; an entry below 0 stands for 16 children, which start at the entry's complement. `modes`,
    (n, DRAWS), is indexed by the first bits of the draw. `certain`, (n, n_gaussians, 2), has the
    bounds between the modes as written by `decide`.
    """

    center: float
    inverse_scale: float
    cells: NDArray[np.int32]
    modes: NDArray[np.uint8]
    certain: NDArray[np.float64]


_ONE_MODE = np.repeat(np.arange(DRAWS, dtype=np.uint8)[:, np.newaxis], DRAWS, axis=1)
"""Row k is that of cells where all draws select mode k; in the last one nothing is decided."""
_NO_BOUNDS = np.broadcast_to(np.array([0.0, 1.0]), (DRAWS, 1, 2)).copy()
"""No draw is certain: every mode may be the one for all draws from 0 to 1."""
NOTHING_DECIDED = DrawTable(
    0.0, 1.0, np.full(_BEYOND + 1, UNDECIDED, dtype=np.int32), _ONE_MODE, _NO_BOUNDS
)
"""The table that decides nothing, of no modes."""


@kernel
def look_up(
    x: NDArray[np.float64],
    draws: NDArray[np.float64],
    table: DrawTable,
    patterns: NDArray[np.int64],
    modes: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> int:
    """Write the mode of each row, or UNDECIDED; return the number undecided, `rows` gets which.

    All arrays have shape (n,); `patterns` is scratch space.
    """
    _find_cells(x, table, patterns, modes, rows)
    n_undecided = 0
    for i in range(x.size):
        entry = modes[i]
        # One byte of the table decides most rows.
        modes[i] = table.modes[entry, int(draws[i] * DRAWS)]
        if modes[i] == UNDECIDED:
            modes[i] = _between(draws[i], table.certain[entry])
            rows[n_undecided] = i
            n_undecided += modes[i] == UNDECIDED
    return n_undecided


@kernel
def _find_cells(
    x: NDArray[np.float64],
    table: DrawTable,
    patterns: NDArray[np.int64],
    cells: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> None:
    """Write the table row of each coordinate's cell; `patterns` and `rows` are scratch space."""
    for i in range(x.size):
        y = (x[i] - table.center) * table.inverse_scale
        patterns[i] = pattern_of(y)
        from_center = (patterns[i] >> _CELL_SHIFT) - _ONE
        cell = _SIDE - 1 - from_center if y < 0.0 else _SIDE + from_center
        cells[i] = table.cells[cell if from_center < _SIDE else _BEYOND]
    # Divided cells are few: their rows are collected without a branch, and looked up again.
    divided = 0
    for i in range(x.size):
        rows[divided] = i
        divided += cells[i] < 0
    shift = _CELL_SHIFT
    while divided > 0:
        shift -= _CHILD_BITS
        still_divided = 0
        for j in range(divided):
            i = rows[j]
            cells[i] = table.cells[~cells[i] + ((patterns[i] >> shift) & (_CHILDREN - 1))]
            rows[still_divided] = i
            still_divided += cells[i] < 0
        divided = still_divided


@kernel
def _between(draw: float, certain: NDArray[np.float64]) -> int:
    """Return the mode that bounds, (n_gaussians, 2), make certain for a draw, or UNDECIDED."""
    for k in range(certain.shape[0]):
        if draw < certain[k, 0]:
            return k
        if draw < certain[k, 1]:
            return UNDECIDED
    return UNDECIDED


def draw_table(modes: ModeTable) -> DrawTable:
    """Return the table of a model's modes.

    It decides nothing for models without Gaussian modes, with too many for uint8, or with a
    probability floor.
    """
    # Modes and tails are numbered in uint8; a floor changes cumulative probabilities in ways
    # that the bounds do not cover.
    if not 0 < modes.n_gaussians < UNDECIDED - modes.lows.size or modes.floor > 0.0:
        return NOTHING_DECIDED
    cells = np.empty(_BEYOND + 1 + _CHILDREN * _MOST_DIVIDED, dtype=np.int32)
    cells[_BEYOND] = UNDECIDED
    weights = np.exp(modes.log_factors) * modes.half_widths / HALF_WIDTH_STDS
    center, exponent = _center_and_scale(modes, weights)
    rows, bounds = [_ONE_MODE], [np.broadcast_to(_NO_BOUNDS, (DRAWS, modes.n_gaussians, 2))]
    n_rows, n_divided, end = DRAWS, 0, _BEYOND + 1
    # At first, 16 neighbouring cells are decided together: if one mode is certain in all of them,
    # that takes a 16th of the time.
    entries, sides, patterns, shift = *_families(), _CELL_SHIFT + _CHILD_BITS
    while entries.size:
        decided = np.empty((sides.size, DRAWS), dtype=np.uint8)
        certain, gains = np.empty((sides.size, modes.n_gaussians, 2)), np.empty(sides.size)
        decide(
            sides,
            patterns,
            1 << shift,
            center,
            2.0**exponent,
            modes,
            weights,
            decided,
            certain,
            gains,
        )
        divided = _most_worthwhile(gains, _MOST_DIVIDED - n_divided if shift >= _CHILD_BITS else 0)
        # Cells with one mode for all draws share the rows of _ONE_MODE.
        mixed = ~divided & (decided != decided[:, :1]).any(axis=1)
        cells[entries] = decided[:, :1]
        cells[entries[mixed]] = n_rows + np.arange(np.count_nonzero(mixed))[:, np.newaxis]
        rows.append(decided[mixed])
        bounds.append(certain[mixed])
        n_rows += len(rows[-1])
        n_divided += int(np.count_nonzero(divided))
        shift -= _CHILD_BITS
        children = entries[divided]
        if children.shape[1] == 1:
            first_children = end + _CHILDREN * np.arange(len(children))
            cells[children[:, 0]] = ~first_children
            children = first_children[:, np.newaxis] + np.arange(_CHILDREN)
            end += children.size
        entries = children.reshape(-1, 1)
        patterns = (
            patterns[divided][:, np.newaxis] + (np.arange(_CHILDREN) << max(shift, 0))
        ).ravel()
        sides = np.repeat(sides[divided], _CHILDREN)
    return DrawTable(
        center, 2.0**-exponent, cells[:end].copy(), np.concatenate(rows), np.concatenate(bounds)
    )


def _families() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return groups of 16 neighbouring cells, (n, 16), with their side and first pattern, (n,)."""
    from_center = np.arange(_SIDE).reshape(-1, _CHILDREN)
    cells = np.concatenate([_SIDE - 1 - from_center, _SIDE + from_center])
    sides = np.repeat([-1.0, 1.0], len(from_center))
    return cells, sides, np.tile((from_center[:, 0] + _ONE) << _CELL_SHIFT, 2)


def _center_and_scale(modes: ModeTable, weights: NDArray[np.float64]) -> tuple[float, int]:
    """Return a robust center and exponent of the modes, as if their rows were at mean ± std."""
    n = modes.n_gaussians
    stds = modes.half_widths[:n] / HALF_WIDTH_STDS
    around = np.concatenate([modes.means[:n] - stds, modes.means[:n] + stds])
    order = np.argsort(around, kind="stable")
    return center_and_scale(around[order], np.tile(weights[:n], 2)[order])


def _most_worthwhile(gains: NDArray[np.float64], most: int) -> NDArray[np.bool_]:
    """Select the cells to divide, shape (n,): those that gain most, if they gain enough."""
    divided = np.zeros(gains.size, dtype=np.bool_)
    best = np.argsort(-gains, kind="stable")[:most]
    divided[best[gains[best] > _WORTHWHILE]] = True
    return divided

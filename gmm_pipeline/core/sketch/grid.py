"""The fixed grid of a sketch: log-linear cells around a centre, over the whole real line.

With y = (x − center) / 2**exponent, the cells of a side are the values of 1 + |y| that share their
binary exponent and their leading mantissa bits. Their widths are equal for |y| < 1, then double
with every doubling of 1 + |y|. Finding a cell takes a subtraction, a scaling by a power of two and
a shift of bits: all are exactly rounded, so every machine finds the same cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.sketch.robust_scale import center_and_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_BITS = 10
"""Cells per octave and side: 2**10, so that a cell spans at most a thousandth of 1 + |y|."""
OFFSET_BITS = 15
"""Offsets within a cell are multiples of 2**-15 of its width.

Their squares take 30 bits, so int64 holds the sum of squares of 2**33 rows.
"""
OCTAVES = 500
"""Octaves on each side: squares of values within them are finite."""
CELLS = 2 * OCTAVES << CELL_BITS
"""Cells of a grid: negative side first, then positive."""

_ONE = 1023 << CELL_BITS
"""The cell number of 1.0, whose biased exponent is 1023: the innermost cell of a side."""
_CELL_SHIFT = 52 - CELL_BITS
"""The bits of 1 + |y| below the cell number; float64 has 52 mantissa bits."""
_OFFSET_SHIFT = _CELL_SHIFT - OFFSET_BITS
_OFFSET_MASK = (1 << OFFSET_BITS) - 1
_SIDE = OCTAVES << CELL_BITS
"""Cells of each side."""


@dataclass(frozen=True)
class Grid:
    """A grid around `center`, whose innermost cells have width 2**(exponent − CELL_BITS)."""

    center: float
    exponent: int

    @classmethod
    def around(cls, values: NDArray[np.float64], weights: NDArray[np.float64]) -> Grid:
        """Centre and scale a grid by a sample of sorted values and their weights, both (n,)."""
        return cls(*center_and_scale(values, weights))

    def cells_and_offsets(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the cells of finite values and their offsets there, both of shape (n,).

        Offsets count units of 2**-OFFSET_BITS of a cell's width.
        """
        cells, offsets = (
            np.empty(values.size, dtype=np.int64),
            np.empty(values.size, dtype=np.int64),
        )
        find_cells(values, self.center, 2.0**-self.exponent, cells, offsets)
        return cells, offsets

    def edges(self, cells: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return each cell's edge nearer to the centre and its signed width, both of shape (n,)."""
        # Cells are numbered by increasing value; from_center numbers them outwards on each side.
        side = np.where(cells < _SIDE, -1.0, 1.0)
        from_center = np.where(cells < _SIDE, _SIDE - 1 - cells, cells - _SIDE) + _ONE
        # The edges are the numbers whose remaining mantissa bits are 0.
        inner = (from_center << _CELL_SHIFT).view(np.float64)
        outer = ((from_center + 1) << _CELL_SHIFT).view(np.float64)
        return self.center + side * np.ldexp(inner - 1.0, self.exponent), side * np.ldexp(
            outer - inner, self.exponent
        )


@kernel
def pattern_of(y: float) -> int:
    """Return the bits of 1 + |y|; their leading part numbers the cells of a side."""
    return int(np.float64(1.0 + abs(y)).view(np.int64))


@kernel
def find_cells(
    values: NDArray[np.float64],
    center: float,
    inverse_scale: float,
    cells: NDArray[np.integer],
    offsets: NDArray[np.integer],
) -> None:
    """Write the cell and the offset of each finite value; all arrays have shape (n,).

    The outermost cells take all values beyond the grid.
    """
    for i in range(values.size):
        y = (values[i] - center) * inverse_scale
        # The bits of a positive float are ordered as the numbers are, so a shift finds the cell.
        pattern = pattern_of(y)
        from_center = min((pattern >> _CELL_SHIFT) - _ONE, _SIDE - 1)
        cells[i] = _SIDE - 1 - from_center if y < 0.0 else _SIDE + from_center
        offsets[i] = (pattern >> _OFFSET_SHIFT) & _OFFSET_MASK

"""The kernel of decoding: coordinates and atoms of rows from their values and ranks."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.mode_table import ModeTable, coordinate_in_mode
from gmm_pipeline.core.sketch.atom_index import NO_ATOM

Within = Literal["range", "type"]
"""What decoded numbers stay within: the range of the fitted rows, or what their type can hold."""


def default_within(model: ColumnModel) -> Within:
    """Return what a model's decoded numbers stay within, unless it is said.

    Encoded rows lie within the fitted range, so the bound changes generated rows only. With
    out_of_range = keep, encoded rows may lie beyond it.
    """
    return "type" if model.rules.out_of_range == "keep" else "range"


def decoded_range(model: ColumnModel, within: Within) -> tuple[float, float]:
    """Return the smallest and largest coordinate that continuous modes decode to."""
    return model.range if model.n_continuous and within == "range" else (-math.inf, math.inf)


class RankTable(NamedTuple):
    """What each rank decodes to, in arrays of shape (n_modes,), so that no row needs a branch.

    `modes` has its mode; `means` and `half_widths` are those of a Gaussian mode, and 0 for others;
    `atoms` has the number of an atom, and `NO_ATOM` for others.
    """

    modes: NDArray[np.int64]
    means: NDArray[np.float64]
    half_widths: NDArray[np.float64]
    is_tail: NDArray[np.bool_]
    atoms: NDArray[np.int32]

    @classmethod
    def of(cls, mode_of_rank: NDArray[np.int64], table: ModeTable) -> RankTable:
        """Look up the mode of each rank."""
        n_continuous = table.n_gaussians + table.lows.size
        is_gaussian = mode_of_rank < table.n_gaussians
        means, half_widths = np.zeros(mode_of_rank.size), np.zeros(mode_of_rank.size)
        means[is_gaussian] = table.means[mode_of_rank[is_gaussian]]
        half_widths[is_gaussian] = table.half_widths[mode_of_rank[is_gaussian]]
        atoms = np.maximum(mode_of_rank - n_continuous, NO_ATOM).astype(np.int32)
        return cls(
            mode_of_rank, means, half_widths, ~is_gaussian & (mode_of_rank < n_continuous), atoms
        )


@kernel
def decode(
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
    ranks: RankTable,
    table: ModeTable,
    low: float,
    high: float,
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
) -> None:
    """Write the coordinate and the atom of each row, (n,); that of an atom is meaningless.

    Coordinates beyond `low` and `high` become these.
    """
    for i in range(rank.size):
        x[i] = ranks.means[rank[i]] + ranks.half_widths[rank[i]] * value[i]
        atoms[i] = ranks.atoms[rank[i]]
    # Tails are rare and cost an exponential each: a second pass, only if the column has any.
    if table.lows.size > 0:
        for i in range(rank.size):
            if ranks.is_tail[rank[i]]:
                x[i] = coordinate_in_mode(np.float64(value[i]), ranks.modes[rank[i]], table)
    for i in range(x.size):
        x[i] = min(max(x[i], low), high)

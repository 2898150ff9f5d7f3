"""The kernels of encoding: values and ranks of rows from their coordinates and atoms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coding.draw_table import DrawTable, look_up
from gmm_pipeline.core.kernel import BLOCK, kernel
from gmm_pipeline.core.modes.mode_table import (
    ModeTable,
    most_likely_mode,
    sample_mode,
    value_in_mode,
)
from gmm_pipeline.core.uniform_draw import uniform


class Ranks(NamedTuple):
    """Ranks of the continuous modes, (n_continuous,), and of the atoms, (1 + n_atoms,).

    The rank of atom k is `atoms[k + 1]`, so that −1 (no atom) needs no branch; `atoms[0]` is
    meaningless.
    """

    continuous: NDArray[np.unsignedinteger]
    atoms: NDArray[np.unsignedinteger]

    @classmethod
    def of(cls, rank_of_mode: NDArray[np.unsignedinteger], n_continuous: int) -> Ranks:
        """Take the ranks of all modes, (n_modes,)."""
        return cls(
            rank_of_mode[:n_continuous].copy(),
            np.append(rank_of_mode[:1], rank_of_mode[n_continuous:]),
        )


@kernel
def encode_sampled(
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
    first_key: np.uint64,
    second_key: np.uint64,
    first_row: np.uint64,
    table: ModeTable,
    draws: DrawTable,
    ranks: Ranks,
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    """Write value and rank of each row, with the mode drawn; in blocks that stay in the cache."""
    probabilities = np.empty(table.means.size)
    coordinates, row_draws, patterns = (
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.empty(BLOCK, dtype=np.int64),
    )
    modes, positions = np.empty(BLOCK, dtype=np.int64), np.empty(BLOCK, dtype=np.int64)
    undecided = np.empty(BLOCK, dtype=np.int64)
    for start in range(0, x.size, BLOCK):
        end = min(start + BLOCK, x.size)
        n = _take_continuous(x[start:end], atoms[start:end], coordinates, positions)
        for j in range(n):
            row_draws[j] = uniform(
                first_key, second_key, first_row + np.uint64(start + positions[j])
            )
        n_undecided = look_up(
            coordinates[:n], row_draws[:n], draws, patterns[:n], modes[:n], undecided[:n]
        )
        # Few rows are left for the exponentials.
        for j in undecided[:n_undecided]:
            modes[j] = sample_mode(coordinates[j], row_draws[j], table, probabilities)
        _write(
            coordinates[:n],
            modes[:n],
            positions[:n],
            atoms[start:end],
            table,
            ranks,
            bound,
            value[start:end],
            rank[start:end],
        )


@kernel
def encode_most_likely(
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
    table: ModeTable,
    ranks: Ranks,
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    """Write value and rank of each row, with the most likely mode."""
    probabilities = np.empty(table.means.size)
    coordinates = np.empty(x.size)
    modes, positions = np.empty(x.size, dtype=np.int64), np.empty(x.size, dtype=np.int64)
    n = _take_continuous(x, atoms, coordinates, positions)
    for j in range(n):
        modes[j] = most_likely_mode(coordinates[j], table, probabilities)
    _write(coordinates[:n], modes[:n], positions[:n], atoms, table, ranks, bound, value, rank)


@kernel
def _take_continuous(
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
    coordinates: NDArray[np.float64],
    positions: NDArray[np.int64],
) -> int:
    """Write the coordinates of the rows that are no atoms, and their positions; return how many."""
    if atoms.size == 0:
        for i in range(x.size):
            coordinates[i], positions[i] = x[i], i
        return x.size
    n = 0
    for i in range(x.size):
        # Written always, counted only if it is no atom: without a branch on what is unpredictable.
        coordinates[n], positions[n] = x[i], i
        n += atoms[i] < 0
    return n


@kernel
def _write(
    coordinates: NDArray[np.float64],
    modes: NDArray[np.int64],
    positions: NDArray[np.int64],
    atoms: NDArray[np.int32],
    table: ModeTable,
    ranks: Ranks,
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    """Write value and rank of all rows, (n,), of which `positions` are in continuous modes."""
    if positions.size == value.size:
        _write_continuous(coordinates, modes, table, ranks, bound, value, rank)
        return
    write_atoms(atoms, ranks, value, rank)
    # Contiguous arrays first, so that the loops over continuous rows use vector instructions.
    own_values, own_ranks = (
        np.empty(positions.size, dtype=value.dtype),
        np.empty(positions.size, dtype=rank.dtype),
    )
    _write_continuous(coordinates, modes, table, ranks, bound, own_values, own_ranks)
    for j in range(positions.size):
        value[positions[j]], rank[positions[j]] = own_values[j], own_ranks[j]


@kernel
def _write_continuous(
    coordinates: NDArray[np.float64],
    modes: NDArray[np.int64],
    table: ModeTable,
    ranks: Ranks,
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    """Write value and rank of rows in Gaussian modes or tails."""
    for i in range(coordinates.size):
        rank[i] = ranks.continuous[modes[i]]
    if table.n_gaussians > 0:
        for i in range(coordinates.size):
            # Rows in tails are written too, by the last Gaussian mode, and overwritten below: the
            # loop has no branch then.
            mode = min(modes[i], table.n_gaussians - 1)
            in_gaussian = (coordinates[i] - table.means[mode]) / table.half_widths[mode]
            value[i] = min(max(in_gaussian, -bound), bound)
    n_in_tails = 0
    for i in range(coordinates.size):
        n_in_tails += modes[i] >= table.n_gaussians
    if n_in_tails > 0:
        for i in range(coordinates.size):
            if modes[i] >= table.n_gaussians:
                value[i] = min(max(value_in_mode(coordinates[i], modes[i], table), -bound), bound)


@kernel
def write_atoms(
    atoms: NDArray[np.int32],
    ranks: Ranks,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    """Write value and rank of rows that are atoms; what other rows get is overwritten later."""
    for i in range(atoms.size):
        value[i] = 0.0
        rank[i] = ranks.atoms[atoms[i] + 1]

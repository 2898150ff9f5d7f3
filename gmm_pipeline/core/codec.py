"""Encoding and decoding of rows by a column's ranked modes.

A row comes as a coordinate and an atom number (−1 where no atom holds the value) and is written as a value and a rank.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.draw import DrawKey, fill_uniforms
from gmm_pipeline.core.draw_table import NOTHING_DECIDED, DrawTable, draw_table, look_up
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mode_table import (
    ModeTable,
    coordinate_of,
    likeliest,
    mode_table,
    sampled,
    value_in,
)
from gmm_pipeline.core.modes import BOUND, ColumnModel

_BYTE, _SHORT = 1 << 8, 1 << 16
_BLOCK = 1 << 10
"""Rows that are worked on together."""


@kernel
def _encode_sampled(
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
    first_key: np.uint64,
    second_key: np.uint64,
    first_row: np.uint64,
    table: ModeTable,
    draws: DrawTable,
    rank_of_mode: NDArray[np.int64],
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    """Write value and rank of each row, its mode by a draw; in blocks that stay in the cache."""
    probabilities = np.empty(table.means.size)
    places, block_draws, numbers = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    modes, rows = np.empty(_BLOCK, dtype=np.int64), np.empty(_BLOCK, dtype=np.int64)
    for start in range(0, x.size, _BLOCK):
        end = min(start + _BLOCK, x.size)
        n = end - start
        for i in range(n):
            places[i] = x[start + i] if atoms[start + i] < 0 else draws.center
        if table.n_gaussians + table.lows.size > 0:
            fill_uniforms(first_key, second_key, first_row + np.uint64(start), block_draws[:n])
            left_open = look_up(places[:n], block_draws[:n], draws, numbers[:n], modes[:n], rows[:n])
            for i in rows[:left_open]:
                if atoms[start + i] < 0:
                    modes[i] = sampled(places[i], block_draws[i], table, probabilities)
        _write(places[:n], atoms[start:end], modes[:n], table, rank_of_mode, bound, value[start:end], rank[start:end])


@kernel
def _encode_likeliest(
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
    table: ModeTable,
    rank_of_mode: NDArray[np.int64],
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    """Write value and rank of each row, its mode the likeliest one."""
    probabilities = np.empty(table.means.size)
    modes = np.empty(x.size, dtype=np.int64)
    for i in range(x.size):
        modes[i] = likeliest(x[i], table, probabilities) if atoms[i] < 0 else 0
    _write(x, atoms, modes, table, rank_of_mode, bound, value, rank)


@kernel
def _write(
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
    modes: NDArray[np.int64],
    table: ModeTable,
    rank_of_mode: NDArray[np.int64],
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    """Write value and rank of rows in their modes; `modes` is looked at where no atom holds the value."""
    n_gaussians, n_continuous = table.n_gaussians, table.n_gaussians + table.lows.size
    for i in range(x.size):
        modes[i] = modes[i] if atoms[i] < 0 else n_continuous + atoms[i]
        rank[i] = rank_of_mode[modes[i]]
    if n_gaussians == 0:
        value[:] = 0.0
    else:
        for i in range(x.size):
            mode = min(modes[i], n_gaussians - 1)
            in_gaussian = (x[i] - table.means[mode]) / table.half_widths[mode]
            value[i] = min(max(in_gaussian, -bound), bound) if modes[i] < n_gaussians else 0.0
    if n_gaussians < n_continuous:
        for i in range(x.size):
            if n_gaussians <= modes[i] < n_continuous:
                value[i] = min(max(value_in(x[i], modes[i], table), -bound), bound)


@kernel
def _decode(
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
    mode_of_rank: NDArray[np.int64],
    table: ModeTable,
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
) -> None:
    n_continuous = table.n_gaussians + table.lows.size
    for i in range(rank.size):
        mode = mode_of_rank[rank[i]]
        if mode < n_continuous:
            x[i] = coordinate_of(np.float64(value[i]), mode, table)
            atoms[i] = -1
        else:
            x[i] = 0.0
            atoms[i] = mode - n_continuous


def rank_dtype(n_modes: int) -> np.dtype[np.unsignedinteger]:
    """Return the narrowest unsigned dtype for the ranks of so many modes."""
    return np.dtype(np.uint8 if n_modes <= _BYTE else np.uint16 if n_modes <= _SHORT else np.uint32)


class RowCodec:
    """Encodes and decodes rows of one column.

    Parameters
    ----------
    model : ColumnModel
    mode_of_rank : int64 array of shape (n_modes,)
        The mode of each rank.
    """

    def __init__(self, model: ColumnModel, mode_of_rank: NDArray[np.int64]) -> None:
        self._model = model
        self._table = mode_table(model)
        self._draws = draw_table(self._table)
        self._key = DrawKey.of(model.rules.seed, model.column)
        self._mode_of_rank = mode_of_rank
        self._rank_of_mode = np.argsort(mode_of_rank)
        self._bound = BOUND if model.rules.extremes == "clip" and not model.tails else np.inf
        self.value_dtype: np.dtype[np.floating] = np.dtype(model.rules.value_dtype)
        self.n_modes = model.n_modes
        self.rank_dtype = rank_dtype(model.n_modes)

    @property
    def is_continuous(self) -> NDArray[np.bool_]:
        """Whether the mode of each rank is a Gaussian one or a tail, shape (n_modes,)."""
        continuous: NDArray[np.bool_] = self._mode_of_rank < self._model.n_continuous
        return continuous

    @property
    def half_width_of_rank(self) -> NDArray[np.float64]:
        """Half of the range of coordinates that a mode is made for, by rank; 0 for atoms. Shape (n_modes,)."""
        tails = np.array([tail.half_width for tail in self._model.tails], dtype=np.float64)
        gaussians = self._table.half_widths[: len(self._model.gaussians)]
        atoms = np.zeros(self.n_modes - self._model.n_continuous)
        return np.concatenate([gaussians, tails, atoms])[self._mode_of_rank]

    def encode(
        self, x: NDArray[np.float64], atoms: NDArray[np.int32], first_row: int
    ) -> tuple[NDArray[np.floating], NDArray[np.unsignedinteger]]:
        """Return value and rank of consecutive rows, each of shape (n,).

        Parameters
        ----------
        x : float64 array of shape (n,)
            Coordinates; read only where no atom holds the value.
        atoms : int32 array of shape (n,)
            Atom numbers, −1 for none; a column without other modes has one for each row.
        first_row : int
            The number of the first row within the column.
        """
        return self._encode(x, atoms, first_row, self._draws)

    def encode_plainly(
        self, x: NDArray[np.float64], atoms: NDArray[np.int32], first_row: int
    ) -> tuple[NDArray[np.floating], NDArray[np.unsignedinteger]]:
        """Return what `encode` does, with the modes' probabilities evaluated for each row: what that is checked by."""
        return self._encode(x, atoms, first_row, NOTHING_DECIDED)

    def _encode(
        self, x: NDArray[np.float64], atoms: NDArray[np.int32], first_row: int, draws: DrawTable
    ) -> tuple[NDArray[np.floating], NDArray[np.unsignedinteger]]:
        value = np.empty(x.size, dtype=self.value_dtype)
        rank = np.empty(x.size, dtype=self.rank_dtype)
        if self._model.rules.mode_choice == "sample":
            keys = (np.uint64(self._key.first), np.uint64(self._key.second), np.uint64(first_row))
            _encode_sampled(x, atoms, *keys, self._table, draws, self._rank_of_mode, self._bound, value, rank)
        else:
            _encode_likeliest(x, atoms, self._table, self._rank_of_mode, self._bound, value, rank)
        return value, rank

    def decode(
        self, value: NDArray[np.floating], rank: NDArray[np.unsignedinteger]
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return coordinates and atom numbers of rows, each of shape (n,); ranks have to be below n_modes."""
        x = np.empty(rank.size, dtype=np.float64)
        atoms = np.empty(rank.size, dtype=np.int32)
        _decode(value, rank, self._mode_of_rank, self._table, x, atoms)
        return x, atoms

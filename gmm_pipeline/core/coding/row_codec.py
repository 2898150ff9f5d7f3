"""Encode and decode rows of one column by its ranked modes.

A row comes as a coordinate and an atom number (−1 if the value is no atom) and is written as a
value and a rank.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coding.decode_rows import (
    RankTable,
    Within,
    decode,
    decoded_range,
    default_within,
)
from gmm_pipeline.core.coding.draw_table import NOTHING_DECIDED, DrawTable, draw_table
from gmm_pipeline.core.coding.encode_rows import (
    Ranks,
    encode_most_likely,
    encode_sampled,
    write_atoms,
)
from gmm_pipeline.core.kernel import read_only
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.mode_table import mode_table
from gmm_pipeline.core.modes.modes import BOUND
from gmm_pipeline.core.uniform_draw import DrawKey

_BYTE, _SHORT = 1 << 8, 1 << 16
"""Modes that uint8 and uint16 number."""

_LARGEST_VALUE = 8.0
"""Values of encoded rows lie within ±1, those of generative models near that. A model whose values
are beyond ±8, 32 standard deviations from the mean of a mode, has diverged.
"""


def rank_dtype(n_modes: int) -> np.dtype[np.unsignedinteger]:
    """Return the narrowest unsigned dtype for the ranks of `n_modes` modes."""
    return np.dtype(np.uint8 if n_modes <= _BYTE else np.uint16 if n_modes <= _SHORT else np.uint32)


class RowCodec:
    """Encodes and decodes rows of one column.

    Parameters
    ----------
    model : ColumnModel
    mode_of_rank : int64 array of shape (n_modes,)
        The mode of each rank.
    within : Within, optional
        What decoded numbers stay within; see `default_within`.
    """

    def __init__(
        self, model: ColumnModel, mode_of_rank: NDArray[np.int64], within: Within | None = None
    ) -> None:
        self._model = model
        self._table = mode_table(model)
        self._draws = draw_table(self._table)
        self._key = DrawKey.of(model.rules.seed, model.column)
        self._mode_of_rank = mode_of_rank
        # Modes with tails reach every value, so nothing has to be clipped.
        self._bound = BOUND if model.rules.extremes == "clip" and not model.tails else np.inf
        self.value_dtype: np.dtype[np.floating] = np.dtype(model.rules.value_dtype)
        self.n_modes = model.n_modes
        self.rank_dtype = rank_dtype(model.n_modes)
        self._ranks = Ranks.of(np.argsort(mode_of_rank).astype(self.rank_dtype), model.n_continuous)
        self._rank_table = RankTable.of(mode_of_rank, self._table)
        self._range = decoded_range(model, within or default_within(model))

    @property
    def is_continuous(self) -> NDArray[np.bool_]:
        """Whether the mode of each rank is a Gaussian mode or a tail, shape (n_modes,)."""
        continuous: NDArray[np.bool_] = self._mode_of_rank < self._model.n_continuous
        return continuous

    @property
    def largest_value(self) -> float:
        """The largest magnitude of a value that is decoded."""
        is_bounded = self._model.n_continuous and self._model.rules.out_of_range != "keep"
        return _LARGEST_VALUE if is_bounded else np.inf

    @property
    def half_width_of_rank(self) -> NDArray[np.float64]:
        """Half of the range of coordinates of each mode, by rank, shape (n_modes,); 0 for atoms."""
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
            Coordinates; only read where a row is no atom.
        atoms : int32 array of shape (n,) or (0,)
            Atom numbers, −1 for none; empty when no row is an atom. For columns whose modes are all
            atoms, every row has one.
        first_row : int
            The number of the first row within the column.
        """
        return self._encode(x, atoms, first_row, self._draws)

    def encode_without_table(
        self, x: NDArray[np.float64], atoms: NDArray[np.int32], first_row: int
    ) -> tuple[NDArray[np.floating], NDArray[np.unsignedinteger]]:
        """Return what `encode` does, with the modes' probabilities evaluated in every row.

        The tests compare `encode` with it.
        """
        return self._encode(x, atoms, first_row, NOTHING_DECIDED)

    def _encode(
        self, x: NDArray[np.float64], atoms: NDArray[np.int32], first_row: int, draws: DrawTable
    ) -> tuple[NDArray[np.floating], NDArray[np.unsignedinteger]]:
        value = np.empty(x.size, dtype=self.value_dtype)
        rank = np.empty(x.size, dtype=self.rank_dtype)
        if not self._model.n_continuous:
            write_atoms(atoms, self._ranks, value, rank)
        elif self._model.rules.mode_choice == "sample":
            keys = (np.uint64(self._key.first), np.uint64(self._key.second), np.uint64(first_row))
            rows = read_only(x), read_only(atoms)
            encode_sampled(*rows, *keys, self._table, draws, self._ranks, self._bound, value, rank)
        else:
            encode_most_likely(x, atoms, self._table, self._ranks, self._bound, value, rank)
        return value, rank

    def decode(
        self, value: NDArray[np.floating], rank: NDArray[np.unsignedinteger]
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return coordinates and atom numbers of rows, (n,) each; ranks are below n_modes."""
        x = np.empty(rank.size, dtype=np.float64)
        atoms = np.empty(rank.size, dtype=np.int32)
        decode(value, rank, self._rank_table, self._table, *self._range, x, atoms)
        return x, atoms

"""Encoding and decoding of rows by a column's ranked modes.

A row comes as a coordinate and an atom number (−1 where no atom holds the value) and is written as a value and a rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.draw import DrawKey, uniform
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes import HALF_WIDTH_STDS, REACH, ColumnModel

COARSEST = 2.0**20
"""A mode so many times wider than the mode nearest to a value, and than the distance to it, does not resolve it."""
_BYTE, _SHORT = 1 << 8, 1 << 16


@dataclass(frozen=True)
class Gaussians:
    """The Gaussian modes as arrays of shape (n,), ready for the kernels."""

    means: NDArray[np.float64]
    half_widths: NDArray[np.float64]
    log_factors: NDArray[np.float64]

    @classmethod
    def of(cls, model: ColumnModel) -> Gaussians:
        """Take the Gaussian modes of a model, in their order."""
        mixture = model.mixture()
        with np.errstate(divide="ignore"):
            log_factors = np.log(mixture.weights) - np.log(mixture.stds)
        return cls(mixture.means, HALF_WIDTH_STDS * mixture.stds, log_factors)


@kernel
def mode_probabilities(
    x: float,
    means: NDArray[np.float64],
    half_widths: NDArray[np.float64],
    log_factors: NDArray[np.float64],
    out: NDArray[np.float64],
) -> float:
    """Fill `out` with the modes' unnormalised posterior probabilities at x; return their sum.

    Modes that do not reach x have none, unless no mode reaches it. Nor has a mode so wide that it cannot resolve what
    is around the mode nearest to x; if no other reaches x, the nearest takes it.
    """
    nearest = np.argmin(np.abs(x - means))
    widest = COARSEST * max(abs(x - means[nearest]), half_widths[nearest])
    largest, largest_reaching = -np.inf, -np.inf
    too_wide = False
    for k in range(means.size):
        z = (x - means[k]) / half_widths[k]
        out[k] = log_factors[k] - 0.5 * (HALF_WIDTH_STDS * z) * (HALF_WIDTH_STDS * z)
        largest = max(largest, out[k])
        if abs(z) <= REACH and (half_widths[k] <= widest or k == nearest):
            largest_reaching = max(largest_reaching, out[k])
        elif abs(z) <= REACH:
            too_wide = True
    if largest == -np.inf:
        nearest = np.argmin(np.abs(x - means) / half_widths)
    if largest == -np.inf or (too_wide and largest_reaching == -np.inf):
        out[:] = 0.0
        out[nearest] = 1.0
        return 1.0
    reached = largest_reaching > -np.inf
    reference = largest_reaching if reached else largest
    total = 0.0
    for k in range(means.size):
        fitting = abs((x - means[k]) / half_widths[k]) <= REACH and (half_widths[k] <= widest or k == nearest)
        if reached and not fitting:
            out[k] = 0.0
        else:
            out[k] = np.exp(out[k] - reference)
        total += out[k]
    return total


@kernel
def _sampled(probabilities: NDArray[np.float64], total: float, draw: float) -> int:
    """Return the mode that the draw falls to."""
    threshold = draw * total
    cumulative = 0.0
    chosen = 0
    for k in range(probabilities.size):
        if probabilities[k] > 0.0:
            chosen = k
            cumulative += probabilities[k]
            if cumulative > threshold:
                break
    return chosen


@kernel
def _encode_sampled(
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
    first_key: np.uint64,
    second_key: np.uint64,
    first_row: np.uint64,
    means: NDArray[np.float64],
    half_widths: NDArray[np.float64],
    log_factors: NDArray[np.float64],
    rank_of_mode: NDArray[np.int64],
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    probabilities = np.empty(means.size)
    for i in range(x.size):
        if atoms[i] >= 0:
            value[i] = 0.0
            rank[i] = rank_of_mode[means.size + atoms[i]]
            continue
        total = mode_probabilities(x[i], means, half_widths, log_factors, probabilities)
        mode = _sampled(probabilities, total, uniform(first_key, second_key, first_row + np.uint64(i)))
        value[i] = min(max((x[i] - means[mode]) / half_widths[mode], -bound), bound)
        rank[i] = rank_of_mode[mode]


@kernel
def _encode_likeliest(
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
    means: NDArray[np.float64],
    half_widths: NDArray[np.float64],
    log_factors: NDArray[np.float64],
    rank_of_mode: NDArray[np.int64],
    bound: float,
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
) -> None:
    probabilities = np.empty(means.size)
    for i in range(x.size):
        if atoms[i] >= 0:
            value[i] = 0.0
            rank[i] = rank_of_mode[means.size + atoms[i]]
            continue
        mode_probabilities(x[i], means, half_widths, log_factors, probabilities)
        mode = np.argmax(probabilities)
        value[i] = min(max((x[i] - means[mode]) / half_widths[mode], -bound), bound)
        rank[i] = rank_of_mode[mode]


@kernel
def _decode(
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
    mode_of_rank: NDArray[np.int64],
    means: NDArray[np.float64],
    half_widths: NDArray[np.float64],
    x: NDArray[np.float64],
    atoms: NDArray[np.int32],
) -> None:
    for i in range(rank.size):
        mode = mode_of_rank[rank[i]]
        if mode < means.size:
            x[i] = means[mode] + half_widths[mode] * np.float64(value[i])
            atoms[i] = -1
        else:
            x[i] = 0.0
            atoms[i] = mode - means.size


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
        self._gaussians = Gaussians.of(model)
        self._key = DrawKey.of(model.seed, model.column)
        self._mode_of_rank = mode_of_rank
        self._rank_of_mode = np.argsort(mode_of_rank)
        self._bound = REACH if model.extremes == "clip" else np.inf
        self.value_dtype: np.dtype[np.floating] = np.dtype(model.value_dtype)
        self.n_modes = model.n_modes
        self.rank_dtype = rank_dtype(model.n_modes)

    @property
    def half_width_of_rank(self) -> NDArray[np.float64]:
        """The coordinate distance that a value of 1 stands for, by rank; 0 for atoms. Shape (n_modes,)."""
        widths = np.concatenate([self._gaussians.half_widths, np.zeros(len(self._model.atoms))])
        return widths[self._mode_of_rank]

    def encode(
        self, x: NDArray[np.float64], atoms: NDArray[np.int32], first_row: int
    ) -> tuple[NDArray[np.floating], NDArray[np.unsignedinteger]]:
        """Return value and rank of consecutive rows, each of shape (n,).

        Parameters
        ----------
        x : float64 array of shape (n,)
            Coordinates; read only where no atom holds the value.
        atoms : int32 array of shape (n,)
            Atom numbers, −1 for none.
        first_row : int
            The number of the first row within the column.
        """
        value = np.empty(x.size, dtype=self.value_dtype)
        rank = np.empty(x.size, dtype=self.rank_dtype)
        modes = (self._gaussians.means, self._gaussians.half_widths, self._gaussians.log_factors)
        if self._model.mode_choice == "sample":
            keys = (np.uint64(self._key.first), np.uint64(self._key.second), np.uint64(first_row))
            _encode_sampled(x, atoms, *keys, *modes, self._rank_of_mode, self._bound, value, rank)
        else:
            _encode_likeliest(x, atoms, *modes, self._rank_of_mode, self._bound, value, rank)
        return value, rank

    def decode(
        self, value: NDArray[np.floating], rank: NDArray[np.unsignedinteger]
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return coordinates and atom numbers of rows, each of shape (n,); ranks have to be below n_modes."""
        x = np.empty(rank.size, dtype=np.float64)
        atoms = np.empty(rank.size, dtype=np.int32)
        _decode(value, rank, self._mode_of_rank, self._gaussians.means, self._gaussians.half_widths, x, atoms)
        return x, atoms

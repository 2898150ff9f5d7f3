"""The order of a column's modes: most frequent first, by the frequencies that its sketch leads to expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.codec import Gaussians, mode_probabilities
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes import ColumnModel
from gmm_pipeline.core.sketch import Sketch


@dataclass(frozen=True)
class Ranking:
    """The ranks of a column's modes.

    Parameters
    ----------
    mode_of_rank : int64 array of shape (n_modes,)
        The mode of each rank.
    frequencies : float64 array of shape (n_modes,)
        The expected share of the column's rows, by rank.
    """

    mode_of_rank: NDArray[np.int64]
    frequencies: NDArray[np.float64]


def rank_modes(model: ColumnModel, sketch: Sketch) -> Ranking:
    """Rank the modes of a model by their expected frequency in the rows of a sketch, ties by mode number."""
    atom_shares = [atom.weight for atom in model.atoms]
    frequencies = np.concatenate([_gaussian_frequencies(model, sketch), atom_shares])
    order = np.argsort(-frequencies, kind="stable")
    return Ranking(order, frequencies[order])


def _gaussian_frequencies(model: ColumnModel, sketch: Sketch) -> NDArray[np.float64]:
    """Return the share of rows that each Gaussian mode is expected to get, shape (n_gaussians,)."""
    if not model.gaussians:
        return np.empty(0)
    points = sketch.points()
    modes = Gaussians.of(model)
    expect = _expect_sampled if model.mode_choice == "sample" else _expect_likeliest
    expected = np.zeros(modes.means.size)
    expect(points.positions, points.weights, modes.means, modes.half_widths, modes.log_factors, expected)
    return expected / sketch.rows


@kernel
def _expect_sampled(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    means: NDArray[np.float64],
    half_widths: NDArray[np.float64],
    log_factors: NDArray[np.float64],
    expected: NDArray[np.float64],
) -> None:
    probabilities = np.empty(means.size)
    for i in range(positions.size):
        total = mode_probabilities(positions[i], means, half_widths, log_factors, probabilities)
        for k in range(means.size):
            expected[k] += weights[i] * probabilities[k] / total


@kernel
def _expect_likeliest(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    means: NDArray[np.float64],
    half_widths: NDArray[np.float64],
    log_factors: NDArray[np.float64],
    expected: NDArray[np.float64],
) -> None:
    probabilities = np.empty(means.size)
    for i in range(positions.size):
        mode_probabilities(positions[i], means, half_widths, log_factors, probabilities)
        expected[np.argmax(probabilities)] += weights[i]

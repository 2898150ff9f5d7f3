"""The ranks of a column's modes: most frequent first, as expected from its sketch.

Ranks are fixed before any row is encoded, so they are the same for all rows and later tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.mode_table import (
    ModeTable,
    mode_probabilities,
    mode_table,
    most_likely_mode,
    tail_or_nearest_mode,
)
from gmm_pipeline.core.sketch.numbers import numbers_of
from gmm_pipeline.core.sketch.sketch import Sketch


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
    """Rank a model's modes by their expected frequency in a sketch's rows; ties by mode number."""
    frequencies = np.array([mode.weight for mode in model.modes], dtype=np.float64)
    if model.n_continuous:
        frequencies[: model.n_continuous] = _continuous_frequencies(model, sketch)
    # Stable: ties are broken by mode number, the same on every machine.
    order = np.argsort(-frequencies, kind="stable")
    return Ranking(order, frequencies[order])


def _continuous_frequencies(model: ColumnModel, sketch: Sketch) -> NDArray[np.float64]:
    """Return the expected share of rows of each Gaussian mode and tail, shape (n_continuous,)."""
    points = sketch.points(without=numbers_of(model.finite_values, sketch.numbers.values.dtype))
    expect = _expect_sampled if model.rules.mode_choice == "sample" else _expect_most_likely
    expected = np.zeros(model.n_continuous)
    expect(points.positions, points.weights, mode_table(model), expected)
    return expected / sketch.rows


@kernel
def _expect_sampled(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    table: ModeTable,
    expected: NDArray[np.float64],
) -> None:
    """Add the expected rows of each mode when modes are drawn by their probabilities."""
    probabilities = np.empty(table.means.size)
    for i in range(positions.size):
        total = mode_probabilities(positions[i], table, probabilities)
        if total == 0.0:
            expected[tail_or_nearest_mode(positions[i], table)] += weights[i]
            continue
        for k in range(table.n_gaussians):
            expected[k] += weights[i] * probabilities[k] / total


@kernel
def _expect_most_likely(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    table: ModeTable,
    expected: NDArray[np.float64],
) -> None:
    """Add the rows of each mode when every row takes its most likely mode."""
    probabilities = np.empty(table.means.size)
    for i in range(positions.size):
        expected[most_likely_mode(positions[i], table, probabilities)] += weights[i]

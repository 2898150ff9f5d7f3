"""Which components of a fitted mixture become Gaussian modes; the others are dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.fit_mixture import FEW_ROWS
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.modes.modes import HALF_WIDTH_STDS, REACH
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

ComponentSelector: TypeAlias = Callable[[Mixture, WeightedPoints], NDArray[np.bool_]]
"""Selects the components of a mixture, given the points of its fit; shape (n_components,)."""


def all_components(mixture: Mixture, points: WeightedPoints) -> NDArray[np.bool_]:
    """Select all components."""
    del points
    return np.ones(mixture.n_components, dtype=np.bool_)


def supported_components(mixture: Mixture, points: WeightedPoints) -> NDArray[np.bool_]:
    """Select components that reach at least `FEW_ROWS` rows.

    A component on a far outlier alone is not a mode of the column: a tail takes such rows.
    """
    rows = points.weights @ _reaches(mixture, points)
    # At least one has to stay, or nothing could encode the rows.
    kept: NDArray[np.bool_] = (rows >= FEW_ROWS) | (rows == rows.max())
    return kept


def heavy_components(
    mixture: Mixture, points: WeightedPoints, min_weight: float
) -> NDArray[np.bool_]:
    """Select components of more than `min_weight`, and always the heaviest."""
    del points
    # Just below the largest weight, so that the comparison keeps that component.
    kept: NDArray[np.bool_] = mixture.weights > min(
        min_weight, np.nextafter(mixture.weights.max(), 0.0)
    )
    return kept


def most_likely_components(
    mixture: Mixture, points: WeightedPoints, min_weight: float
) -> NDArray[np.bool_]:
    """Select heavy components that are the most likely ones at some point; else all heavy ones."""
    heavy = heavy_components(mixture, points, min_weight)
    winners = np.argmax(mixture.weighted_log_densities(points.positions), axis=1)
    kept = heavy & np.isin(np.arange(mixture.n_components), winners)
    return kept if kept.any() else heavy


def reached_points(mixture: Mixture, points: WeightedPoints) -> WeightedPoints:
    """Return the points that any component reaches; the others are for tails."""
    reached = _reaches(mixture, points).any(axis=1)
    return WeightedPoints(
        points.positions[reached], points.weights[reached], points.spreads[reached]
    )


def _reaches(mixture: Mixture, points: WeightedPoints) -> NDArray[np.bool_]:
    """Return which components reach which points, shape (n, n_components)."""
    with np.errstate(over="ignore"):
        distances = np.abs(points.positions[:, np.newaxis] - mixture.means) / (
            HALF_WIDTH_STDS * mixture.stds
        )
    reached: NDArray[np.bool_] = distances <= REACH
    return reached

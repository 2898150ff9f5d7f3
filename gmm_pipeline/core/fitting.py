"""Fitting a mixture to a sketch's points: restarts on a coarse summary, then refinement of the best on all points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.em import EMResult, expectation_maximisation
from gmm_pipeline.core.mixture import Mixture
from gmm_pipeline.core.points import WeightedPoints
from gmm_pipeline.core.starts import mixture_starts

START_POINTS = 400
START_ITER = 300
START_TOL = 1e-6
REFINEMENT_POINTS = 3000
"""Most of the refinement runs on about so many points with spreads; the last steps on all of them."""
VARIANCE_FLOOR = 1e-6
"""Smallest variance of a component, in units of the squared robust scale of the points."""


@dataclass(frozen=True)
class MixtureFit:
    """A fitted mixture and how it came about.

    Parameters
    ----------
    mixture : Mixture
        In the units of the points, components in the order of their means.
    mean_log_likelihood : float
        Per row, at the points' positions.
    history : array of shape (n_iter,)
        What EM maximised at each step of the refinement: a lower bound of the same for rows spread around the points.
    converged : bool
    n_points : int
        The number of points fitted.
    """

    mixture: Mixture
    mean_log_likelihood: float
    history: NDArray[np.float64]
    converged: bool
    n_points: int

    @property
    def n_iter(self) -> int:
        """Steps of the refinement."""
        return self.history.size


def fit_mixture(
    points: WeightedPoints,
    n_components: int,
    *,
    min_weight: float = 0.0,
    seed: int = 0,
    tol: float = 1e-7,
    max_iter: int = 1000,
) -> MixtureFit:
    """Fit a Gaussian mixture to weighted points.

    Parameters
    ----------
    points : WeightedPoints
        At least one of positive weight.
    n_components : int
        Fewer are fitted when there are fewer points.
    min_weight : float
        Components of a smaller weight are dropped and the others refined once more.
    seed : int
        Of the random starts.
    tol : float
        EM has converged when a step gains less mean log-likelihood per row.
    max_iter : int
        Of each refinement.
    """
    held = points.weights > 0
    if not held.all():
        points = WeightedPoints(points.positions[held], points.weights[held], points.spreads[held])
    standardised, center, exponent = points.standardised()
    mixture = _best_start(standardised, min(n_components, points.size), seed)
    result = _refine(standardised, mixture, tol, max_iter)
    history = result.history
    kept = result.mixture.weights >= min(min_weight, result.mixture.weights.max())
    if not kept.all():
        result = _refine(standardised, result.mixture.select(kept), tol, max_iter)
        history = np.concatenate([history, result.history])
    mean_log_likelihood = result.mixture.mean_log_likelihood(standardised.positions, standardised.weights)
    return MixtureFit(
        mixture=result.mixture.rescaled(center, exponent).sorted(),
        mean_log_likelihood=mean_log_likelihood - exponent * math.log(2),
        history=history - exponent * math.log(2),
        converged=result.converged,
        n_points=points.size,
    )


def _refine(points: WeightedPoints, start: Mixture, tol: float, max_iter: int) -> EMResult:
    """Run EM to convergence on a summary of the points first, where a step costs little, then on all of them."""
    summaries = [points] if points.size <= REFINEMENT_POINTS else [points.coarsened(REFINEMENT_POINTS), points]
    for summary in summaries:
        result = expectation_maximisation(summary, start, variance_floor=VARIANCE_FLOOR, tol=tol, max_iter=max_iter)
        start = result.mixture
    return result


def _best_start(points: WeightedPoints, n_components: int, seed: int) -> Mixture:
    """Return the mixture that short runs of EM from every start find best on a coarse summary of the points."""
    coarse = points.coarsened(START_POINTS)
    starts = mixture_starts(coarse, n_components, variance_floor=VARIANCE_FLOOR, seed=seed)
    results = [
        expectation_maximisation(coarse, start, variance_floor=VARIANCE_FLOOR, tol=START_TOL, max_iter=START_ITER)
        for start in starts
    ]
    return max(results, key=lambda result: result.mean_log_likelihood).mixture

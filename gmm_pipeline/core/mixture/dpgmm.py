"""Fit a variational Dirichlet-process mixture of Gaussians (`method = dpgmm`) to weighted points.

Coordinate ascent raises a lower bound of the evidence until it converges (Blei & Jordan, 2006).
Priors and the terms of the bound are those of scikit-learn's ``BayesianGaussianMixture``: on points
of weight 1 without spread, the same starting responsibilities give the same mixture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.fit_mixture import SEARCH_POINTS, MixtureFit
from gmm_pipeline.core.mixture.kmeans_starts import optimal_segments
from gmm_pipeline.core.mixture.variational import (
    Moments,
    Posterior,
    Prior,
    e_step,
    m_step,
    parameter_bound,
)
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints


@dataclass(frozen=True)
class DPGMMResult:
    """The result of coordinate ascent.

    Parameters
    ----------
    posterior : Posterior
        Components in the order of the starting responsibilities.
    history : array of shape (n_iter,)
        The lower bound per row after each step: scikit-learn's ``lower_bounds_``, divided by the
        number of rows.
    converged : bool
        Whether the last step changed the lower bound per row by less than `tol`.
    """

    posterior: Posterior
    history: NDArray[np.float64]
    converged: bool

    @property
    def lower_bound(self) -> float:
        """The last lower bound per row, without terms that are the same in all steps."""
        return float(self.history[-1])

    @property
    def n_iter(self) -> int:
        """The number of steps."""
        return self.history.size


def fit_dpgmm(
    points: WeightedPoints,
    n_components: int,
    *,
    tol: float = 1e-5,
    max_iter: int = 1000,
    weight_concentration_prior: float = 0.001,
    reg_covar: float = 1e-6,
) -> MixtureFit:
    """Fit a Dirichlet-process mixture to weighted points, from their best k-means partition.

    All components are returned, even those that the process left all but empty.

    Parameters
    ----------
    points : WeightedPoints
        At least one of positive weight.
    n_components : int
        Where the process is truncated. Fewer are fitted when there are fewer points.
    tol : float
        Converged when a step changes the lower bound per row by less. scikit-learn's `tol` is for
        the sum over all rows: its default, 1e-3, equals this one at 100 rows.
    max_iter : int
    weight_concentration_prior : float
        Of the process: the smaller, the fewer components hold most of the weight. 0.001 as in
        CTGAN.
    reg_covar : float
        Added to each component's variance, in units of the squared robust scale of the points;
        1e-6 as in scikit-learn.

    Returns
    -------
    MixtureFit
        The mixture of the expected weights, means and precisions, in the units of the points.
        `history` is the lower bound per row after each step, without terms that are the same in all
        steps.
    """
    points = points.nonempty()
    standardised, center, exponent = points.standardised()
    n_components = min(n_components, points.size)
    result = variational_dpgmm(
        standardised,
        _partition(standardised, n_components),
        tol=tol,
        max_iter=max_iter,
        weight_concentration_prior=weight_concentration_prior,
        reg_covar=reg_covar,
    )
    mixture = result.posterior.mixture
    log_scale = exponent * math.log(2)
    return MixtureFit(
        mixture=mixture.rescaled(center, exponent).sorted(),
        mean_log_likelihood=mixture.mean_log_likelihood(
            standardised.positions, standardised.weights
        )
        - log_scale,
        # The scale enters by the degrees of freedom: the rows, and one of the prior for each
        # component.
        history=result.history - log_scale * (1.0 + n_components / points.total_weight),
        converged=result.converged,
        n_points=points.size,
    )


def variational_dpgmm(
    points: WeightedPoints,
    responsibilities: NDArray[np.float64],
    *,
    tol: float,
    max_iter: int,
    weight_concentration_prior: float = 0.001,
    reg_covar: float = 1e-6,
) -> DPGMMResult:
    """Run coordinate ascent from responsibilities until it converges.

    Parameters
    ----------
    points : WeightedPoints
        At least one of positive weight.
    responsibilities : array of shape (n, n_components)
        Rows sum to 1.
    tol : float
        Converged when a step changes the lower bound per row by less; scikit-learn's `tol` is this
        one times the number of rows.
    max_iter : int
        At least 1.
    weight_concentration_prior : float
    reg_covar : float
        Added to each component's variance, in the squared unit of the points.
    """
    prior = Prior.of(points, weight_concentration_prior, reg_covar)
    posterior = m_step(prior, Moments.of(points, responsibilities))
    history: list[float] = []
    converged = False
    while len(history) < max_iter and not converged:
        moments, entropy = e_step(points, posterior)
        posterior = m_step(prior, moments)
        history.append(entropy + parameter_bound(posterior) / points.total_weight)
        converged = len(history) > 1 and abs(history[-1] - history[-2]) < tol
    return DPGMMResult(posterior, np.array(history), converged)


def _partition(points: WeightedPoints, n_components: int) -> NDArray[np.float64]:
    """Return the best k-means partition as responsibilities, 0 or 1, shape (n, n_components).

    It is found on a summary; then each point belongs to the nearest centre. Segments with more rows
    come first, as the stick-breaking prior expects (Kurihara, Welling & Teh, 2007).
    """
    coarse = points.coarsened(SEARCH_POINTS)
    segments = np.unique(optimal_segments(coarse.positions, coarse.weights, n_components))
    centers = np.add.reduceat(coarse.weights * coarse.positions, segments) / np.add.reduceat(
        coarse.weights, segments
    )
    # Segments end half-way between their centres, as k-means partitions do.
    nearest = np.searchsorted((centers[1:] + centers[:-1]) / 2, points.positions)
    by_size = np.argsort(-np.bincount(nearest, points.weights, n_components), kind="stable")
    responsibilities: NDArray[np.float64] = np.equal(nearest[:, np.newaxis], by_size).astype(
        np.float64
    )
    return responsibilities

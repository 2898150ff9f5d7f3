"""Expectation-maximisation on weighted points.

A point stands for a group of rows with a mean and a variance (its spread). All rows of a group share one
responsibility, so each step maximises a lower bound of the rows' log-likelihood; the bound is tight for groups without
spread, and it never falls. See McLachlan & Jones (1988) and Cadez et al. (2002) on EM for binned data, Neal & Hinton
(1998) on the bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mixture import Mixture
from gmm_pipeline.core.points import WeightedPoints

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
_NEGLIGIBLE = -40.0


@dataclass(frozen=True)
class EMResult:
    """Where EM arrived.

    Parameters
    ----------
    mixture : Mixture
    history : array of shape (n_iter,)
        The mean log-likelihood per row before each step.
    converged : bool
        Whether the last step gained less than the tolerance.
    """

    mixture: Mixture
    history: NDArray[np.float64]
    converged: bool

    @property
    def mean_log_likelihood(self) -> float:
        """The mean log-likelihood per row of the last mixture that was evaluated."""
        return float(self.history[-1])


@kernel
def _em_step(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    log_factors: NDArray[np.float64],
    means: NDArray[np.float64],
    half_precisions: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> float:
    """Accumulate Σr, the mean of d and Σr·(its variance + spread) of each component; return Σ log density.

    d is the distance from the component's mean. Means and variances are updated point by point (West, 1979), which
    loses no digits when a component moves far.
    """
    n_components = means.size
    terms = np.empty(n_components)
    sums[:] = 0.0
    total = 0.0
    for i in range(positions.size):
        if weights[i] == 0.0:
            continue
        largest = -np.inf
        for k in range(n_components):
            d = positions[i] - means[k]
            terms[k] = log_factors[k] - (d * d + spreads[i]) * half_precisions[k]
            largest = max(largest, terms[k])
        density = 0.0
        for k in range(n_components):
            above = terms[k] - largest
            terms[k] = np.exp(above) if above > _NEGLIGIBLE else 0.0
            density += terms[k]
        total += weights[i] * (largest + np.log(density))
        share = weights[i] / density
        for k in range(n_components):
            if terms[k] > 0.0:
                r = share * terms[k]
                d = positions[i] - means[k]
                sums[0, k] += r
                shift = (d - sums[1, k]) * (r / sums[0, k])
                sums[2, k] += r * ((d - sums[1, k]) * (d - sums[1, k] - shift) + spreads[i])
                sums[1, k] += shift
    return total


@kernel
def _run(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    shares: NDArray[np.float64],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
    variance_floor: float,
    tol: float,
    history: NDArray[np.float64],
) -> tuple[int, bool]:
    """Iterate in place of `shares`, `means` and `variances`; return the steps made and whether they converged."""
    total_weight = weights.sum()
    sums = np.empty((3, means.size))
    for step in range(history.size):
        log_factors = np.log(shares) - 0.5 * np.log(variances) - _LOG_SQRT_2PI
        total = _em_step(positions, weights, spreads, log_factors, means, 0.5 / variances, sums)
        history[step] = total / total_weight
        if step > 0 and history[step] - history[step - 1] < tol:
            return step + 1, True
        for k in range(means.size):
            shares[k] = sums[0, k] / total_weight
            if sums[0, k] > 0.0:
                means[k] += sums[1, k]
                variances[k] = max(sums[2, k] / sums[0, k], variance_floor)
    return history.size, False


def expectation_maximisation(
    points: WeightedPoints, start: Mixture, *, variance_floor: float, tol: float, max_iter: int
) -> EMResult:
    """Run EM from a start until a step gains less than `tol` in mean log-likelihood per row.

    Parameters
    ----------
    points : WeightedPoints
        At least one of positive weight.
    start : Mixture
    variance_floor : float
        No component gets a smaller variance.
    tol : float
    max_iter : int
    """
    shares, means = start.weights.copy(), start.means.copy()
    variances = np.maximum(np.square(start.stds), variance_floor)
    history = np.empty(max_iter)
    steps, converged = _run(
        points.positions, points.weights, points.spreads, shares, means, variances, variance_floor, tol, history
    )
    return EMResult(Mixture(shares, means, np.sqrt(variances)), history[:steps], converged)

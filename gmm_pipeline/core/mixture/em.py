"""Expectation-maximisation on weighted points.

A point stands for a group of rows with a mean and a variance (its spread). All rows of a group
share one responsibility, so each step maximises a lower bound of the rows' log-likelihood, which
never falls and is exact for groups without spread. See McLachlan & Jones (1988) and Cadez et al.
(2002) on EM for binned data, Neal & Hinton (1998) on the bound. After every two steps, SQUAREM
extrapolates, which crosses plateaus of the likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mixture.expectation import expectation
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.mixture.squarem import squarem_step, write_parameters
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

_STEPS_PER_EXTRAPOLATION = 2
"""SQUAREM extrapolates from three successive parameters, so from two steps of EM."""
_FIRST_MAX_LENGTH = 4.0
"""First limit of the extrapolation's length, in steps, and the factor by which the limit grows.

The default `mstep` of the R package SQUAREM.
"""


@dataclass(frozen=True)
class EMResult:
    """The result of EM.

    Parameters
    ----------
    mixture : Mixture
    history : array of shape (n_iter,)
        The mean log-likelihood per row before each step.
    converged : bool
        Whether the last step gained less than `tol`.
    """

    mixture: Mixture
    history: NDArray[np.float64]
    converged: bool

    @property
    def mean_log_likelihood(self) -> float:
        """The mean log-likelihood per row of the last mixture that was evaluated."""
        return float(self.history[-1])


@kernel
def _m_step(
    sums: NDArray[np.float64],
    total_weight: float,
    variance_floor: float,
    mixture: NDArray[np.float64],
) -> None:
    """Update weights, means and variances in place from the sums of the expectation step."""
    for k in range(mixture.shape[1]):
        mixture[0, k] = sums[0, k] / total_weight
        # A component without rows keeps its mean and variance, at weight 0.
        if sums[0, k] > 0.0:
            mixture[1, k] += sums[1, k]
            mixture[2, k] = max(sums[2, k] / sums[0, k], variance_floor)


@kernel
def _copy(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    """Copy the parameters of a mixture."""
    for j in range(source.shape[0]):
        for k in range(source.shape[1]):
            target[j, k] = source[j, k]


@kernel
def _run(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    mixture: NDArray[np.float64],
    variance_floor: float,
    tol: float,
    history: NDArray[np.float64],
) -> tuple[int, bool]:
    """Iterate in place of `mixture`, whose rows are weights, means and variances.

    Return the number of steps and whether they converged. After every two steps of EM an
    extrapolation is tried, and undone unless it gains more than `tol`.
    """
    total_weight = 0.0
    for i in range(weights.size):
        total_weight += weights[i]
    n_components = mixture.shape[1]
    sums, before_extrapolation, path = (
        np.empty((3, n_components)),
        np.empty((3, n_components)),
        np.empty((3, 3, n_components)),
    )
    max_length, length = _FIRST_MAX_LENGTH, 1.0
    n_recorded = 0
    step = 0
    while step < history.size:
        value = expectation(positions, weights, spreads, mixture, sums) / total_weight
        if length > 1.0:
            # `not >` instead of `<=`: a NaN is undone as well.
            if not value > history[step - 1] + max(tol, 0.0):
                _copy(before_extrapolation, mixture)
                max_length = max(0.5 * length, _FIRST_MAX_LENGTH)
                length = 1.0
                continue
            # As long as extrapolations succeed at full length, longer ones are tried.
            if length == max_length:
                max_length *= _FIRST_MAX_LENGTH
            length = 1.0
        history[step] = value
        step += 1
        # A plain step of EM gained little: the criterion is never met by an extrapolation, which
        # was undone above if it gained no more than `tol`.
        if step > 1 and value - history[step - 2] < tol:
            return step, True
        write_parameters(mixture, path[n_recorded])
        n_recorded += 1
        _m_step(sums, total_weight, variance_floor, mixture)
        if n_recorded == _STEPS_PER_EXTRAPOLATION and step < history.size:
            n_recorded = 0
            write_parameters(mixture, path[_STEPS_PER_EXTRAPOLATION])
            _copy(mixture, before_extrapolation)
            length = squarem_step(path, max_length, variance_floor, mixture)
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
        On the mean, not the sum: on the sum of a billion rows nothing would ever converge.
    max_iter : int
    """
    parameters = np.array(
        [start.weights, start.means, np.maximum(np.square(start.stds), variance_floor)]
    )
    history = np.empty(max_iter)
    steps, converged = _run(
        points.positions, points.weights, points.spreads, parameters, variance_floor, tol, history
    )
    shares, means, variances = parameters
    return EMResult(Mixture(shares, means, np.sqrt(variances)), history[:steps], converged)

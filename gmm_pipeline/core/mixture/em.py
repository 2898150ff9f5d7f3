"""Expectation-maximisation on weighted points.

A point stands for a group of rows with a mean and a variance (its spread). All rows of a group
share one responsibility, so each step maximises a lower bound of the rows' log-likelihood; the
bound is tight for groups without spread, and it never falls. See McLachlan & Jones (1988) and Cadez
et al. (2002) on EM for binned data, Neal & Hinton (1998) on the bound. Leaps between the steps
cross the plateaus of the likelihood.
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

_STEPS_BEFORE_LEAP = 2
_FIRST_REACH = 4.0


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
def _maximise(
    sums: NDArray[np.float64],
    total_weight: float,
    variance_floor: float,
    mixture: NDArray[np.float64],
) -> None:
    for k in range(mixture.shape[1]):
        mixture[0, k] = sums[0, k] / total_weight
        if sums[0, k] > 0.0:
            mixture[1, k] += sums[1, k]
            mixture[2, k] = max(sums[2, k] / sums[0, k], variance_floor)


@kernel
def _copy(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
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
    """Iterate in place of `mixture`, the rows of which are weights, means and variances.

    Return the steps made and whether they converged. After every two steps of EM a leap is tried;
    it is taken back unless it gains more than the tolerance.
    """
    total_weight = weights.sum()
    n_components = mixture.shape[1]
    sums, before_leap, path = (
        np.empty((3, n_components)),
        np.empty((3, n_components)),
        np.empty((3, 3, n_components)),
    )
    furthest, reach = _FIRST_REACH, 1.0
    noted = 0
    step = 0
    while step < history.size:
        value = expectation(positions, weights, spreads, mixture, sums) / total_weight
        if reach > 1.0:
            if not value > history[step - 1] + max(tol, 0.0):
                _copy(before_leap, mixture)
                furthest = max(0.5 * reach, _FIRST_REACH)
                reach = 1.0
                continue
            if reach == furthest:
                furthest *= _FIRST_REACH
            reach = 1.0
        history[step] = value
        step += 1
        if step > 1 and value - history[step - 2] < tol:
            return step, True
        write_parameters(mixture, path[noted])
        noted += 1
        _maximise(sums, total_weight, variance_floor, mixture)
        if noted == _STEPS_BEFORE_LEAP and step < history.size:
            noted = 0
            write_parameters(mixture, path[_STEPS_BEFORE_LEAP])
            _copy(mixture, before_leap)
            reach = squarem_step(path, furthest, variance_floor, mixture)
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
    parameters = np.array(
        [start.weights, start.means, np.maximum(np.square(start.stds), variance_floor)]
    )
    history = np.empty(max_iter)
    steps, converged = _run(
        points.positions, points.weights, points.spreads, parameters, variance_floor, tol, history
    )
    shares, means, variances = parameters
    return EMResult(Mixture(shares, means, np.sqrt(variances)), history[:steps], converged)

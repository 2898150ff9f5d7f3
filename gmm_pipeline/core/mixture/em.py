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
from gmm_pipeline.core.mixture.exponential import exponentials, logarithms
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.points import WeightedPoints

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
_NEGLIGIBLE = -40.0
_SMALLEST_SHARE = 1e-200
_LEAST_DIFFERENCE = 1e-5
_POINTS_AT_A_TIME = 256
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
def _expectation(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    mixture: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> float:
    """Accumulate Σr, the mean of d and Σr·(its variance + spread) of each component; return Σ log
    density.

    d is the distance from the component's mean.
    """
    pivots = mixture[1].copy()
    total = _accumulate(positions, weights, spreads, mixture, pivots, sums)
    if _cancels(sums):
        for k in range(pivots.size):
            if sums[0, k] > 0.0:
                pivots[k] += sums[1, k] / sums[0, k]
        total = _accumulate(positions, weights, spreads, mixture, pivots, sums)
    for k in range(pivots.size):
        if sums[0, k] > 0.0:
            from_pivot = sums[1, k] / sums[0, k]
            sums[2, k] = max(sums[2, k] - sums[1, k] * from_pivot, 0.0)
            sums[1, k] = from_pivot + (pivots[k] - mixture[1, k])
    return total


@kernel
def _accumulate(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    mixture: NDArray[np.float64],
    pivots: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> float:
    """Accumulate Σr, Σr·d and Σr·(d² + spread) of each component, d from its pivot; return Σ log
    density.
    """
    n_components = mixture.shape[1]
    sums[:] = 0.0
    room = np.empty((n_components + 4, min(_POINTS_AT_A_TIME, positions.size)))
    total = 0.0
    for start in range(0, positions.size, _POINTS_AT_A_TIME):
        points = slice(start, start + _POINTS_AT_A_TIME)
        x, weight, spread = positions[points], weights[points], spreads[points]
        _fill_densities(x, spread, mixture, room)
        largest, share = room[n_components, : x.size], room[n_components + 1, : x.size]
        density, logarithm = room[n_components + 2, : x.size], room[n_components + 3, : x.size]
        density[:] = 0.0
        for k in range(n_components):
            relative = room[k, : x.size]
            for i in range(x.size):
                density[i] += relative[i]
        logarithms(density, logarithm)
        for i in range(x.size):
            share[i] = weight[i] / density[i]
        for i in range(x.size):
            total += weight[i] * (largest[i] + logarithm[i])
        for k in range(n_components):
            relative, pivot = room[k, : x.size], pivots[k]
            zeroth, first, second = sums[0, k], sums[1, k], sums[2, k]
            for i in range(x.size):
                r = share[i] * relative[i]
                d = x[i] - pivot
                zeroth += r
                first += r * d
                second += r * (d * d + spread[i])
            sums[0, k], sums[1, k], sums[2, k] = zeroth, first, second
    return total


@kernel
def _fill_densities(
    x: NDArray[np.float64],
    spread: NDArray[np.float64],
    mixture: NDArray[np.float64],
    room: NDArray[np.float64],
) -> None:
    """Write the weighted densities of components at each x relative to the largest, (n_components,
    n).

    The logarithm of the largest comes in the row after them.
    """
    n_components = mixture.shape[1]
    largest = room[n_components, : x.size]
    largest[:] = -np.inf
    for k in range(n_components):
        constant = np.log(mixture[0, k]) - 0.5 * np.log(mixture[2, k]) - _LOG_SQRT_2PI
        half_precision = 0.5 / mixture[2, k]
        mean, density = mixture[1, k], room[k, : x.size]
        for i in range(x.size):
            d = x[i] - mean
            density[i] = constant - (d * d + spread[i]) * half_precision
            largest[i] = max(largest[i], density[i])
    for k in range(n_components):
        density = room[k, : x.size]
        for i in range(x.size):
            density[i] -= largest[i]
        exponentials(density, _NEGLIGIBLE)


@kernel
def _cancels(sums: NDArray[np.float64]) -> bool:
    """Whether a component moves so many of its new stds that its variance loses digits as a
    difference of sums.
    """
    for k in range(sums.shape[1]):
        product = sums[2, k] * sums[0, k]
        if product - sums[1, k] * sums[1, k] < _LEAST_DIFFERENCE * product:
            return True
    return False


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
def _note(mixture: NDArray[np.float64], note: NDArray[np.float64]) -> None:
    """Write log weights, means and log variances down."""
    for k in range(mixture.shape[1]):
        note[0, k] = np.log(max(mixture[0, k], _SMALLEST_SHARE))
        note[1, k] = mixture[1, k]
        note[2, k] = np.log(mixture[2, k])


@kernel
def _leap(
    path: NDArray[np.float64], furthest: float, variance_floor: float, mixture: NDArray[np.float64]
) -> float:
    """Move `mixture` along the parabola through three successive notes; return how far, 1 if it
    stays at the last.

    See Varadhan & Roland (2008), "Simple and globally convergent methods for accelerating the
    convergence of any EM algorithm", scheme S3. Means count in units of the stds.
    """
    n_components = mixture.shape[1]
    first_squares, second_squares = 0.0, 0.0
    for j in range(3):
        for k in range(n_components):
            unit = np.exp(-path[1, 2, k]) if j == 1 else 1.0
            r = path[1, j, k] - path[0, j, k]
            v = path[2, j, k] - path[1, j, k] - r
            first_squares += unit * r * r
            second_squares += unit * v * v
    reach = min(np.sqrt(first_squares / second_squares), furthest) if second_squares > 0.0 else 1.0
    if not reach > 1.0:
        return 1.0
    total = 0.0
    for j in range(3):
        for k in range(n_components):
            r = path[1, j, k] - path[0, j, k]
            v = path[2, j, k] - path[1, j, k] - r
            there = path[0, j, k] + reach * (2.0 * r + reach * v)
            mixture[j, k] = there if j == 1 else np.exp(there)
    for k in range(n_components):
        total += mixture[0, k]
        mixture[2, k] = max(mixture[2, k], variance_floor)
    for k in range(n_components):
        mixture[0, k] /= total
    return reach


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
        value = _expectation(positions, weights, spreads, mixture, sums) / total_weight
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
        _note(mixture, path[noted])
        noted += 1
        _maximise(sums, total_weight, variance_floor, mixture)
        if noted == _STEPS_BEFORE_LEAP and step < history.size:
            noted = 0
            _note(mixture, path[_STEPS_BEFORE_LEAP])
            _copy(mixture, before_leap)
            reach = _leap(path, furthest, variance_floor, mixture)
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

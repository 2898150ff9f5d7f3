"""SQUAREM: extrapolation between EM steps, which crosses plateaus of the likelihood.

Varadhan & Roland (2008), "Simple and globally convergent methods for accelerating the convergence
of any EM algorithm", scheme S3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel

_SMALLEST_WEIGHT = 1e-200
"""Logarithms of weights stop here: a component of weight 0 would make them infinite."""


@kernel
def write_parameters(mixture: NDArray[np.float64], parameters: NDArray[np.float64]) -> None:
    """Write the log weights, means and log variances of a mixture to `parameters`.

    In logarithms, extrapolated weights and variances stay positive.
    """
    for k in range(mixture.shape[1]):
        parameters[0, k] = np.log(max(mixture[0, k], _SMALLEST_WEIGHT))
        parameters[1, k] = mixture[1, k]
        parameters[2, k] = np.log(mixture[2, k])


@kernel
def squarem_step(
    path: NDArray[np.float64],
    max_length: float,
    variance_floor: float,
    mixture: NDArray[np.float64],
) -> float:
    """Extrapolate `mixture` from three successive parameters, `path`; return the length in steps.

    The length is at most `max_length`; it is 1 if the mixture stays at the last parameters. Means
    count in units of the components' standard deviations, so that the length does not depend on the
    units of the points.
    """
    n_components = mixture.shape[1]
    first_squares, second_squares = 0.0, 0.0
    for j in range(3):
        for k in range(n_components):
            # 1 / variance: squared distances of means in units of the component's std.
            unit = np.exp(-path[1, 2, k]) if j == 1 else 1.0
            r = path[1, j, k] - path[0, j, k]
            v = path[2, j, k] - path[1, j, k] - r
            first_squares += unit * r * r
            second_squares += unit * v * v
    length = (
        min(np.sqrt(first_squares / second_squares), max_length) if second_squares > 0.0 else 1.0
    )
    # An extrapolation of one step ends at the last parameters: nothing to do.
    if not length > 1.0:
        return 1.0
    total = 0.0
    for j in range(3):
        for k in range(n_components):
            r = path[1, j, k] - path[0, j, k]
            v = path[2, j, k] - path[1, j, k] - r
            extrapolated = path[0, j, k] + length * (2.0 * r + length * v)
            mixture[j, k] = extrapolated if j == 1 else np.exp(extrapolated)
    for k in range(n_components):
        total += mixture[0, k]
        mixture[2, k] = max(mixture[2, k], variance_floor)
    for k in range(n_components):
        # Extrapolated weights no longer sum to 1.
        mixture[0, k] /= total
    return length

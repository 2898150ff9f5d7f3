"""The expectation step of EM: responsibilities, summed into the moments of each component."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mixture.exponential import exponentials, logarithms

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
_NEGLIGIBLE = -40.0
"""exp(−40) ≈ 4e-18 changes no sum that contains a 1: the largest density, relative to itself."""
_LEAST_DIFFERENCE = 1e-5
"""A variance below this part of the mean square has lost 5 of its 16 digits; then sum again."""
_POINTS_AT_A_TIME = 256
"""Points of a block: its densities of 10 components (28 kB) fit a core's first-level cache."""


@kernel
def expectation(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    mixture: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> float:
    """Run an expectation step; return the sum of weighted log densities.

    `sums`, (3, n_components), gets for each component Σr, the mean of d, and Σr·(variance of d +
    spread), where r is the weighted responsibility of a point and d its distance from the mean.
    """
    # Variances as differences of sums cancel where a mean moves by many of its new stds; then
    # the sums are repeated around the new means.
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
            # Rounding may make the variance of rows at one value slightly negative.
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
    """Sum r, r·d and r·(d² + spread) for each component; return the sum of log densities.

    d is the distance from the component's pivot.
    """
    n_components = mixture.shape[1]
    sums[:] = 0.0
    scratch = np.empty((n_components + 4, min(_POINTS_AT_A_TIME, positions.size)))
    total = 0.0
    for start in range(0, positions.size, _POINTS_AT_A_TIME):
        points = slice(start, start + _POINTS_AT_A_TIME)
        x, weight, spread = positions[points], weights[points], spreads[points]
        _fill_densities(x, spread, mixture, scratch)
        largest, share = scratch[n_components, : x.size], scratch[n_components + 1, : x.size]
        density, logarithm = (
            scratch[n_components + 2, : x.size],
            scratch[n_components + 3, : x.size],
        )
        # Loops over points are innermost and simple, so that the compiler uses vector instructions.
        density[:] = 0.0
        for k in range(n_components):
            relative = scratch[k, : x.size]
            for i in range(x.size):
                density[i] += relative[i]
        logarithms(density, logarithm)
        for i in range(x.size):
            share[i] = weight[i] / density[i]
        for i in range(x.size):
            total += weight[i] * (largest[i] + logarithm[i])
        for k in range(n_components):
            relative, pivot = scratch[k, : x.size], pivots[k]
            # Local variables stay in registers in the loop below; elements of an array might not.
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
    scratch: NDArray[np.float64],
) -> None:
    """Write weighted densities at each x, (n_components, n), relative to the largest.

    The next row gets the logarithm of the largest.
    """
    n_components = mixture.shape[1]
    largest = scratch[n_components, : x.size]
    largest[:] = -np.inf
    for k in range(n_components):
        constant = np.log(mixture[0, k]) - 0.5 * np.log(mixture[2, k]) - _LOG_SQRT_2PI
        half_precision = 0.5 / mixture[2, k]
        mean, density = mixture[1, k], scratch[k, : x.size]
        for i in range(x.size):
            d = x[i] - mean
            density[i] = constant - (d * d + spread[i]) * half_precision
            largest[i] = max(largest[i], density[i])
    for k in range(n_components):
        density = scratch[k, : x.size]
        for i in range(x.size):
            # Relative to the largest, no exponential overflows, and at least one is 1.
            density[i] -= largest[i]
        exponentials(density, _NEGLIGIBLE)


@kernel
def _cancels(sums: NDArray[np.float64]) -> bool:
    """Whether a component's variance loses too many digits as a difference of sums."""
    for k in range(sums.shape[1]):
        product = sums[2, k] * sums[0, k]
        if product - sums[1, k] * sums[1, k] < _LEAST_DIFFERENCE * product:
            return True
    return False

"""Deterministic starts for EM: k-means and other partitions of sorted points into segments.

The best partition of every size comes from one dynamic programme over the costs of all segments
(Wang & Song, 2011, "Ckmeans.1d.dp"), in time quadratic in the number of points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.uniform_draw import DrawKey, uniforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

_RANDOM_STARTS = 4
"""Random starts of each size, for optima that none of the deterministic starts leads to."""


def mixture_starts(
    points: WeightedPoints, most_components: int, *, variance_floor: float, seed: int
) -> list[list[Mixture]]:
    """Return starting mixtures of 1 … most_components components, in a list for each size.

    The points have to be standardised, and a few hundred at most. The starts are the best k-means
    partition, that of the points' asinh (which gives tails components of their own), the most
    likely partition, the partition into equal weights, and partitions around centres drawn at
    random. A partition with fewer segments than asked for is a start of its own size.
    """
    weights = points.weights
    partitions = [
        *_of_all_sizes(_square_costs(points.positions, weights), most_components),
        *_of_all_sizes(_square_costs(np.arcsinh(points.positions), weights), most_components),
        *_of_all_sizes(
            _negative_log_likelihoods(points.positions, weights, points.spreads, variance_floor),
            most_components,
        ),
    ]
    for size in range(1, most_components + 1):
        partitions.append(_of_equal_weights(points, size))
        partitions += [
            _around_random_centers(points, size, seed, attempt) for attempt in range(_RANDOM_STARTS)
        ]
    starts: list[list[Mixture]] = [[] for _ in range(most_components)]
    for partition in partitions:
        mixture = _of_segments(points, partition, variance_floor)
        starts[mixture.n_components - 1].append(mixture)
    return starts


def optimal_segments(
    positions: NDArray[np.float64], weights: NDArray[np.float64], n_segments: int
) -> NDArray[np.int64]:
    """Return where the segments of the best weighted k-means partition start.

    Shape (n_segments,), or as many as there are points.
    """
    return _of_all_sizes(_square_costs(positions, weights), n_segments)[-1]


def likeliest_segments(
    points: WeightedPoints, n_segments: int, *, variance_floor: float
) -> NDArray[np.int64]:
    """Return where the segments of the most likely partition start, each with a normal density."""
    costs = _negative_log_likelihoods(
        points.positions, points.weights, points.spreads, variance_floor
    )
    return _of_all_sizes(costs, n_segments)[-1]


def _of_all_sizes(costs: NDArray[np.float64], most_segments: int) -> Sequence[NDArray[np.int64]]:
    """Return where the segments of the cheapest partitions into 1 … most_segments start.

    There are not more segments than points.
    """
    n = costs.shape[0]
    last_starts = np.zeros((min(most_segments, n), n), dtype=np.int64)
    _cheapest_partitions(costs, last_starts)
    partitions = []
    for size in range(1, last_starts.shape[0] + 1):
        starts = np.empty(size, dtype=np.int64)
        end = n - 1
        for k in range(size - 1, -1, -1):
            starts[k] = last_starts[k, end]
            end = starts[k] - 1
        partitions.append(starts)
    return partitions


@kernel
def _cheapest_partitions(costs: NDArray[np.float64], last_starts: NDArray[np.int64]) -> None:
    """Find the cheapest partition of points 0 … j into k + 1 segments, for all j and k.

    `last_starts[k, j]` gets the start of its last segment.
    """
    n_segments, n = last_starts.shape
    cheapest = costs[:, 0].copy()
    for k in range(1, n_segments):
        # From the right, so that `cheapest` still has the costs of one segment fewer to the left.
        for j in range(n - 1, k - 1, -1):
            least = np.inf
            for i in range(k, j + 1):
                total = cheapest[i - 1] + costs[j, i]
                if total < least:
                    least = total
                    last_starts[k, j] = i
            cheapest[j] = least


def _square_costs(
    positions: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sum of squares around the mean of the segment from i to j, at [j, i]."""
    return _scatter(positions, weights, np.zeros(positions.size))[1]


def _negative_log_likelihoods(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    variance_floor: float,
) -> NDArray[np.float64]:
    """Return the negative log-likelihood of each segment's own normal density, up to a constant."""
    rows, squares = _scatter(positions, weights, spreads)
    costs: NDArray[np.float64] = rows * (
        0.5 * np.log(np.maximum(squares / rows, variance_floor)) - np.log(rows)
    )
    return costs


@kernel
def _scatter(
    positions: NDArray[np.float64], weights: NDArray[np.float64], spreads: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weight of the segment from point i to j at [j, i], and its squares about its mean.

    Updated point by point (West, 1979, "Updating mean and variance estimates"), so that nothing
    cancels. Where i is beyond j there is no segment: weight 1 and squares 0.
    """
    n = positions.size
    rows = np.ones((n, n))
    squares = np.zeros((n, n))
    for j in range(n):
        weight, mean, scatter = 0.0, 0.0, 0.0
        for i in range(j, -1, -1):
            weight += weights[i]
            d = positions[i] - mean
            mean += d * weights[i] / weight
            scatter += weights[i] * (d * (positions[i] - mean) + spreads[i])
            rows[j, i] = weight
            squares[j, i] = scatter
    return rows, squares


def _of_equal_weights(points: WeightedPoints, n_segments: int) -> NDArray[np.int64]:
    """Return where segments of equal weight start."""
    cumulative = np.cumsum(points.weights) - points.weights / 2
    return np.searchsorted(cumulative, np.arange(n_segments) * (points.total_weight / n_segments))


def _around_random_centers(
    points: WeightedPoints, n_segments: int, seed: int, attempt: int
) -> NDArray[np.int64]:
    """Return where the segments around centres drawn by weight start."""
    # The project's own draws, so that no release of NumPy changes a fit.
    draws = uniforms(DrawKey.of(seed, f"start {attempt}"), 0, n_segments) * points.total_weight
    drawn = np.searchsorted(np.cumsum(points.weights), np.sort(draws))
    centers = points.positions[np.minimum(drawn, points.size - 1)]
    # Points belong to their nearest centre: segments end half-way between centres.
    return np.append(0, np.searchsorted(points.positions, (centers[1:] + centers[:-1]) / 2))


def _of_segments(
    points: WeightedPoints, starts: NDArray[np.int64], variance_floor: float
) -> Mixture:
    """Return the mixture of the non-empty segments' weights, means and standard deviations."""
    # Equal starts are empty segments.
    starts = np.unique(starts[starts < points.size])
    weights = np.add.reduceat(points.weights, starts)
    means = np.add.reduceat(points.weights * points.positions, starts) / weights
    within = np.square(points.positions - np.repeat(means, np.diff(starts, append=points.size)))
    variances = np.add.reduceat(points.weights * (points.spreads + within), starts) / weights
    return Mixture(weights / weights.sum(), means, np.sqrt(np.maximum(variances, variance_floor)))

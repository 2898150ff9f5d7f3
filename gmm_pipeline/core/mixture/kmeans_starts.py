"""Deterministic starts for EM: partitions of sorted points into as many segments as there are
components.

The best partition of every size comes from one dynamic programme over the costs of all segments
(Wang & Song, 2011, "Ckmeans.1d.dp"), quadratic in the number of points.
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


def mixture_starts(
    points: WeightedPoints, most_components: int, *, variance_floor: float, seed: int
) -> list[list[Mixture]]:
    """Return starting mixtures of 1 … most_components components for standardised points, a few
    hundred at most.

    They are the best k-means partition, the same of the points' asinh (which gives tails components
    of their own), the most likely partition, the partition into equal weights, and partitions
    around centres drawn at random. A partition of fewer segments than asked for stands among the
    starts of its own size.
    """
    weights = points.weights
    partitions = [
        *_of_all_sizes(_square_costs(points.positions, weights), most_components),
        *_of_all_sizes(_square_costs(np.arcsinh(points.positions), weights), most_components),
        *_of_all_sizes(
            _surprise_costs(points.positions, weights, points.spreads, variance_floor),
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
    """Return where the segments of the globally best weighted k-means partition start.

    Shape (n_segments,), or as many as there are points.
    """
    return _of_all_sizes(_square_costs(positions, weights), n_segments)[-1]


def likeliest_segments(
    points: WeightedPoints, n_segments: int, *, variance_floor: float
) -> NDArray[np.int64]:
    """Return the same of the partition that is likeliest if each segment has a normal component to
    itself.
    """
    costs = _surprise_costs(points.positions, points.weights, points.spreads, variance_floor)
    return _of_all_sizes(costs, n_segments)[-1]


def _of_all_sizes(costs: NDArray[np.float64], most_segments: int) -> Sequence[NDArray[np.int64]]:
    """Return where the segments of the cheapest partitions into 1 … most_segments start; not more
    than the points.
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
    """Fill last_starts[k, j]: where the last of k + 1 segments begins in the cheapest partition of
    points 0 … j.
    """
    n_segments, n = last_starts.shape
    cheapest = costs[:, 0].copy()
    for k in range(1, n_segments):
        # From the right, so that what lies to the left are still the costs of one segment less.
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
    """Return the weighted squares around the mean of the segment from each point i to each j at [j,
    i].
    """
    return _scatter(positions, weights, np.zeros(positions.size))[1]


def _surprise_costs(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    variance_floor: float,
) -> NDArray[np.float64]:
    """Return the negative log-likelihood of the same segments under normal components of their own,
    and a constant.
    """
    rows, squares = _scatter(positions, weights, spreads)
    costs: NDArray[np.float64] = rows * (
        0.5 * np.log(np.maximum(squares / rows, variance_floor)) - np.log(rows)
    )
    return costs


@kernel
def _scatter(
    positions: NDArray[np.float64], weights: NDArray[np.float64], spreads: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weight of the segment from each point i to each j at [j, i], and its squares
    around its mean.

    Where i is beyond j there is no segment; the weight is 1 there and the squares are 0.
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
    cumulative = np.cumsum(points.weights) - points.weights / 2
    return np.searchsorted(cumulative, np.arange(n_segments) * (points.total_weight / n_segments))


def _around_random_centers(
    points: WeightedPoints, n_segments: int, seed: int, attempt: int
) -> NDArray[np.int64]:
    draws = uniforms(DrawKey.of(seed, f"start {attempt}"), 0, n_segments) * points.total_weight
    drawn = np.searchsorted(np.cumsum(points.weights), np.sort(draws))
    centers = points.positions[np.minimum(drawn, points.size - 1)]
    return np.append(0, np.searchsorted(points.positions, (centers[1:] + centers[:-1]) / 2))


def _of_segments(
    points: WeightedPoints, starts: NDArray[np.int64], variance_floor: float
) -> Mixture:
    """Return the mixture of the non-empty segments' weights, means and standard deviations."""
    starts = np.unique(starts[starts < points.size])
    weights = np.add.reduceat(points.weights, starts)
    means = np.add.reduceat(points.weights * points.positions, starts) / weights
    within = np.square(points.positions - np.repeat(means, np.diff(starts, append=points.size)))
    variances = np.add.reduceat(points.weights * (points.spreads + within), starts) / weights
    return Mixture(weights / weights.sum(), means, np.sqrt(np.maximum(variances, variance_floor)))

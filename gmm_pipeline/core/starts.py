"""Deterministic starts for EM: partitions of sorted points into as many segments as there are components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.draw import DrawKey, uniforms
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mixture import Mixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmm_pipeline.core.points import WeightedPoints

_RANDOM_STARTS = 6


def mixture_starts(points: WeightedPoints, n_components: int, *, variance_floor: float, seed: int) -> Iterator[Mixture]:
    """Yield starting mixtures for standardised points, at most a few hundred of them.

    They are the best k-means partition, the same of the points' asinh (which gives tails components of their own), the
    partition into equal weights, and partitions around centres drawn at random.
    """
    weights = points.weights
    for stretched in (points.positions, np.arcsinh(points.positions)):
        yield _of_segments(points, optimal_segments(stretched, weights, n_components), variance_floor)
    cumulative = np.cumsum(weights) - weights / 2
    equal = np.searchsorted(cumulative, np.arange(n_components) * (weights.sum() / n_components))
    yield _of_segments(points, equal, variance_floor)
    for attempt in range(_RANDOM_STARTS):
        draws = uniforms(DrawKey.of(seed, f"start {attempt}"), 0, n_components) * weights.sum()
        centers = points.positions[np.minimum(np.searchsorted(np.cumsum(weights), np.sort(draws)), points.size - 1)]
        boundaries = np.searchsorted(points.positions, (centers[1:] + centers[:-1]) / 2)
        yield _of_segments(points, np.concatenate([[0], boundaries]), variance_floor)


def optimal_segments(
    positions: NDArray[np.float64], weights: NDArray[np.float64], n_segments: int
) -> NDArray[np.int64]:
    """Return where the segments of the globally best weighted k-means partition start, shape (n_segments,).

    Dynamic programming over sorted points (Wang & Song, 2011, "Ckmeans.1d.dp"), quadratic in their number.
    """
    starts = np.zeros((n_segments, positions.size), dtype=np.int64)
    _best_partitions(positions, weights, starts)
    segments = np.empty(n_segments, dtype=np.int64)
    end = positions.size - 1
    for k in range(n_segments - 1, -1, -1):
        segments[k] = starts[k, end]
        end = max(segments[k] - 1, 0)
    return segments


@kernel
def _best_partitions(positions: NDArray[np.float64], weights: NDArray[np.float64], starts: NDArray[np.int64]) -> None:
    """Fill starts[k, j]: where the last of k + 1 segments begins in the best partition of the points 0 … j."""
    n_segments, n = starts.shape
    best = np.empty(n)
    previous = np.empty(n)
    for k in range(n_segments):
        previous[:] = best
        for j in range(n):
            best[j] = np.inf
            weight, mean, cost = 0.0, 0.0, 0.0
            for i in range(j, -1, -1):
                weight += weights[i]
                if weight > 0.0:
                    d = positions[i] - mean
                    mean += d * weights[i] / weight
                    cost += weights[i] * d * (positions[i] - mean)
                total = cost
                if i > 0:
                    total += previous[i - 1] if k > 0 else np.inf
                if total < best[j]:
                    best[j] = total
                    starts[k, j] = i
                if k > 0 and cost > best[j]:
                    break


def _of_segments(points: WeightedPoints, starts: NDArray[np.int64], variance_floor: float) -> Mixture:
    """Return the mixture of the non-empty segments' weights, means and standard deviations."""
    starts = np.unique(starts[starts < points.size])
    weights = np.add.reduceat(points.weights, starts)
    means = np.add.reduceat(points.weights * points.positions, starts) / weights
    within = np.square(points.positions - np.repeat(means, np.diff(starts, append=points.size)))
    variances = np.add.reduceat(points.weights * (points.spreads + within), starts) / weights
    return Mixture(weights / weights.sum(), means, np.sqrt(np.maximum(variances, variance_floor)))

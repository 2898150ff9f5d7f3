from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.kmeans_starts import (
    likeliest_segments,
    mixture_starts,
    optimal_segments,
)
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

ROWS = st.lists(
    st.tuples(st.floats(-100, 100) | st.integers(-3, 3), st.floats(0.01, 100)),
    min_size=1,
    max_size=8,
).map(lambda rows: np.array(sorted(rows), dtype=np.float64).T.copy())


def cost(
    positions: NDArray[np.float64], weights: NDArray[np.float64], starts: NDArray[np.int64]
) -> float:
    """Return the weighted squares around the mean of each segment, summed."""
    total = 0.0
    for part in np.split(np.arange(positions.size), starts[1:]):
        mean = np.average(positions[part], weights=weights[part])
        total += float(np.sum(weights[part] * np.square(positions[part] - mean)))
    return total


def every_partition(n: int, n_parts: int) -> list[NDArray[np.int64]]:
    return [np.array([0, *cuts]) for cuts in combinations(range(1, n), n_parts - 1)]


@settings(max_examples=200)
@given(ROWS, st.integers(1, 9))
def test_no_other_segments_are_better(rows: NDArray[np.float64], n_segments: int) -> None:
    positions, weights = rows
    found = optimal_segments(positions, weights, n_segments)
    n_parts = min(n_segments, positions.size)
    assert found.shape == (n_parts,)
    assert found[0] == 0
    assert (np.diff(found) > 0).all()
    best = min(
        cost(positions, weights, partition)
        for partition in every_partition(positions.size, n_parts)
    )
    scale = float(np.sum(weights * np.square(positions)))
    assert cost(positions, weights, found) <= best + 1e-12 * scale


def surprise(points: WeightedPoints, starts: NDArray[np.int64], floor: float) -> float:
    """Return the negative log-likelihood of segments with a normal component each, to which alone
    its points belong.
    """
    total = 0.0
    for part in np.split(np.arange(points.size), starts[1:]):
        weight = points.weights[part].sum()
        mean = np.average(points.positions[part], weights=points.weights[part])
        within = np.square(points.positions[part] - mean) + points.spreads[part]
        variance = max(float(np.average(within, weights=points.weights[part])), floor)
        total += float(weight * (0.5 * np.log(variance) - np.log(weight)))
    return total


@settings(max_examples=200)
@given(ROWS, st.integers(1, 9), st.floats(0, 1))
def test_no_other_segments_are_likelier(
    rows: NDArray[np.float64], n_segments: int, spread: float
) -> None:
    points = WeightedPoints(*rows, np.full(rows.shape[1], spread))
    found = likeliest_segments(points, n_segments, variance_floor=1e-3)
    n_parts = min(n_segments, points.size)
    best = min(
        surprise(points, partition, 1e-3) for partition in every_partition(points.size, n_parts)
    )
    assert surprise(points, found, 1e-3) <= best + 1e-6 * points.total_weight


def test_segments_follow_the_gaps() -> None:
    positions = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 9.0])
    assert optimal_segments(positions, np.ones(6), 3).tolist() == [0, 3, 5]


@pytest.mark.parametrize("most_components", [1, 2, 5, 12, 40])
def test_every_start_is_a_mixture_of_its_size(most_components: int) -> None:
    rng = np.random.default_rng(0)
    points = WeightedPoints.of(rng.standard_t(2, 200), rng.integers(1, 1000, 200))
    starts = mixture_starts(points, most_components, variance_floor=1e-6, seed=0)
    assert len(starts) == most_components
    for size, mixtures in enumerate(starts, 1):
        assert len(mixtures) >= 3
        for start in mixtures:
            assert start.n_components == size
            assert start.weights.sum() == pytest.approx(1, abs=1e-12)
            assert (start.weights > 0).all()
            assert (start.stds >= 1e-3).all()
            assert np.sum(start.weights * start.means) == pytest.approx(
                np.average(points.positions, weights=points.weights), abs=1e-9
            )

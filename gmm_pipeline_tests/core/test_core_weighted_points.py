import numpy as np
import pytest
from core_evidence import bits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

SEEDS = st.integers(0, 2**32 - 1)


def random_points(n: int, seed: int) -> WeightedPoints:
    rng = np.random.default_rng(seed)
    positions = np.sort(rng.standard_t(rng.uniform(1, 30), n))
    return WeightedPoints(
        positions, rng.integers(1, 10**6, n) * 1.0, rng.random(n) * rng.integers(0, 2, n)
    )


def moments(points: WeightedPoints) -> tuple[float, float]:
    mean = np.average(points.positions, weights=points.weights)
    second = np.square(points.positions - mean) + points.spreads
    return float(mean), float(np.average(second, weights=points.weights))


@settings(max_examples=50)
@given(st.integers(1, 3000), st.integers(2, 500), SEEDS)
def test_coarsened_points_keep_weight_mean_and_variance(n: int, size: int, seed: int) -> None:
    points = random_points(n, seed)
    coarse = points.coarsened(size)
    mean, variance = moments(points)
    assert coarse.total_weight == points.total_weight
    assert moments(coarse)[0] == pytest.approx(mean, abs=1e-9 * np.sqrt(variance))
    assert moments(coarse)[1] == pytest.approx(variance, rel=1e-9)


@settings(max_examples=50)
@given(st.integers(501, 3000), st.integers(2, 500), SEEDS)
def test_coarsened_points_are_few_and_in_order(n: int, size: int, seed: int) -> None:
    coarse = random_points(n, seed).coarsened(size)
    assert coarse.size <= size + 2
    assert (np.diff(coarse.positions) > 0).all()
    assert (coarse.spreads >= 0).all()


def test_coarsened_points_follow_the_core_and_the_tails() -> None:
    rows = np.random.default_rng(0).standard_t(1, 100_000)
    coarse = WeightedPoints.of(rows).coarsened(400)
    assert np.count_nonzero(np.abs(coarse.positions) < 1) > 90
    assert np.count_nonzero(np.abs(coarse.positions) > 1000) > 20


def test_few_points_are_not_coarsened() -> None:
    points = random_points(100, 0)
    assert points.coarsened(100) is points


@settings(max_examples=50)
@given(st.integers(10, 500), SEEDS)
def test_points_without_weight_are_left_out_of_coarsened_points(n: int, seed: int) -> None:
    points = random_points(n, seed)
    weights = points.weights * (np.random.default_rng(seed).random(n) < 0.3)
    weights[n // 2] = 1.0
    coarse = WeightedPoints(points.positions, weights, points.spreads).coarsened(8)
    assert (coarse.weights > 0).all()
    assert coarse.total_weight == weights.sum()


@pytest.mark.parametrize("n", [401, 5000])
def test_rows_that_are_all_the_same_coarsen_to_one_point(n: int) -> None:
    coarse = WeightedPoints.of(np.full(n, 0.5)).coarsened(400)
    assert coarse.total_weight == n
    np.testing.assert_allclose(coarse.positions, 0.5, rtol=1e-15)
    np.testing.assert_allclose(coarse.spreads, 0, atol=1e-15)


@settings(max_examples=50)
@given(st.integers(1, 500), SEEDS)
def test_standardised_points_can_be_put_back(n: int, seed: int) -> None:
    points = random_points(n, seed)
    standard, center, exponent = points.standardised()
    assert bits(standard.weights) == bits(points.weights)
    restored = center + np.ldexp(standard.positions, exponent)
    np.testing.assert_allclose(restored, points.positions, rtol=1e-15, atol=1e-15 * 2.0**exponent)
    assert bits(np.ldexp(standard.spreads, 2 * exponent)) == bits(points.spreads)


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 1e160, 1e300])
def test_standardised_points_have_a_scale_near_1(scale: float) -> None:
    rows = scale * np.random.default_rng(0).standard_normal(1000)
    standard, _, _ = WeightedPoints.of(rows).standardised()
    assert 0.5 < standard.positions.std() < 2


@given(st.lists(st.tuples(st.floats(-10, 10), st.integers(1, 5))))
def test_points_are_sorted_and_keep_their_weights(rows: list[tuple[float, int]]) -> None:
    positions: NDArray[np.float64] = np.array([position for position, _ in rows])
    points = WeightedPoints.of(positions, np.array([weight for _, weight in rows]))
    found = list(
        zip(
            points.positions.tolist(), points.weights.tolist(), points.spreads.tolist(), strict=True
        )
    )
    assert sorted(found) == sorted((position, float(weight), 0.0) for position, weight in rows)
    assert (np.diff(points.positions) >= 0).all()

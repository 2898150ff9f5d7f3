import math

import numpy as np
import pytest
from core_evidence import bits
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.em import EMResult, expectation_maximisation
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

SEEDS = st.integers(0, 2**32 - 1)
FLOOR = 1e-6


def run(points: WeightedPoints, start: Mixture, steps: int = 60) -> EMResult:
    """Make exactly so many steps, converged or not."""
    return expectation_maximisation(
        points, start, variance_floor=FLOOR, tol=-math.inf, max_iter=steps
    )


def magnitudes(smallest: float, largest: float) -> st.SearchStrategy[float]:
    return st.floats(math.log(smallest), math.log(largest)).map(math.exp)


def points_of(rows: list[tuple[float, float, float]]) -> WeightedPoints:
    positions, weights, spreads = np.array(sorted(rows)).T.copy()
    return WeightedPoints(positions, weights, spreads)


def mixture_of(components: list[tuple[float, float, float]]) -> Mixture:
    weights, means, stds = np.array(components).T.copy()
    return Mixture(weights / weights.sum(), means, stds)


WEIGHTS = magnitudes(1e-3, 1e9)
POSITIONS = st.floats(-100, 100) | st.sampled_from([0.0, 1.0])
TAILS = st.builds(lambda sign, size: sign * size, st.sampled_from([-1, 1]), magnitudes(1e-3, 1e8))
SPREADS = st.just(0.0) | magnitudes(1e-9, 100)
STDS = magnitudes(1e-3, 1e3)
STARTS = st.lists(st.tuples(magnitudes(1e-6, 1), POSITIONS, STDS), min_size=1, max_size=6).map(
    mixture_of
)
POINTS = st.lists(st.tuples(POSITIONS, WEIGHTS, SPREADS), min_size=1, max_size=40).map(points_of)
TAILED_POINTS = st.lists(st.tuples(TAILS, WEIGHTS, SPREADS), min_size=1, max_size=40).map(points_of)
TAILED_STARTS = st.lists(
    st.tuples(magnitudes(1e-6, 1), TAILS, magnitudes(1e-3, 1e8)), min_size=1, max_size=6
).map(mixture_of)


def random_case(seed: int) -> tuple[NDArray[np.float64], Mixture]:
    """Return rows and a start that suits them."""
    rng = np.random.default_rng(seed)
    rows = np.round(
        np.concatenate([rng.normal(-3, 1, 150), rng.normal(2, 0.5, 100), rng.standard_t(2, 50)]), 1
    )
    n_components = int(rng.integers(1, 6))
    start = Mixture(
        rng.dirichlet(np.ones(n_components)),
        rng.choice(rows, n_components),
        rng.uniform(0.3, 3, n_components),
    )
    return rows, start


def assert_never_falls(history: NDArray[np.float64]) -> None:
    assert np.isfinite(history).all()
    assert (np.diff(history) >= -1e-9 * (1 + np.abs(history[:-1]))).all()


@settings(max_examples=300)
@given(POINTS, STARTS)
def test_the_log_likelihood_never_falls(points: WeightedPoints, start: Mixture) -> None:
    assert_never_falls(run(points, start).history)


@settings(max_examples=300)
@given(TAILED_POINTS, TAILED_STARTS)
def test_the_log_likelihood_never_falls_on_points_of_every_magnitude(
    points: WeightedPoints, start: Mixture
) -> None:
    assert_never_falls(run(points, start).history)


@settings(max_examples=300)
@given(POINTS, STARTS)
def test_every_step_gives_a_mixture(points: WeightedPoints, start: Mixture) -> None:
    mixture = run(points, start).mixture
    assert mixture.weights.sum() == pytest.approx(1, abs=1e-9)
    assert (mixture.weights >= 0).all()
    assert (mixture.stds >= math.sqrt(FLOOR) * (1 - 1e-15)).all()
    held = mixture.weights > 0
    assert (mixture.means[held] >= points.positions[0] - 1e-9).all()
    assert (mixture.means[held] <= points.positions[-1] + 1e-9).all()


@settings(max_examples=50)
@given(SEEDS)
def test_a_step_keeps_mean_and_variance_of_the_points(seed: int) -> None:
    # The M-step matches the first two moments, as those of any mixture fitted by EM do.
    rows, start = random_case(seed)
    mixture = run(WeightedPoints.of(rows), start, steps=1).mixture
    mean = np.sum(mixture.weights * mixture.means)
    variance = np.sum(mixture.weights * (np.square(mixture.stds) + np.square(mixture.means - mean)))
    assert mean == pytest.approx(rows.mean(), abs=1e-9)
    assert variance == pytest.approx(rows.var(), rel=1e-9)


@settings(max_examples=50)
@given(SEEDS)
def test_the_history_holds_the_mean_log_likelihood_of_the_rows(seed: int) -> None:
    rows, start = random_case(seed)
    result = run(WeightedPoints.of(rows), start, steps=5)
    assert result.history[0] == pytest.approx(start.mean_log_likelihood(rows), abs=1e-12)
    next_result = run(WeightedPoints.of(rows), result.mixture, steps=1)
    assert next_result.mean_log_likelihood == pytest.approx(
        result.mixture.mean_log_likelihood(rows), abs=1e-12
    )


@settings(max_examples=50)
@given(SEEDS)
def test_a_weight_of_n_counts_as_n_rows(seed: int) -> None:
    rows, start = random_case(seed)
    values, counts = np.unique(rows, return_counts=True)
    # Few steps: extrapolations magnify the rounding of sums, and rounding may decide whether one
    # is accepted.
    weighted, repeated = (
        run(points, start, steps=8)
        for points in (WeightedPoints.of(values, counts), WeightedPoints.of(rows))
    )
    np.testing.assert_allclose(weighted.history, repeated.history, rtol=0, atol=1e-9)
    # Where the likelihood is flat, extrapolations move the parameters by more than its rounding.
    np.testing.assert_allclose(
        weighted.mixture.weights, repeated.mixture.weights, rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(weighted.mixture.means, repeated.mixture.means, rtol=0, atol=1e-6)
    np.testing.assert_allclose(weighted.mixture.stds, repeated.mixture.stds, rtol=0, atol=1e-6)


@given(POINTS, STARTS, st.integers(-40, 40))
def test_the_unit_of_the_weights_does_not_matter(
    points: WeightedPoints, start: Mixture, power: int
) -> None:
    # Products of a weight and a smaller position underflow, in one unit sooner than in another.
    assume(((points.positions == 0) | (np.abs(points.positions) > 1e-290)).all())
    scaled = WeightedPoints(points.positions, np.ldexp(points.weights, power), points.spreads)
    assert bits(run(scaled, start)) == bits(run(points, start))


@given(POINTS, STARTS, st.lists(st.tuples(POSITIONS, st.just(0.0), SPREADS), max_size=10))
def test_points_without_weight_have_no_effect(
    points: WeightedPoints, start: Mixture, weightless: list[tuple[float, float, float]]
) -> None:
    rows = list(
        zip(
            points.positions.tolist(), points.weights.tolist(), points.spreads.tolist(), strict=True
        )
    )
    # Sorted by position alone, as the order of equal positions would change the order of summation.
    together = np.array(sorted(rows + weightless, key=lambda row: row[0])).T.copy()
    assert bits(run(WeightedPoints(*together), start)) == bits(run(points, start))


def test_a_single_component_gets_mean_and_variance_with_the_spreads() -> None:
    points = WeightedPoints(np.array([1.0, 4.0]), np.array([3.0, 1.0]), np.array([0.5, 0.25]))
    mixture = run(
        points, Mixture(np.array([1.0]), np.array([0.0]), np.array([1.0])), steps=1
    ).mixture
    assert mixture.weights.tolist() == [1.0]
    assert mixture.means[0] == pytest.approx(1.75, abs=1e-15)
    assert mixture.stds[0] ** 2 == pytest.approx(
        (3 * (0.75**2 + 0.5) + 2.25**2 + 0.25) / 4, abs=1e-14
    )


@pytest.mark.parametrize("distance", [1.0, 1e4, 1e6, 1e8])
def test_a_component_that_moves_far_gets_the_spread_of_where_it_arrives(distance: float) -> None:
    points = WeightedPoints(np.array([distance]), np.array([5.0]), np.array([1.0]))
    start = Mixture(np.array([1.0]), np.array([0.3]), np.array([distance]))
    mixture = run(points, start, steps=1).mixture
    assert mixture.means[0] == pytest.approx(distance, rel=1e-15)
    assert mixture.stds[0] == pytest.approx(1, abs=1e-6)


def test_the_log_likelihood_of_one_standard_normal_row_is_known() -> None:
    result = run(
        WeightedPoints.of(np.array([0.0])),
        Mixture(np.array([1.0]), np.array([0.0]), np.array([1.0])),
        steps=1,
    )
    assert result.mean_log_likelihood == pytest.approx(-0.5 * math.log(2 * math.pi), abs=1e-15)


def test_em_stops_at_the_step_that_gains_less_than_the_tolerance() -> None:
    rows, start = random_case(3)
    points = WeightedPoints.of(rows)
    tol = 1e-4
    result = expectation_maximisation(points, start, variance_floor=FLOOR, tol=tol, max_iter=10_000)
    gains = np.diff(result.history)
    assert result.converged
    assert gains[-1] < tol
    assert (gains[:-1] >= tol).all()
    assert result.mean_log_likelihood == pytest.approx(
        result.mixture.mean_log_likelihood(rows), abs=1e-12
    )


def test_extrapolations_cross_a_plateau_in_a_fraction_of_the_steps() -> None:
    # Without extrapolations it takes 1446 steps.
    positions = np.linspace(-6, 6, 401)
    true = Mixture(np.array([0.5, 0.5]), np.array([-1.0, 1.0]), np.array([1.0, 1.0]))
    points = WeightedPoints.of(positions, np.exp(true.log_density(positions)))
    start = Mixture(np.array([0.3, 0.7]), np.array([-0.1, 0.5]), np.array([1.3, 0.9]))
    result = expectation_maximisation(points, start, variance_floor=FLOOR, tol=1e-12, max_iter=500)
    assert result.converged
    np.testing.assert_allclose(result.mixture.means, true.means, rtol=0, atol=1e-3)
    assert_never_falls(result.history)


def test_em_that_reached_max_iter_has_not_converged() -> None:
    rows, start = random_case(3)
    result = expectation_maximisation(
        WeightedPoints.of(rows), start, variance_floor=FLOOR, tol=1e-12, max_iter=3
    )
    assert not result.converged
    assert result.history.size == 3


def test_em_does_not_change_its_start() -> None:
    rows, start = random_case(1)
    before = bits(start)
    run(WeightedPoints.of(rows), start)
    assert bits(start) == before

from collections.abc import Callable

import numpy as np
import pytest
from core_evidence import bits, sketch_on_grid
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.fit_mixture import MixtureFit, fit_mixture
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

PointsOf = Callable[[NDArray[np.float64]], WeightedPoints]
SEEDS = st.integers(0, 2**32 - 1)
WEIGHTS, MEANS, VARIANCES = (
    np.array([1 / 3, 2 / 3]),
    np.array([-4.3673, 5.1604]),
    np.array([1.1098, 0.86644]),
)
# The rows and the expected mixture of Spark's own tests of its Gaussian mixture.
SPARK_ROWS = np.fromstring(
    "-5.1971 -2.5359 -3.8220 -5.2211 -5.0602 4.7118 6.8989 3.4592 4.6322 5.7048 4.6567 "
    "5.5026 4.5605 5.2043 6.2734",
    sep=" ",
)


def assert_close(found: Mixture, expected: Mixture, tolerance: float) -> None:
    """Compare weights, and means and stds in units of the stds."""
    np.testing.assert_allclose(found.weights, expected.weights, rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        (found.means - expected.means) / expected.stds, 0, rtol=0, atol=tolerance
    )
    np.testing.assert_allclose(found.stds / expected.stds, 1, rtol=0, atol=tolerance)


def rows_of_two(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw rows from the known mixture, and say which component each is of."""
    rng = np.random.default_rng(seed)
    component = (rng.random(n) < WEIGHTS[1]).astype(np.int64)
    return rng.normal(MEANS[component], np.sqrt(VARIANCES[component])), component


def rows_of_three(n: int, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, n), rng.normal(8, 0.5, n), rng.normal(-20, 3, n)])


def points_of_rows(rows: NDArray[np.float64]) -> WeightedPoints:
    return WeightedPoints.of(rows)


def points_of_sketch(rows: NDArray[np.float64]) -> WeightedPoints:
    return sketch_on_grid(rows).points()


def test_the_mixture_that_spark_finds_is_found() -> None:
    fit = fit_mixture(WeightedPoints.of(SPARK_ROWS), 2)
    assert fit.converged
    np.testing.assert_allclose(fit.mixture.weights, WEIGHTS, rtol=0, atol=1e-4)
    np.testing.assert_allclose(fit.mixture.means, MEANS, rtol=0, atol=1e-4)
    np.testing.assert_allclose(np.square(fit.mixture.stds), VARIANCES, rtol=0, atol=1e-4)


@pytest.mark.parametrize("points_of", [points_of_rows, points_of_sketch])
def test_a_known_mixture_is_recovered(points_of: PointsOf) -> None:
    # The components lie 9.6 stds apart: of 200,000 rows none could be of the other one, so the best
    # fit is each component's own share, mean and variance among the drawn rows. Those differ from
    # the true ones by the luck of the draw, which is no fault of the fit and is bounded separately.
    rows, component = rows_of_two(n := 200_000)
    mixture = fit_mixture(points_of(rows), 2).mixture
    drawn = [rows[component == number] for number in (0, 1)]
    np.testing.assert_allclose(
        mixture.weights, [part.size / n for part in drawn], rtol=0, atol=1e-3
    )
    np.testing.assert_allclose(mixture.means, [part.mean() for part in drawn], rtol=0, atol=1e-3)
    np.testing.assert_allclose(
        np.square(mixture.stds), [part.var() for part in drawn], rtol=0, atol=1e-3
    )
    sizes = n * WEIGHTS
    assert (np.abs(mixture.weights - WEIGHTS) < 5 * np.sqrt(WEIGHTS.prod() / n)).all()
    assert (np.abs(mixture.means - MEANS) < 5 * np.sqrt(VARIANCES / sizes)).all()
    assert (np.abs(np.square(mixture.stds) - VARIANCES) < 5 * VARIANCES * np.sqrt(2 / sizes)).all()


def test_more_components_than_needed_are_at_least_as_likely() -> None:
    points = WeightedPoints.of(rows_of_three(500))
    found = [fit_mixture(points, 10, n_components=n).mean_log_likelihood for n in (1, 2, 3, 5, 8)]
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("n_components", [1, 3, 6])
def test_the_log_likelihood_is_that_of_the_rows(n_components: int) -> None:
    rows = 1e-8 * rows_of_three(300)
    fit = fit_mixture(WeightedPoints.of(rows), n_components)
    assert fit.mean_log_likelihood == pytest.approx(fit.mixture.mean_log_likelihood(rows), abs=1e-9)
    assert fit.history[-1] == pytest.approx(fit.mean_log_likelihood, abs=1e-9)


def test_components_come_in_the_order_of_their_means() -> None:
    assert (np.diff(fit_mixture(WeightedPoints.of(rows_of_three(500)), 6).mixture.means) > 0).all()


def fit_three(rows: NDArray[np.float64], points_of: PointsOf = points_of_rows) -> MixtureFit:
    return fit_mixture(points_of(rows), 3, tol=1e-13, max_iter=20_000)


# Other units give a sketch other cells, 1/1000 of the scale wide, and with them slightly other
# points.
exactly_and_by_sketch = pytest.mark.parametrize(
    ("points_of", "tolerance"), [(points_of_rows, 1e-5), (points_of_sketch, 1e-3)]
)


@exactly_and_by_sketch
@pytest.mark.parametrize("scale", [1e-160, 1e-8, 3.7, 1e8, 1e160])
@pytest.mark.parametrize("shift", [0.0, -1000.0])
def test_the_fit_follows_the_unit_and_the_origin_of_the_rows(
    scale: float, shift: float, points_of: PointsOf, tolerance: float
) -> None:
    rows = rows_of_three(1000)
    fit, moved = fit_three(rows, points_of), fit_three(scale * (rows + shift), points_of)
    expected = Mixture(
        fit.mixture.weights, scale * (fit.mixture.means + shift), scale * fit.mixture.stds
    )
    assert_close(moved.mixture, expected, tolerance)
    assert moved.mean_log_likelihood == pytest.approx(
        fit.mean_log_likelihood - np.log(scale), abs=0.1 * tolerance
    )


@exactly_and_by_sketch
def test_the_fit_of_negated_rows_is_the_negated_fit(points_of: PointsOf, tolerance: float) -> None:
    rows = rows_of_three(1000)
    fit, negated = fit_three(rows, points_of).mixture, fit_three(-rows, points_of).mixture
    assert_close(negated, Mixture(fit.weights[::-1], -fit.means[::-1], fit.stds[::-1]), tolerance)


@settings(max_examples=10)
@given(SEEDS, st.integers(-400, 400))
def test_a_unit_that_is_a_power_of_two_changes_no_bit(seed: int, power: int) -> None:
    rows = rows_of_three(100, seed)
    fit = fit_mixture(WeightedPoints.of(rows), 4, max_iter=50)
    scaled = fit_mixture(WeightedPoints.of(np.ldexp(rows, power)), 4, max_iter=50)
    assert bits(scaled.mixture) == bits(fit.mixture.rescaled(0.0, power))


@pytest.mark.parametrize("points_of", [points_of_rows, points_of_sketch])
def test_the_same_rows_give_the_same_fit_bit_for_bit(points_of: PointsOf) -> None:
    rows = rows_of_three(3000)
    assert bits(fit_mixture(points_of(rows), 5, seed=7)) == bits(
        fit_mixture(points_of(rows.copy()), 5, seed=7)
    )


def test_the_order_of_the_rows_changes_no_bit_of_the_fit() -> None:
    rows = rows_of_three(500)
    shuffled = np.random.default_rng(1).permutation(rows)
    assert bits(fit_mixture(WeightedPoints.of(shuffled), 4)) == bits(
        fit_mixture(WeightedPoints.of(rows), 4)
    )


@pytest.mark.parametrize("n_points", [1, 2, 3])
@pytest.mark.parametrize("n_components", [3, 10, 500])
def test_more_components_than_points_are_as_many_as_points_at_most(
    n_points: int, n_components: int
) -> None:
    rows = np.array([-1.0, 0.5, 7.0])[:n_points]
    fit = fit_mixture(WeightedPoints.of(rows), n_components)
    assert 1 <= fit.mixture.n_components <= n_points
    assert fit.mixture.weights.sum() == pytest.approx(1, abs=1e-12)
    assert np.isfinite(fit.mixture.log_density(rows)).all()


@pytest.mark.parametrize("n", [1, 2, 100, 1000, 5000])
def test_rows_that_are_all_the_same_are_fitted(n: int) -> None:
    fit = fit_mixture(WeightedPoints.of(np.full(n, 3.25)), 4)
    assert (fit.mixture.means == 3.25).all()
    assert (fit.mixture.stds > 0).all()


@pytest.mark.parametrize("n_components", [1, 2, 3, 4])
def test_points_without_weight_have_no_effect_on_the_fit(n_components: int) -> None:
    rows = np.array([0.0, 0.1, 5.0, 5.3])
    weightless = np.array([-50.0, 0.05, 3.0, 5.2, 80.0])
    points = WeightedPoints.of(
        np.concatenate([rows, weightless]), np.repeat([2.0, 0.0], [rows.size, weightless.size])
    )
    fit = fit_mixture(points, n_components)
    expected = fit_mixture(WeightedPoints.of(rows, np.full(rows.size, 2.0)), n_components)
    assert fit.mean_log_likelihood == pytest.approx(expected.mean_log_likelihood, abs=1e-6)


def test_no_more_components_are_fitted_than_the_rows_call_for() -> None:
    rng = np.random.default_rng(0)
    assert fit_mixture(WeightedPoints.of(rng.normal(5, 2, 10_000)), 10).mixture.n_components == 1
    assert fit_mixture(WeightedPoints.of(rows_of_two(10_000)[0]), 10).mixture.n_components == 2
    assert fit_mixture(WeightedPoints.of(rows_of_three(3000)), 10).mixture.n_components == 3


@pytest.mark.parametrize("n_components", [1, 4, 7])
def test_a_fixed_number_of_components_is_fitted_whatever_their_weights(n_components: int) -> None:
    fit = fit_mixture(
        WeightedPoints.of(rows_of_three(1000)), 3, n_components=n_components, min_weight=0.3
    )
    assert fit.mixture.n_components == n_components


def rows_beside(share: float, distance: float) -> WeightedPoints:
    """Return a billion rows of a standard normal distribution, some of them further up."""
    positions = np.linspace(-8, 8 + distance, 3000)
    density = Mixture(
        np.array([1 - share, share]), np.array([0.0, distance]), np.array([1.0, 1.0])
    ).log_density(positions)
    return WeightedPoints.of(positions, 1e9 * np.exp(density) / np.exp(density).sum())


def test_a_light_component_that_the_fit_hardly_misses_is_dropped() -> None:
    points = rows_beside(share=1e-4, distance=4.0)
    assert fit_mixture(points, 2).mixture.n_components == 2
    dropped = fit_mixture(points, 2, min_weight=0.005)
    assert dropped.mixture.n_components == 1
    assert dropped.mean_log_likelihood > fit_mixture(points, 2).mean_log_likelihood - 1e-4


def test_a_light_component_that_the_fit_misses_is_kept() -> None:
    mixture = fit_mixture(rows_beside(share=1e-4, distance=20.0), 2, min_weight=0.005).mixture
    np.testing.assert_allclose(mixture.weights, [1 - 1e-4, 1e-4], rtol=0, atol=1e-6)


def test_heavy_tails_keep_their_wide_components_and_light_components_cost_little() -> None:
    rows = np.random.default_rng(0).standard_t(2, 100_000)
    free, fit = (
        fit_mixture(points_of_sketch(rows), 10, min_weight=weight) for weight in (0.0, 0.005)
    )
    assert fit.mixture.n_components <= free.mixture.n_components
    assert fit.mixture.stds.max() > 50
    assert fit.mean_log_likelihood > free.mean_log_likelihood - 5e-4


def test_far_outliers_leave_the_other_components_in_place() -> None:
    rows = rows_of_three(2000)
    mixture = fit_mixture(WeightedPoints.of(np.append(rows, [1e9, 1.1e9, 1.2e9])), 4).mixture
    assert mixture.means[3] == pytest.approx(1.1e9, rel=1e-6)
    np.testing.assert_allclose(mixture.means[:3], [-20, 0, 8], rtol=0, atol=0.2)
    np.testing.assert_allclose(mixture.stds[:3], [3, 1, 0.5], rtol=0.05)

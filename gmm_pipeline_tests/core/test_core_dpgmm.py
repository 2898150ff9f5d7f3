import warnings
from typing import Any

import numpy as np
import pytest
from core_evidence import bits, sketch_on_grid
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

from gmm_pipeline.core.mixture.dpgmm import DPGMMResult, fit_dpgmm, variational_dpgmm
from gmm_pipeline.core.mixture.fit_mixture import fit_mixture
from gmm_pipeline.core.mixture.variational import Moments
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

SEEDS = st.integers(0, 2**32 - 1)
SHORT: dict[str, Any] = {"tol": 0.0, "max_iter": 10}


class _Started(BayesianGaussianMixture):
    """scikit-learn's mixture, started from given responsibilities."""

    def _initialize_parameters(self, X: Any, random_state: Any, xp: Any = None) -> None:  # noqa: ARG002, N803
        self._initialize(X, self.responsibilities)


def scikit_learn(
    rows: NDArray[np.float64], responsibilities: NDArray[np.float64], *, tol: float, max_iter: int
) -> BayesianGaussianMixture:
    mixture = _Started(
        n_components=responsibilities.shape[1],
        weight_concentration_prior=0.001,
        tol=tol,
        max_iter=max_iter,
    )
    mixture.responsibilities = responsibilities
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(rows[:, np.newaxis])


def heavy_tailed(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.standard_t(2, n)


def skewed(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.lognormal(0, 1, n)


def far_apart(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return np.where(rng.random(n) < 0.3, rng.normal(-4, 1, n), rng.normal(1e3, 30, n))


def whole_numbers(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.poisson(4, n).astype(np.float64)


def assert_same(found: DPGMMResult, expected: DPGMMResult) -> None:
    np.testing.assert_allclose(found.posterior.weights, expected.posterior.weights, rtol=1e-7)
    np.testing.assert_allclose(
        found.posterior.means, expected.posterior.means, rtol=1e-7, atol=1e-9
    )
    np.testing.assert_allclose(
        found.posterior.covariances, expected.posterior.covariances, rtol=1e-7
    )
    np.testing.assert_allclose(found.history, expected.history, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("draw", [heavy_tailed, skewed, far_apart, whole_numbers])
@pytest.mark.parametrize(("n", "n_components"), [(40, 1), (40, 3), (2000, 10)])
@pytest.mark.parametrize("max_iter", [1, 30])
def test_the_same_start_leads_to_scikit_learns_answer(
    draw: Any, n: int, n_components: int, max_iter: int
) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = np.sort(draw(rng, n))
        start = rng.dirichlet(np.ones(n_components), n)
        expected = scikit_learn(rows, start, tol=0.0, max_iter=max_iter)
        found = variational_dpgmm(WeightedPoints.of(rows), start, tol=0.0, max_iter=max_iter)
        posterior = found.posterior
        np.testing.assert_allclose(posterior.weights, expected.weights_, rtol=1e-6)
        np.testing.assert_allclose(posterior.means, expected.means_[:, 0], rtol=1e-6)
        np.testing.assert_allclose(posterior.covariances, expected.covariances_[:, 0, 0], rtol=1e-6)
        np.testing.assert_allclose(posterior.mean_precision, expected.mean_precision_, rtol=1e-6)
        np.testing.assert_allclose(
            posterior.degrees_of_freedom, expected.degrees_of_freedom_, rtol=1e-6
        )
        np.testing.assert_allclose(
            posterior.weight_concentration, expected.weight_concentration_, rtol=1e-6
        )
        np.testing.assert_allclose(n * found.lower_bound, expected.lower_bound_, rtol=1e-6)


def test_a_tolerance_per_row_stops_where_scikit_learns_stops_for_all_rows() -> None:
    rng = np.random.default_rng(0)
    rows = np.sort(far_apart(rng, 1000))
    start = rng.dirichlet(np.ones(5), rows.size)
    expected = scikit_learn(rows, start, tol=1e-3, max_iter=500)
    found = variational_dpgmm(WeightedPoints.of(rows), start, tol=1e-3 / rows.size, max_iter=500)
    assert found.converged
    assert expected.converged_
    assert 1 < found.n_iter == expected.n_iter_ < 500


def test_the_default_start_is_the_best_partition_with_its_larger_parts_first() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([2, 0, 1], [100, 500, 300])
    rows = np.concatenate([rng.normal(-90, 1, 100), rng.normal(0, 2, 500), rng.normal(70, 3, 300)])
    expected = scikit_learn(rows, np.eye(3)[labels], tol=1e-3, max_iter=100)
    fit = fit_dpgmm(WeightedPoints.of(rows), 3, tol=1e-3 / rows.size, reg_covar=0.0)
    by_mean = [2, 0, 1]
    np.testing.assert_allclose(fit.mixture.weights, expected.weights_[by_mean], rtol=1e-6)
    np.testing.assert_allclose(fit.mixture.means, expected.means_[by_mean, 0], rtol=1e-6)
    np.testing.assert_allclose(
        np.square(fit.mixture.stds), expected.covariances_[by_mean, 0, 0], rtol=1e-5
    )
    np.testing.assert_allclose(rows.size * fit.history, expected.lower_bounds_, rtol=1e-5)
    np.testing.assert_allclose(
        fit.mean_log_likelihood, fit.mixture.mean_log_likelihood(rows), rtol=1e-12
    )


@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_point_of_weight_three_is_three_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.standard_t(3, 60))
    weights = rng.integers(1, 5, rows.size)
    start = rng.dirichlet(np.ones(4), rows.size)
    repeated = WeightedPoints.of(np.repeat(rows, weights))
    weighted = variational_dpgmm(
        WeightedPoints.of(rows, weights.astype(float)), start, tol=0.0, max_iter=20
    )
    assert_same(
        weighted,
        variational_dpgmm(repeated, np.repeat(start, weights, axis=0), tol=0.0, max_iter=20),
    )


def grouped(rng: np.random.Generator) -> tuple[WeightedPoints, NDArray[np.float64]]:
    """Draw 50 groups of 8 rows; return them as points with spreads, and as rows, shape (400,)."""
    groups = rng.normal(rng.standard_t(3, (50, 1)), 0.8, (50, 8))
    groups = groups[np.argsort(groups.mean(axis=1))]
    return WeightedPoints(groups.mean(axis=1), np.full(50, 8.0), groups.var(axis=1)), groups.ravel()


def test_a_point_with_a_spread_is_its_rows_when_they_share_their_responsibilities() -> None:
    rng = np.random.default_rng(0)
    points, rows = grouped(rng)
    alone = np.ones((rows.size, 1))
    of_points = variational_dpgmm(points, alone[:50], **SHORT)
    assert_same(
        of_points, variational_dpgmm(WeightedPoints(rows, alone[:, 0], 0 * rows), alone, **SHORT)
    )

    shared = rng.dirichlet(np.ones(4), 50)
    moments, of_rows = (
        Moments.of(points, shared),
        Moments.of(WeightedPoints(rows, alone[:, 0], 0 * rows), np.repeat(shared, 8, axis=0)),
    )
    np.testing.assert_allclose(moments.rows, of_rows.rows, rtol=1e-12)
    np.testing.assert_allclose(moments.means, of_rows.means, rtol=1e-12)
    np.testing.assert_allclose(moments.variances, of_rows.variances, rtol=1e-12)


def test_a_sketch_gives_the_mixture_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate(
        [rng.normal(0, 1, 30_000), rng.normal(8, 0.5, 10_000), rng.normal(-20, 3, 20_000)]
    )
    of_rows = fit_dpgmm(WeightedPoints.of(rows), 3).mixture
    of_sketch = fit_dpgmm(sketch_on_grid(rows).points(), 3).mixture
    np.testing.assert_allclose(of_sketch.weights, of_rows.weights, rtol=1e-3)
    np.testing.assert_allclose(of_sketch.means, of_rows.means, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(of_sketch.stds, of_rows.stds, rtol=1e-3)


def test_points_of_no_weight_change_nothing() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_t(3, 500)
    weights = rng.random(500) + 0.5
    padded = WeightedPoints.of(
        np.append(rows, [-1e9, 0.1, 1e200]), np.append(weights, [0.0, 0.0, 0.0])
    )
    assert bits(fit_dpgmm(padded, 5)) == bits(fit_dpgmm(WeightedPoints.of(rows, weights), 5))
    start = rng.dirichlet(np.ones(5), padded.size)
    held = padded.weights > 0
    without = WeightedPoints(padded.positions[held], padded.weights[held], padded.spreads[held])
    found = variational_dpgmm(
        WeightedPoints.of(np.clip(padded.positions, -1e9, 1e9), padded.weights), start, **SHORT
    )
    assert_same(found, variational_dpgmm(without, start[held], **SHORT))


def test_a_billion_rows_converge_to_the_mixture_they_come_from() -> None:
    x = np.linspace(-10, 14, 4001)
    weights = 0.25 * np.exp(-0.5 * (x + 4) ** 2) + 0.75 * np.exp(-0.5 * ((x - 6) / 1.5) ** 2) / 1.5
    fit = fit_dpgmm(WeightedPoints.of(x, weights * (1e9 / weights.sum())), 2)
    assert fit.converged
    np.testing.assert_allclose(fit.mixture.weights, [0.25, 0.75], rtol=1e-3)
    np.testing.assert_allclose(fit.mixture.means, [-4, 6], rtol=1e-3)
    np.testing.assert_allclose(fit.mixture.stds, [1, 1.5], rtol=1e-3)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_the_lower_bound_never_falls(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, _ = grouped(rng)
    start = rng.dirichlet(np.ones(6), points.size)
    history = variational_dpgmm(points, start, tol=0.0, max_iter=50, reg_covar=0.0).history
    assert np.diff(history).min() > -1e-12


def test_another_unit_gives_the_same_mixture_in_that_unit() -> None:
    rows = np.random.default_rng(0).lognormal(0, 1, 3000)
    fit, scaled = (
        fit_dpgmm(WeightedPoints.of(rows), 6),
        fit_dpgmm(WeightedPoints.of(rows * 2.0**-60), 6),
    )
    np.testing.assert_array_equal(scaled.mixture.means * 2.0**60, fit.mixture.means)
    np.testing.assert_array_equal(scaled.mixture.stds * 2.0**60, fit.mixture.stds)
    np.testing.assert_allclose(
        scaled.mean_log_likelihood, fit.mean_log_likelihood + 60 * np.log(2), rtol=1e-12
    )
    np.testing.assert_allclose(
        scaled.history, fit.history + 60 * np.log(2) * (1 + 6 / 3000), rtol=1e-12
    )


def test_all_components_are_kept_and_the_fit_is_near_that_of_maximum_likelihood() -> None:
    points = sketch_on_grid(np.random.default_rng(0).lognormal(0, 1, 50_000)).points()
    fit = fit_dpgmm(points, 10)
    assert fit.mixture.n_components == 10
    assert np.all(np.diff(fit.mixture.means) >= 0)
    assert fit.mean_log_likelihood == pytest.approx(
        fit_mixture(points, 10).mean_log_likelihood, abs=0.01
    )


@pytest.mark.parametrize(
    ("positions", "weights", "n_components"),
    [
        ([3.0], [1.0], 4),
        ([3.0], [0.5], 1),
        ([3.0], [1e9], 4),
        ([1.0, 2.0], [1e9, 1.0], 10),
        ([7.0] * 20, [1.0] * 20, 5),
        ([0.0] * 500 + [1.0, 2.0, 1e300], [1.0] * 503, 6),
        ([-1e308, 0.0, 1.0, 2.0, 1e308], [1e8, 1e9, 1e9, 1e9, 1e8], 3),
    ],
)
def test_few_equal_or_far_points_give_a_finite_mixture(
    positions: list[float], weights: list[float], n_components: int
) -> None:
    fit = fit_dpgmm(WeightedPoints.of(np.array(positions), np.array(weights)), n_components)
    assert 1 <= fit.mixture.n_components <= min(n_components, len(positions))
    assert fit.mixture.weights.sum() == pytest.approx(1)
    assert np.all(np.isfinite(fit.mixture.means))
    assert np.all((fit.mixture.stds > 0) & np.isfinite(fit.mixture.stds))
    assert np.all(np.isfinite(fit.history))

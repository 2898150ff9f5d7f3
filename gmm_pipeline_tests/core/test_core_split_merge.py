import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.mixture.penalties import LightComponentPenalty
from gmm_pipeline.core.mixture.split_merge import (
    MixtureSearch,
    merges,
    splits,
)
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

SEEDS = st.integers(0, 2**32 - 1)
FLOOR = 1e-6


def random_mixture(seed: int) -> Mixture:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    return Mixture(rng.dirichlet(np.ones(n)), rng.normal(0, 5, n), rng.uniform(0.1, 3, n))


def moments(mixture: Mixture) -> tuple[float, float]:
    mean = float(np.sum(mixture.weights * mixture.means))
    return mean, float(
        np.sum(mixture.weights * (np.square(mixture.stds) + np.square(mixture.means - mean)))
    )


def points_of(mixture: Mixture) -> WeightedPoints:
    """Return the mixture's density on a fine lattice, as 10,000 rows."""
    positions = np.linspace(mixture.means.min() - 8, mixture.means.max() + 8, 400)
    density = np.exp(mixture.log_density(positions))
    return WeightedPoints.of(positions, 10_000 * density / density.sum())


@given(SEEDS)
def test_a_split_adds_a_component_and_keeps_the_mean(seed: int) -> None:
    mixture = random_mixture(seed)
    found = list(splits(mixture))
    assert len(found) == 2 * mixture.n_components
    for split in found:
        assert split.n_components == mixture.n_components + 1
        assert split.weights.sum() == pytest.approx(1, abs=1e-12)
        assert moments(split)[0] == pytest.approx(moments(mixture)[0], abs=1e-9)


@given(SEEDS)
def test_a_merge_takes_a_component_away_and_one_of_neighbours_keeps_mean_and_variance(
    seed: int,
) -> None:
    mixture = random_mixture(seed)
    found = list(merges(mixture))
    assert all(merged.n_components == mixture.n_components - 1 for merged in found)
    assert all(merged.weights.sum() == pytest.approx(1, abs=1e-12) for merged in found)
    neighbours = found[mixture.n_components :]
    assert len(neighbours) == mixture.n_components - 1
    for merged in neighbours:
        assert moments(merged) == pytest.approx(moments(mixture), rel=1e-9, abs=1e-9)


def test_components_that_are_hard_to_tell_from_k_means_are_found() -> None:
    # Nine narrow components, some on top of wide ones.
    means, stds = (
        np.array([0, 0, 10, 10, 20, 21, 30, 60, 60.0]),
        np.array([0.2, 3, 0.2, 3, 0.3, 0.3, 1, 0.5, 6]),
    )
    true = Mixture(np.full(9, 1 / 9), means, stds)
    points = points_of(true)
    search = MixtureSearch(points, variance_floor=FLOOR)
    search.run(1, 9, seed=0)
    expected = true.mean_log_likelihood(points.positions, points.weights)
    assert search.best[9].mean_log_likelihood > expected - 1e-3


def test_a_larger_mixture_is_at_least_as_likely() -> None:
    search = MixtureSearch(points_of(random_mixture(3)), variance_floor=FLOOR)
    search.run(1, 6, seed=0)
    found = [search.best[size].mean_log_likelihood for size in range(1, 7)]
    assert (np.diff(found) > -1e-5).all()


def test_the_cost_of_a_component_decides_how_many_are_chosen() -> None:
    true = Mixture(np.array([0.5, 0.5]), np.array([0.0, 6.0]), np.array([1.0, 1.0]))
    search = MixtureSearch(points_of(true), variance_floor=FLOOR)
    search.run(1, 4, seed=0)
    assert search.choose(1e-3).n_components == 2
    assert search.choose(10.0).n_components == 1


def test_a_light_component_pays_its_penalty_or_is_dropped() -> None:
    true = Mixture(np.array([0.99, 0.01]), np.array([0.0, 6.0]), np.array([1.0, 1.0]))
    for cost, expected in ((0.01, 2), (1.0, 1)):
        search = MixtureSearch(
            points_of(true), variance_floor=FLOOR, penalties=[LightComponentPenalty(0.05, cost)]
        )
        search.run(1, 2, seed=0)
        assert search.choose(1e-4).n_components == expected


def test_large_sizes_are_reached_by_steps() -> None:
    points = WeightedPoints.of(np.random.default_rng(0).standard_normal(300))
    search = MixtureSearch(points, variance_floor=FLOOR)
    search.run(60, 64, seed=0)
    assert max(search.best) == 64

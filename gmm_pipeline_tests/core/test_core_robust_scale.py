import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.robust_scale import center_and_scale, weighted_quantiles

SEEDS = st.integers(0, 2**32 - 1)


def of_rows(rows: NDArray[np.float64]) -> tuple[float, int]:
    values, counts = np.unique(rows, return_counts=True)
    return center_and_scale(values, counts.astype(np.float64))


def normal(n: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(n)


def test_a_normal_column_has_its_median_and_about_its_std() -> None:
    center, exponent = of_rows(3 + 100 * normal(100_001))
    assert center == pytest.approx(3, abs=1.5)
    assert 2.0 ** (exponent - 1) <= 67.4 < 2.0**exponent


@pytest.mark.parametrize(
    "outliers", [[1e12], [-1e12], [1e12, -1e12]], ids=["above", "below", "both sides"]
)
@given(SEEDS)
def test_five_percent_of_outliers_move_neither_centre_nor_scale(
    outliers: list[float], seed: int
) -> None:
    rows = normal(1900, seed)
    _, exponent = of_rows(rows)
    # Distinct outliers, so that they are no point mass either.
    far = np.resize(outliers, 100) * np.linspace(1, 2, 100)
    moved, widened = of_rows(np.concatenate([rows, far]))
    # With 100 more rows on one side or both, the median of the 2,000 is one of these among the
    # 1,900.
    lowest, highest = np.sort(rows)[[899, 999]]
    assert lowest <= moved <= highest
    assert abs(widened - exponent) <= 1


@pytest.mark.parametrize("mass", [0.0, -7.0, 1e12])
def test_a_point_mass_is_ignored(mass: float) -> None:
    rows = normal(900)
    assert of_rows(np.concatenate([rows, np.full(9100, mass)])) == of_rows(rows)


def test_several_point_masses_are_ignored() -> None:
    rows = normal(1000)
    masses = np.repeat([0.0, 1.0, 99.0, 1e6], [50_000, 5000, 500, 50])
    assert of_rows(np.concatenate([rows, masses])) == of_rows(rows)


def test_the_masses_count_where_there_is_little_else() -> None:
    rows = np.concatenate([np.full(100, 8.0), np.full(100, 10.0), normal(20)])
    center, exponent = of_rows(rows)
    assert center == 8.0
    assert exponent <= 3


@given(SEEDS, st.integers(2, 200), st.integers(-900, 900))
def test_scaling_by_a_power_of_two_scales_the_centre_and_the_scale(
    seed: int, n: int, power: int
) -> None:
    rows = np.random.default_rng(seed).integers(-(2**20), 2**20, n).astype(np.float64)
    assume(np.unique(rows).size > 1)
    center, exponent = of_rows(rows)
    assert of_rows(np.ldexp(rows, power)) == (np.ldexp(center, power), exponent + power)


@given(SEEDS, st.integers(1, 200), st.integers(0, 40), st.sampled_from([-1, 1]))
def test_shifting_by_a_power_of_two_shifts_the_centre_alone(
    seed: int, n: int, power: int, sign: int
) -> None:
    rows = np.random.default_rng(seed).integers(-(2**10), 2**10, n).astype(np.float64)
    center, exponent = of_rows(rows)
    shift = sign * 2.0**power
    assert of_rows(rows + shift) == (center + shift, exponent)


@given(st.floats(-1e300, 1e300))
def test_a_constant_column_has_a_scale_of_1(value: float) -> None:
    assert center_and_scale(np.array([value]), np.array([5.0])) == (value, 1)


def test_quantiles_are_values_of_the_column() -> None:
    values, weights = np.array([-3.0, 1.0, 4.0, 9.0]), np.array([1.0, 2.0, 1.0, 4.0])
    quantiles = weighted_quantiles(values, weights, (0.0, 0.125, 0.126, 0.375, 0.5, 0.51, 1.0))
    assert quantiles.tolist() == [-3.0, -3.0, 1.0, 1.0, 4.0, 9.0, 9.0]

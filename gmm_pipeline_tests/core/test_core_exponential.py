"""Exponentials and logarithms of arrays equal the mathematical library's, up to the last digit."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.exponential import exponentials, logarithms


def of(x: NDArray[np.float64], negligible: float = -800.0) -> NDArray[np.float64]:
    result = x.copy()
    exponentials(result, negligible)
    return result


@given(st.lists(st.floats(-700.0, 0.0), min_size=1, max_size=50))
def test_exponentials_are_near_those_of_the_library(values: list[float]) -> None:
    exact = np.array([math.exp(value) for value in values])
    assert np.all(np.abs(of(np.array(values)) - exact) <= 2 * np.spacing(exact))


def test_the_exponential_of_zero_is_one() -> None:
    assert of(np.array([0.0, -0.0])).tolist() == [1.0, 1.0]


def test_the_exponential_below_negligible_is_zero() -> None:
    x = np.array([-1.0, -39.0, -40.0, -41.0, -1e308, -np.inf])
    assert (of(x, negligible=-40.0) > 0).tolist() == [True, True, False, False, False, False]


@given(
    st.lists(
        st.floats(np.finfo(np.float64).tiny, allow_infinity=False) | st.floats(0.5, 2.0),
        min_size=1,
        max_size=50,
    )
)
def test_logarithms_are_near_those_of_the_library(values: list[float]) -> None:
    exact, result = np.array([math.log(value) for value in values]), np.empty(len(values))
    logarithms(np.array(values), result)
    assert np.all(np.abs(result - exact) <= 2 * np.spacing(np.abs(exact)))

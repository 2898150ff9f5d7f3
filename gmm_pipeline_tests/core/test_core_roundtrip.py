import numpy as np
import pytest

from gmm_pipeline.core.roundtrip import RoundTrip, compare_numbers


def compare(original: list[float], decoded: list[float], value: list[float], dtype: type = np.float32) -> RoundTrip:
    return compare_numbers(
        np.array(original), np.array(decoded), np.array(value, dtype=dtype), np.full(len(value), 4.0), 2.0**-52
    )


def test_rows_are_told_apart_by_what_became_of_them() -> None:
    half_ulp = 2.0**-23 * 4
    found = compare([1.0, 2.0, 3.0, np.nan], [1.0, 2.0 + half_ulp, 3.1, np.nan], [0.0] * 4)
    assert (found.rows, found.exact, found.within_precision, found.changed) == (4, 2, 1, 1)
    assert found.largest_error == pytest.approx(0.1)


@pytest.mark.parametrize(("dtype", "precision"), [(np.float32, 2.0**-22), (np.float64, 2.0**-50)])
def test_the_precision_is_that_of_the_encoded_value(dtype: type, precision: float) -> None:
    decoded = [4 * precision * 0.99, 4 * precision * 1.01]
    found = compare([0.0, 0.0], decoded, [0.0, 0.0], dtype)
    assert (found.within_precision, found.changed) == (1, 1)


def test_a_value_of_exactly_the_reach_is_not_beyond_it() -> None:
    assert compare([0.0] * 4, [0.0] * 4, [0.99, -0.99, 0.9901, -7.0]).beyond_reach == 2


def test_what_became_nan_has_changed() -> None:
    found = compare([1.0, np.nan], [np.nan, 1.0], [0.0, 0.0])
    assert (found.exact, found.changed) == (0, 2)


def test_integers_that_differ_have_changed() -> None:
    original, decoded = np.array([5, 6, 2**62]), np.array([5, 7, 2**62])
    found = compare_numbers(original, decoded, np.zeros(3, dtype=np.float32), np.full(3, 4.0), 0.0)
    assert (found.exact, found.within_precision, found.changed, found.largest_error) == (2, 0, 1, 1.0)


def test_merged_comparisons_cover_the_rows_of_both() -> None:
    one, other = RoundTrip(10, 5, 3, 2, 1, 0.5), RoundTrip(20, 20, 0, 0, 4, 0.0)
    assert one.merge(other) == other.merge(one) == RoundTrip(30, 25, 3, 2, 5, 0.5)
    assert one.merge(RoundTrip()) == one

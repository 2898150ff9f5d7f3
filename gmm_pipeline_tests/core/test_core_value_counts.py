from collections import Counter

import numpy as np
import pytest
from core_evidence import bits, count_values, merged_at_random, merged_in_turn, pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.value_counts import MAX_DISTINCT, ValueCounter

SEEDS = st.integers(0, 2**32 - 1)
INT64 = np.iinfo(np.int64)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.one_of(
    st.lists(FINITE | st.sampled_from([0.0, -0.0, 1.0])).map(
        lambda rows: np.array(rows, dtype=np.float64)
    ),
    st.lists(st.integers(INT64.min, INT64.max) | st.integers(-2, 2)).map(
        lambda rows: np.array(rows, dtype=np.int64)
    ),
)


def rows_with(n_distinct: int, seed: int, dtype: type = np.float64) -> NDArray[np.float64]:
    """Return every one of so many values at least once, in random order, some of them often."""
    rng = np.random.default_rng(seed)
    values = np.unique(rng.standard_normal(n_distinct).view(np.int64)).view(dtype)
    assert values.size == n_distinct
    often = values[(n_distinct * rng.random(n_distinct // 2) ** 3).astype(int)]
    return rng.permutation(np.concatenate([values, often]))


@given(ROWS)
def test_few_distinct_values_are_counted_exactly(rows: NDArray[np.float64]) -> None:
    counted = count_values(rows)
    assert counted.exact
    assert dict(zip(counted.values.tolist(), counted.counts.tolist(), strict=True)) == Counter(
        rows.tolist()
    )
    assert (np.diff(counted.values.astype(object)) > 0).all()
    assert counted.values.dtype == rows.dtype
    assert counted.rows == rows.size


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_up_to_the_limit_every_distinct_value_is_counted(dtype: type) -> None:
    rows = rows_with(MAX_DISTINCT, 1, dtype)
    counted = count_values(rows)
    values, counts = np.unique(rows, return_counts=True)
    assert counted.exact
    assert bits([counted.values, counted.counts]) == bits([values, counts])


def test_one_value_beyond_the_limit_thins_the_values_to_half() -> None:
    counted = count_values(rows_with(MAX_DISTINCT + 1, 1))
    assert not counted.exact
    assert counted.level == 1
    assert abs(counted.values.size - MAX_DISTINCT / 2) < 5 * np.sqrt(MAX_DISTINCT / 4)


def test_a_value_that_repeats_beyond_the_limit_does_not_thin_the_values() -> None:
    counted = count_values(np.tile(np.arange(MAX_DISTINCT), 3))
    assert counted.exact
    assert (counted.counts == 3).all()


@pytest.mark.parametrize("n_distinct", [3 * MAX_DISTINCT, 40 * MAX_DISTINCT])
def test_beyond_the_limit_a_sample_of_the_values_is_counted_exactly(n_distinct: int) -> None:
    rows = rows_with(n_distinct, 2)
    counted = count_values(rows)
    values, counts = np.unique(rows, return_counts=True)
    held = np.isin(values, counted.values)
    assert MAX_DISTINCT / 4 < counted.values.size <= MAX_DISTINCT
    assert bits([counted.values, counted.counts]) == bits([values[held], counts[held]])
    expected = n_distinct / 2**counted.level
    assert abs(counted.values.size - expected) < 5 * np.sqrt(expected)


def test_the_sample_is_not_drawn_to_any_part_of_the_line() -> None:
    # Consecutive integers, as keys and dates are.
    n_distinct = 20 * MAX_DISTINCT
    counted = count_values(np.arange(n_distinct))
    halves = np.bincount(2 * counted.values // n_distinct)
    assert abs(halves[0] - halves[1]) < 5 * np.sqrt(counted.values.size)


@given(ROWS, SEEDS)
def test_any_order_and_grouping_of_few_rows_gives_the_same_counts(
    rows: NDArray[np.float64], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    parts = [count_values(part) for part in pieces(rng.permutation(rows), rng)]
    assert bits(merged_at_random(parts, rng)) == bits(count_values(rows))


@settings(max_examples=25)
@given(
    st.integers(MAX_DISTINCT - 10, 8 * MAX_DISTINCT), SEEDS, st.sampled_from([np.float64, np.int64])
)
def test_any_order_and_grouping_of_many_values_gives_the_same_counts(
    n_distinct: int, seed: int, dtype: type
) -> None:
    rng = np.random.default_rng(seed)
    rows = rows_with(n_distinct, seed, dtype)
    parts = [count_values(part) for part in pieces(rng.permutation(rows), rng)]
    assert bits(merged_at_random(parts, rng)) == bits(count_values(rows))


@settings(max_examples=25)
@given(st.lists(st.integers(1, 3 * MAX_DISTINCT), min_size=3, max_size=3), SEEDS)
def test_merging_counts_is_associative_and_commutative(n_distinct: list[int], seed: int) -> None:
    # The three share values, and may be thinned to different levels.
    a, b, c = (count_values(rows_with(n, seed)) for n in n_distinct)
    merged = bits(merged_in_turn([a, b, c]))
    assert bits(a.merge(b.merge(c))) == merged
    assert bits(b.merge(a).merge(c)) == merged
    assert bits(merged_in_turn([c, b, a])) == merged


@settings(max_examples=25)
@given(st.integers(MAX_DISTINCT - 10, 4 * MAX_DISTINCT), SEEDS)
def test_rows_that_come_in_batches_count_as_rows_that_come_at_once(
    n_distinct: int, seed: int
) -> None:
    rows = rows_with(n_distinct, seed)
    counter = ValueCounter(rows.dtype)
    for part in pieces(rows, np.random.default_rng(seed)):
        counter.add(part)
    assert bits(counter.counts()) == bits(count_values(rows))


def test_merging_does_not_change_its_inputs() -> None:
    one, other = count_values(np.array([1.0, 2.0])), count_values(np.array([2.0, 3.0]))
    before = bits([one, other])
    one.merge(other)
    assert bits([one, other]) == before


@pytest.mark.parametrize("rows", [[0.0, -0.0], [-0.0, 0.0], [-0.0, -0.0]])
def test_negative_zero_counts_as_zero(rows: list[float]) -> None:
    counted = count_values(np.array(rows))
    assert bits([counted.values, counted.counts]) == bits([np.array([0.0]), np.array([2])])


def test_the_extremes_of_each_type_are_counted() -> None:
    integers = np.array([INT64.max, 0, INT64.min, -1, INT64.min, INT64.max])
    counted = count_values(integers)
    assert counted.values.tolist() == [INT64.min, -1, 0, INT64.max]
    assert counted.counts.tolist() == [2, 1, 1, 2]
    largest, smallest = np.finfo(np.float64).max, np.finfo(np.float64).smallest_subnormal
    numbers = np.array([-smallest, largest, smallest, -largest])
    assert count_values(numbers).values.tolist() == [-largest, -smallest, smallest, largest]


def test_no_rows_are_counted_as_no_values() -> None:
    nothing = count_values(np.empty(0))
    some = count_values(np.array([1.0]))
    assert nothing.exact
    assert nothing.rows == 0
    assert bits(nothing.merge(some)) == bits(some) == bits(some.merge(nothing))


def test_counting_does_not_change_its_input() -> None:
    rows = np.array([-0.0, 1.0])
    rows.flags.writeable = False
    assert count_values(rows[::-1]).rows == 2

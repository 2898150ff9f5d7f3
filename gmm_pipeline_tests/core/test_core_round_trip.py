from functools import reduce
from typing import Any

import numpy as np
import pytest
from core_evidence import bits
from numpy.typing import NDArray

from gmm_pipeline.core.coding.round_trip import RoundTrip, Tolerance, count_labels, count_numbers

HALF_WIDTHS = np.array([4.0, 0.5, 0.0])


def compare(
    original: list[Any],
    decoded: list[Any],
    value: list[float],
    rank: list[int] | None = None,
    own: float = 2.0**-52,
) -> RoundTrip:
    """Compare rows of three modes, whose values are float32."""
    return compare_in(np.float32, original, decoded, value, rank, own)


def compare_in(
    dtype: type,
    original: list[Any],
    decoded: list[Any],
    value: list[float],
    rank: list[int] | None,
    own: float,
    stretch: float = 1.0,
) -> RoundTrip:
    ranks = np.array(rank or [0] * len(value), dtype=np.uint8)
    return count_numbers(
        np.array(original),
        np.array(decoded),
        np.zeros(0, dtype=np.bool_),
        np.array(value, dtype=dtype),
        ranks,
        Tolerance(HALF_WIDTHS, np.dtype(dtype), own),
        np.full(ranks.size, stretch),
    )


def totals(found: RoundTrip) -> tuple[int, int, int, int]:
    counted = (found.rows, found.exact, found.within_precision, found.changed)
    return tuple(int(rows.sum()) for rows in counted)  # type: ignore[return-value]


def test_rows_are_counted_by_their_outcome() -> None:
    half_ulp = 2.0**-23 * 4
    found = compare([1.0, 2.0, 3.0, np.nan], [1.0, 2.0 + half_ulp, 3.1, np.nan], [0.0] * 4)
    assert totals(found) == (4, 2, 1, 1)
    assert found.largest_error.tolist() == pytest.approx([0.1, 0, 0])


def test_rows_are_counted_by_their_modes() -> None:
    found = compare([1.0, 2.0, 3.0, 4.0], [1.0, 2.5, 3.0, 4.0], [0.0, 0.0, 3.0, -2.0], [2, 1, 1, 0])
    assert found.rows.tolist() == [1, 2, 1]
    assert found.exact.tolist() == [1, 1, 1]
    assert found.changed.tolist() == [0, 1, 0]
    assert found.beyond_reach.tolist() == [1, 1, 0]
    assert found.largest_error.tolist() == [0.0, 0.5, 0.0]


@pytest.mark.parametrize(("dtype", "precision"), [(np.float32, 2.0**-22), (np.float64, 2.0**-50)])
@pytest.mark.parametrize(("rank", "half_width"), [(0, 4.0), (1, 0.5)])
def test_the_precision_is_that_of_the_encoded_value(
    dtype: type, precision: float, rank: int, half_width: float
) -> None:
    decoded = [half_width * precision * 0.99, half_width * precision * 1.01]
    found = compare_in(dtype, [0.0, 0.0], decoded, [0.0, 0.0], [rank, rank], 2.0**-52)
    assert totals(found)[2:] == (1, 1)


@pytest.mark.parametrize("stretch", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("rank", [0, 1])
def test_the_precision_follows_how_far_numbers_move_with_their_coordinates(
    stretch: float, rank: int
) -> None:
    error = 2.0**-22 * stretch * HALF_WIDTHS[rank]
    decoded = [0.99 * error, error, 1.01 * error]
    assert totals(compare_in(np.float32, [0.0] * 3, decoded, [0.0] * 3, [rank] * 3, 0.0, stretch))[
        2:
    ] == (2, 1)


def test_a_row_that_is_null_before_or_after_only_has_changed() -> None:
    found = count_numbers(
        np.array([0.0, 0.0, 3.0]),
        np.array([0.0, 0.0, 3.0]),
        np.array([False, True, False]),
        np.zeros(3, dtype=np.float32),
        np.zeros(3, dtype=np.uint8),
        Tolerance(HALF_WIDTHS, np.dtype(np.float32), 0.0),
        np.ones(3),
    )
    assert totals(found) == (3, 2, 0, 1)
    assert found.largest_error[0] == np.inf


def test_a_value_of_exactly_the_reach_is_not_beyond_it() -> None:
    assert compare([0.0] * 4, [0.0] * 4, [0.99, -0.99, 0.9901, -7.0]).beyond_reach.sum() == 2


def test_a_number_that_became_nan_has_changed() -> None:
    found = compare([1.0, np.nan], [np.nan, 1.0], [0.0, 0.0])
    assert totals(found) == (2, 0, 0, 2)
    assert found.largest_error[0] == np.inf


def test_integers_that_differ_have_changed() -> None:
    found = compare([5, 6, 2**62], [5, 7, 2**62], [0.0] * 3, own=0.0)
    assert totals(found) == (3, 2, 0, 1)
    assert found.largest_error[0] == 1.0


def test_comparisons_of_many_rows_are_those_of_their_parts() -> None:
    rng = np.random.default_rng(0)
    rows = 150_000
    before, rank = rng.normal(size=rows), rng.choice(3, rows, p=[0.98, 0.02, 0.0]).astype(np.uint8)
    after = before + rng.choice([0.0, 1e-8, 1.0], rows)
    value, lost = rng.normal(0, 0.5, rows).astype(np.float32), rng.random(rows) < 0.01
    precision = Tolerance(HALF_WIDTHS, np.dtype(np.float32), 0.0)

    def compare_part(part: slice) -> RoundTrip:
        stretch = np.ones(rank[part].size)
        return count_numbers(
            before[part], after[part], lost[part], value[part], rank[part], precision, stretch
        )

    parts = [compare_part(slice(start, start + 700)) for start in range(0, rows, 700)]
    whole = compare_part(slice(None))
    assert bits(reduce(RoundTrip.merge, parts)) == bits(whole)
    assert whole.rows.tolist() == np.bincount(rank, minlength=3).tolist()
    assert whole.exact.sum() == np.count_nonzero((before == after) & ~lost)


def test_labels_are_exact_or_have_changed() -> None:
    found = count_labels(np.array([True, False, True]), np.array([0, 1, 1], dtype=np.uint8), 3)
    assert found.rows.tolist() == [1, 2, 0]
    assert found.exact.tolist() == [1, 1, 0]
    assert found.changed.tolist() == [0, 1, 0]


def counts_of(rows: list[int], largest: list[float]) -> RoundTrip:
    each: list[NDArray[np.int64]] = [np.array(rows) * factor for factor in (10, 5, 3, 1)]
    return RoundTrip(*each, np.array(largest))


def test_merged_comparisons_cover_the_rows_of_both() -> None:
    one, other = counts_of([1, 0, 4], [0.5, 0.0, 2.0]), counts_of([2, 1, 0], [0.1, 3.0, 0.0])
    merged = bits(counts_of([3, 1, 4], [0.5, 3.0, 2.0]))
    assert bits(one.merge(other)) == bits(other.merge(one)) == merged
    assert bits(one.merge(RoundTrip.none(3))) == bits(one)

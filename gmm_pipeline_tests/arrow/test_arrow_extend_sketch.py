"""The sketch of a column that grew, from its earlier sketch and the new rows alone."""

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from exactness import bits
from hypothesis import given, settings
from hypothesis import strategies as st

from gmm_pipeline.arrow import sketch_column as sketching
from gmm_pipeline.arrow.counters import GridNumberCounter, RowCounter
from gmm_pipeline.arrow.extend_sketch import extend_sketch
from gmm_pipeline.arrow.sketch_column import SketchRequest, declared_numbers, sketch_column
from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.heavy_hitters import SMALLEST_SHARE
from gmm_pipeline.core.sketch.sketch import Sketch, Tally
from gmm_pipeline.core.sketch.value_counts import MAX_DISTINCT, ValueCounts
from gmm_pipeline.errors import ColumnDataError

SEEDS = st.integers(0, 2**32 - 1)
AUTO = SketchRequest()
LOG = SketchRequest(log=True)


class Rows:
    """A counting pass over an array, in slices with their own counters; records its ranges."""

    def __init__(self, array: pa.Array, slice_rows: int = 20_000) -> None:
        self.array = array
        self.slice_rows = slice_rows
        self.ranges: list[range] = []

    def __call__(self, counter: Callable[[], RowCounter], ranges: Sequence[range], /) -> Tally:
        self.ranges += ranges
        tallies = []
        for rows in ranges:
            for start in range(rows.start, max(rows.stop, rows.start + 1), self.slice_rows):
                counting = counter()
                counting.add(self.array.slice(start, min(self.slice_rows, rows.stop - start)))
                tallies.append(counting.tally())
        return reduce(lambda left, right: left.merge(right), tallies)


def field_of(array: pa.Array) -> pa.Field:
    return pa.field("amount", array.type)


def sketch_of(array: pa.Array, request: SketchRequest = AUTO) -> Sketch:
    return sketch_column(field_of(array), len(array), request, Rows(array))


def extended(
    sketch: Sketch, array: pa.Array, request: SketchRequest = AUTO, stop: int | None = None
) -> Sketch | None:
    """Extend a sketch by a pass over the rows of an array that it lacks, up to `stop`."""
    rows, new = Rows(array), range(sketch.rows, len(array) if stop is None else stop)
    result = extend_sketch(sketch, field_of(array), new, request, rows)
    assert all(new.start <= part.start and part.stop <= new.stop for part in rows.ranges)
    return result


def grown(array: pa.Array, cuts: Sequence[int], request: SketchRequest = AUTO) -> Sketch:
    """Sketch the first rows of an array, and extend the sketch from cut to cut, to the end."""
    first, *stops = [*sorted(cuts), len(array)]
    sketch = sketch_of(array.slice(0, first), request)
    for stop in stops:
        longer = extended(sketch, array, request, stop)
        assert longer is not None
        sketch = longer
    return sketch


def units(counts: Any, kind: pa.DataType) -> pa.Array:
    narrow = pa.types.is_date32(kind)
    return pa.array(counts, pa.int32() if narrow else pa.int64()).cast(kind)


def cuts_of(rng: np.random.Generator, rows: int) -> list[int]:
    cuts: list[int] = rng.integers(0, rows + 1, rng.integers(1, 5)).tolist()
    return cuts


FEW_VALUES: dict[str, tuple[Callable[[np.random.Generator, int], pa.Array], SketchRequest]] = {
    "integers": (lambda rng, n: pa.array(rng.poisson(50, n)), AUTO),
    "multiples": (lambda rng, n: pa.array(2**60 + 7 * rng.poisson(50, n)), AUTO),
    "decimals": (
        lambda rng, n: units(rng.poisson(5000, n), pa.int64()).cast(pa.decimal128(21, 2)),
        AUTO,
    ),
    "dates": (lambda rng, n: units(rng.poisson(16_000, n), pa.date32()), AUTO),
    "cents": (lambda rng, n: pa.array(np.round(rng.normal(0, 3, n), 2)), AUTO),
    "numbers": (lambda rng, n: pa.array(rng.normal(0, 1, n)), AUTO),
    "nulls and infinities": (
        lambda rng, n: pa.array(
            rng.choice([np.nan, np.inf, -np.inf, -0.0, 1.5], n), mask=rng.random(n) < 0.3
        ),
        AUTO,
    ),
    "logarithms": (lambda rng, n: pa.array(rng.integers(-40, 1000, n)), LOG),
    "text": (
        lambda rng, n: pa.array(rng.choice(["a", "b", "ü", None], n).tolist(), pa.string()),
        AUTO,
    ),
    "booleans": (lambda rng, n: pa.array(rng.random(n) < 0.5, mask=rng.random(n) < 0.1), AUTO),
    "categories": (
        lambda rng, n: pa.array(rng.normal(0, 1, n).round(1)),
        SketchRequest(kind="categorical"),
    ),
    "nothing": (lambda _, n: pa.nulls(n, pa.float64()), AUTO),
}


@pytest.mark.parametrize("column", FEW_VALUES)
@settings(max_examples=15)
@given(SEEDS, st.integers(1, 400))
def test_exact_counts_become_the_sketch_of_all_rows_bit_for_bit(
    column: str, seed: int, rows: int
) -> None:
    make, request = FEW_VALUES[column]
    rng = np.random.default_rng(seed)
    array = make(rng, rows)
    assert bits(grown(array, cuts_of(rng, rows), request)) == bits(sketch_of(array, request))


MANY_VALUES: dict[str, tuple[Callable[[np.random.Generator, int], pa.Array], SketchRequest]] = {
    "numbers": (lambda rng, n: pa.array(rng.standard_t(2, n)), AUTO),
    "half zeros": (lambda rng, n: pa.array(rng.normal(0, 1, n) * rng.integers(0, 2, n)), AUTO),
    "integers": (lambda rng, n: pa.array(rng.integers(0, 10**6, n)), AUTO),
    "cents that become finer": (
        lambda rng, n: pa.array(np.append(rng.normal(0, 1000, n - 1).round(2), 0.123)),
        AUTO,
    ),
    "multiples but one": (
        lambda rng, n: pa.array(np.append(10 * rng.integers(0, 10**6, n - 1), 3)),
        AUTO,
    ),
    "logarithms": (
        lambda rng, n: pa.array(rng.lognormal(3, 2, n) - 1, mask=rng.random(n) < 0.01),
        LOG,
    ),
    "declared atoms": (
        lambda rng, n: pa.array(rng.integers(0, 10**6, n)),
        SketchRequest(atoms=(17, -5)),
    ),
    "a value that is frequent in some rows": (
        lambda rng, n: pa.array(
            np.concatenate([np.full(n // 20, 0.5), rng.normal(0, 1, n - n // 20)])
        ),
        AUTO,
    ),
    "single values that are near the share of frequent ones": (
        lambda rng, n: pa.array(
            np.where(rng.random(n) < 0.6, rng.integers(0, 155, n), rng.integers(0, 10**6, n))
        ),
        AUTO,
    ),
}


@pytest.mark.parametrize("column", MANY_VALUES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_too_many_values_to_count_exactly_become_the_sketch_of_all_rows_bit_for_bit(
    column: str, seed: int
) -> None:
    make, request = MANY_VALUES[column]
    array = make(np.random.default_rng(seed), 5 * MAX_DISTINCT)
    whole = sketch_of(array, request)
    assert isinstance(whole.tally.body, GridCounts)
    for first in (0, 1, MAX_DISTINCT // 2, MAX_DISTINCT - 1):
        known = sketch_of(array.slice(0, first), request)
        assert isinstance(known.tally.body, ValueCounts)
        assert bits(extended(known, array, request)) == bits(whole)


def counted_on_its_grid(sketch: Sketch, array: pa.Array, apart: Any, wanted: Any) -> Any:
    body = sketch.tally.body
    assert isinstance(body, GridCounts)
    assert sketch.coordinate is not None
    counter = GridNumberCounter(body.grid, sketch.coordinate, apart)
    counter.add(array)
    tally = counter.tally()
    assert isinstance(tally.body, GridCounts)
    return Sketch(
        Tally(tally.specials, tally.body.only_heavy_apart(sketch.coordinate, wanted)),
        sketch.coordinate,
    )


@pytest.mark.parametrize(
    "column", ["numbers", "half zeros", "integers", "logarithms", "declared atoms"]
)
@settings(max_examples=8)
@given(SEEDS)
def test_rows_added_on_a_grid_count_as_all_rows_counted_there(column: str, seed: int) -> None:
    make, request = MANY_VALUES[column]
    rng = np.random.default_rng(seed)
    array = make(rng, 4 * MAX_DISTINCT)
    if request.log:
        array = pa.array(np.abs(array.to_numpy(zero_copy_only=False)))
    first = int(rng.integers(2 * MAX_DISTINCT, 3 * MAX_DISTINCT))
    known = sketch_of(array.slice(0, first), request)
    result = grown(
        array, [first, *rng.integers(first, 4 * MAX_DISTINCT, rng.integers(0, 4)).tolist()], request
    )
    wanted = declared_numbers(field_of(array), request.atoms)
    assert bits(result) == bits(counted_on_its_grid(known, array, known.numbers.values, wanted))


@settings(max_examples=8)
@given(SEEDS)
def test_rows_that_are_counted_on_their_own_and_merged_in_any_order_give_the_same(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    array = pa.array(rng.normal(0, 1, 4 * MAX_DISTINCT) * rng.integers(0, 2, 4 * MAX_DISTINCT))
    known = sketch_of(array.slice(0, 3 * MAX_DISTINCT))
    cuts = [
        3 * MAX_DISTINCT,
        *np.sort(rng.integers(3 * MAX_DISTINCT, 4 * MAX_DISTINCT, 3)).tolist(),
        4 * MAX_DISTINCT,
    ]
    parts = [array.slice(start, stop - start) for start, stop in pairwise(cuts)]
    apart = known.numbers.values
    increments = [counted_on_its_grid(known, part, apart, apart) for part in parts]
    merged = reduce(
        Sketch.merge, [known, *(increments[i] for i in rng.permutation(len(increments)))]
    )
    assert bits(merged) == bits(extended(known, array)) == bits(grown(array, cuts[:-1]))


def test_without_new_rows_the_sketch_stays_the_same() -> None:
    for array in (
        pa.array(["a", None]),
        pa.array([1, 2]),
        pa.array(np.random.default_rng(0).normal(0, 1, 2 * MAX_DISTINCT)),
    ):
        sketch = sketch_of(array)
        assert extended(sketch, array) is sketch


def test_a_sketch_of_other_rows_is_refused() -> None:
    array = pa.array([1, 2, 3])
    with pytest.raises(
        ValueError, match="a sketch of 3 rows does not end where the new rows begin, at 2"
    ):
        extend_sketch(sketch_of(array), field_of(array), range(2, 3), AUTO, Rows(array))


NORMAL = np.random.default_rng(0).normal(100, 10, 2 * MAX_DISTINCT)
EVEN = 2 * np.random.default_rng(0).integers(0, 10**6, 2 * MAX_DISTINCT)
SHARE = round(2 * MAX_DISTINCT * SMALLEST_SHARE)
NOT_TO_EXTEND: dict[str, tuple[Any, Any, SketchRequest, SketchRequest]] = {
    "a number between the steps": (EVEN, [2 * 10**5 + 1], AUTO, AUTO),
    "more places": (NORMAL.round(4), [100.00001], AUTO, AUTO),
    "a number too far from the others": (EVEN, [2**62], AUTO, AUTO),
    "a number without logarithm": (NORMAL, [-1.0], LOG, LOG),
    "an atom that is not counted apart": (NORMAL, [100.0], AUTO, SketchRequest(atoms=(100.0,))),
    "logarithms from now on": (NORMAL, [100.0], AUTO, LOG),
    "no logarithms any more": (NORMAL, [100.0], LOG, AUTO),
    "categories from now on": (NORMAL, [100.0], AUTO, SketchRequest(kind="categorical")),
    "few numbers that are categories from now on": (
        [1.0, 2.0],
        [100.0],
        AUTO,
        SketchRequest(kind="categorical"),
    ),
    "no categories any more": ([1.0, 2.0], [100.0], SketchRequest(kind="categorical"), AUTO),
    "a new number with many rows": (NORMAL, np.full(2 * SHARE, 100.5), AUTO, AUTO),
    "an old number with many more rows": (
        np.append(NORMAL, np.full(SHARE - 5, 100.5)),
        np.full(9, 100.5),
        AUTO,
        AUTO,
    ),
}


@pytest.mark.parametrize("reason", NOT_TO_EXTEND)
def test_all_rows_have_to_be_sketched_again_for(reason: str) -> None:
    first, new, before, now = NOT_TO_EXTEND[reason]
    array = pa.array(np.concatenate([first, new]))
    assert extended(sketch_of(array.slice(0, len(first)), before), array, now) is None


def test_all_rows_of_another_type_have_to_be_sketched_again() -> None:
    array = pa.array([1.0, 2.0, 3.0])
    assert extended(sketch_of(array.slice(0, 2).cast(pa.int64())), array) is None
    whole = pa.array(NORMAL)
    assert extended(sketch_of(whole.slice(0, 30_000).cast(pa.int64(), safe=False)), whole) is None


def test_a_number_that_does_not_become_frequent_stays_in_its_cell() -> None:
    array = pa.array(np.concatenate([NORMAL, np.full(SHARE // 2, 100.5), [100.5, 100.5]]))
    known = sketch_of(array.slice(0, len(array) - 2))
    assert known.numbers.values.size == 0
    assert bits(extended(known, array)) == bits(
        counted_on_its_grid(known, array, np.empty(0), np.empty(0))
    )


def test_a_number_that_is_no_longer_frequent_goes_to_its_cell() -> None:
    array = pa.array(np.concatenate([NORMAL, np.full(SHARE + 10, 100.5), NORMAL[::-1] + 0.001]))
    known = sketch_of(array.slice(0, 2 * MAX_DISTINCT + SHARE + 10))
    result = extended(known, array)
    assert known.numbers.values.tolist() == [100.5]
    assert result is not None
    assert result.numbers.values.size == 0
    assert bits(result) == bits(counted_on_its_grid(known, array, np.empty(0), np.empty(0)))


@pytest.mark.parametrize("new", [10, 300, 5000])
@settings(max_examples=15)
@given(SEEDS)
def test_no_number_that_becomes_frequent_stays_in_a_cell(new: int, seed: int) -> None:
    # Two hundred numbers of about the share from which a number is frequent, many of them in a
    # cell.
    rng = np.random.default_rng(seed)
    numbers = np.concatenate([np.arange(200), rng.integers(10**6, 10**9, 2 * MAX_DISTINCT)])
    shares = np.concatenate(
        [rng.uniform(0.8, 1.1, 200) * SMALLEST_SHARE, np.zeros(2 * MAX_DISTINCT)]
    )
    shares[200:] = (1 - shares.sum()) / (2 * MAX_DISTINCT)
    rows = rng.choice(numbers, 150_000, p=shares)
    array = pa.array(np.concatenate([rows, rng.choice(rows, new)]))
    known = sketch_of(pa.array(rows))
    result = extended(known, array)
    values, counts = np.unique(array.to_numpy(), return_counts=True)
    frequent = values[counts >= SMALLEST_SHARE * len(array)]
    assert isinstance(known.tally.body, GridCounts)
    assert (result is None) or np.isin(frequent, result.numbers.values).all()


@pytest.mark.parametrize("rows", [50, 5 * MAX_DISTINCT])
def test_infinities_are_refused_in_old_and_new_rows_together(rows: int) -> None:
    numbers = np.random.default_rng(0).normal(0, 1, rows)
    numbers[[-1, -2]] = [np.inf, -np.inf]
    array = pa.array(numbers)
    for first in (10, rows - 10, rows - 1):
        with pytest.raises(ColumnDataError, match=r"holds infinities \(2 rows\)"):
            extended(sketch_of(array.slice(0, first)), array, SketchRequest(infinities=False))


def test_numbers_too_far_apart_are_refused_as_they_are_in_all_rows() -> None:
    array = pa.array(
        np.concatenate(
            [np.arange(MAX_DISTINCT), [2**62] * 5, np.arange(5 * MAX_DISTINCT), [-(2**62)]]
        )
    )
    refusals = []
    for sketch in (sketch_of, lambda rows: extended(sketch_of(rows.slice(0, 100)), rows)):
        with pytest.raises(ColumnDataError) as refused:
            sketch(array)
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]


def test_a_long_column_with_too_many_values_gets_a_grid_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sketching, "FULL_SAMPLE_ROWS", 0)
    monkeypatch.setattr(sketching, "WINDOW_ROWS", 1000)
    for column in ("numbers", "logarithms", "half zeros"):
        make, request = MANY_VALUES[column]
        array = make(np.random.default_rng(0), 10 * MAX_DISTINCT)
        result = extended(sketch_of(array.slice(0, MAX_DISTINCT // 2), request), array, request)
        assert result is not None
        assert result.rows == len(array)
        assert bits(result) == bits(
            counted_on_its_grid(result, array, result.numbers.values, np.empty(0))
        )


def test_a_long_column_with_few_values_is_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketching, "FULL_SAMPLE_ROWS", 0)
    monkeypatch.setattr(sketching, "WINDOW_ROWS", 1000)
    array = pa.array(np.random.default_rng(0).poisson(50, 200_000))
    for first in (0, 500, 70_000, 199_900):
        assert bits(extended(sketch_of(array.slice(0, first)), array)) == bits(sketch_of(array))

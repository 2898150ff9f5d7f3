"""How far a column's distribution has moved between two sketches."""

from collections import Counter

import numpy as np
import pytest
from core_evidence import REAL, count_on, grid_around, sketch_of_values, sketch_on_grid
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.decimal_coordinate import DecimalCoordinate
from gmm_pipeline.core.sketch.drift import drift
from gmm_pipeline.core.sketch.grid import Grid
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.sketch import LabelCounts, Sketch, Specials, Tally

SEEDS = st.integers(0, 2**32 - 1)
INTEGERS = IntegerCoordinate(0, -(2**63), 2**63 - 1)
LABELS = st.dictionaries(st.text(max_size=1), st.integers(1, 50))
SPECIALS = st.builds(Specials, *[st.integers(0, 30)] * 4)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def labelled(counts: dict[str, int], specials: Specials | None = None) -> Sketch:
    return Sketch(Tally(specials or Specials(), LabelCounts.of(Counter(counts))), None)


def sketched(rows: NDArray[np.float64], form: int, specials: Specials) -> Sketch:
    """Sketch numbers exactly, on a grid of their own, or on one far from it with a number apart."""
    if form == 0 or not rows.size:
        return sketch_of_values(rows, specials=specials)
    if form == 1:
        return sketch_on_grid(rows, specials)
    return Sketch(Tally(specials, count_on(Grid(3.0, 2), rows, apart=rows[:1])), REAL)


LABEL_SKETCHES = st.builds(labelled, LABELS, SPECIALS)
ROWS = st.lists(FINITE | st.sampled_from([0.0, 1.0, 2.0])).map(np.array)
NUMBER_SKETCHES = st.builds(sketched, ROWS, st.integers(0, 2), SPECIALS)


@given(LABEL_SKETCHES | NUMBER_SKETCHES, LABEL_SKETCHES | NUMBER_SKETCHES)
def test_it_is_a_share_and_the_same_both_ways(one: Sketch, other: Sketch) -> None:
    moved = drift(one, other)
    assert 0 <= moved <= 1
    assert drift(other, one) == pytest.approx(moved, abs=1e-12)


@given(LABEL_SKETCHES | NUMBER_SKETCHES)
def test_a_sketch_has_not_moved_from_itself(sketch: Sketch) -> None:
    assert drift(sketch, sketch) == 0


@given(ROWS, SEEDS)
def test_neither_the_order_of_the_rows_nor_their_number_matters(
    rows: NDArray[np.float64], seed: int
) -> None:
    other = np.random.default_rng(seed).permutation(np.repeat(rows, 3))
    assert drift(sketch_of_values(rows), sketch_of_values(other)) <= 1e-12


def test_categories_and_numbers_have_nothing_in_common() -> None:
    assert drift(labelled({"a": 1}), sketch_of_values(np.array([1.0]))) == 1.0


def test_rows_that_change_their_category_are_counted() -> None:
    before = labelled({"a": 60, "b": 40})
    assert drift(before, labelled({"a": 50, "b": 40, "c": 10})) == pytest.approx(0.1)
    assert drift(before, labelled({"c": 7})) == pytest.approx(1.0)
    assert drift(before, labelled({"a": 54, "b": 36}, Specials(nulls=10))) == pytest.approx(0.1)


@pytest.mark.parametrize("specials", [Specials(nulls=30), Specials(10, 10, 5, 5)], ids=str)
@pytest.mark.parametrize("form", [0, 1])
def test_numbers_that_become_null_or_infinite_are_counted(specials: Specials, form: int) -> None:
    rows = np.random.default_rng(0).normal(0, 1, 1000)
    before, now = sketched(rows, form, Specials()), sketched(rows[:970], form, specials)
    assert drift(before, now) == pytest.approx(0.03, abs=0.005)


def test_a_null_that_becomes_an_infinity_is_counted() -> None:
    rows = np.arange(60.0)
    before, now = (
        sketch_of_values(rows, specials=specials)
        for specials in (Specials(40), Specials(30, 0, 10))
    )
    assert drift(before, now) == pytest.approx(0.1)


def test_rows_that_move_between_two_values_are_counted_however_near_they_are() -> None:
    before = sketch_of_values(np.repeat([0.0, 1.0, 2.0], [50, 25, 25]))
    assert drift(
        before, sketch_of_values(np.repeat([0.0, 1.0, 2.0], [50, 45, 5]))
    ) == pytest.approx(0.2)
    # The distribution function moves by 0.1 and back; two tenths of the rows have other values.
    back_and_forth = sketch_of_values(np.repeat([0.0, 1.0, 2.0, 3.0], [15, 35, 15, 35]))
    evenly = sketch_of_values(np.repeat([0.0, 1.0, 2.0, 3.0], 25))
    assert drift(evenly, back_and_forth) == pytest.approx(0.2)


def test_a_value_that_becomes_frequent_is_counted_where_both_sketches_know_it() -> None:
    rows = np.random.default_rng(0).normal(0, 1, 20_000)
    grid = grid_around(rows)
    before, now = (
        Sketch(Tally(Specials(), count_on(grid, numbers, apart=np.array([0.5]))), REAL)
        for numbers in (rows, np.append(rows[:18_000], np.full(2000, 0.5)))
    )
    assert drift(before, now) == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize("coordinate", [REAL, LogCoordinate(REAL, 5.0)])
@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_the_distance_of_two_normal_distributions_is_that_of_their_distribution_functions(
    coordinate: LogCoordinate, shift: float
) -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 0.5, 100_000), rng.normal(shift, 0.5, 100_000)
    x = np.sort(np.concatenate([one, other]))
    shares = [np.searchsorted(np.sort(rows), x, "right") / rows.size for rows in (one, other)]
    expected = np.abs(shares[0] - shares[1]).max()
    before = Sketch(Tally(Specials(), count_on(grid_around(one), one)), REAL)
    now = Sketch(
        Tally(Specials(), count_on(grid_around(coordinate.forward(other)), other, coordinate)),
        coordinate,
    )
    assert drift(before, now) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("n", [1000, 10_000, 100_000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_samples_of_one_distribution_differ_by_about_one_over_the_root_of_their_rows(
    n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    for rows in (rng.normal(0, 1, 2 * n), rng.standard_t(1, 2 * n), rng.lognormal(0, 3, 2 * n)):
        assert (
            0.1 / np.sqrt(n)
            < drift(sketch_on_grid(rows[:n]), sketch_on_grid(rows[n:]))
            < 3 / np.sqrt(n)
        )


@pytest.mark.parametrize("n_values", [2, 50, 200])
def test_samples_of_many_single_values_differ_by_about_the_root_of_their_number_over_the_rows(
    n_values: int,
) -> None:
    n = 40_000
    rows = np.random.default_rng(0).integers(0, n_values, 2 * n)
    values = [sketch_of_values(half, INTEGERS) for half in (rows[:n], rows[n:])]
    labels = [labelled(Counter(map(str, half.tolist()))) for half in (rows[:n], rows[n:])]
    assert drift(*labels) == pytest.approx(drift(*values))
    assert 0.1 < drift(*values) / np.sqrt(n_values / n) < 0.8


def test_one_row_in_a_hundred_from_elsewhere_is_a_drift_of_a_hundredth() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, 100_000)
    grid = grid_around(rows)
    before = count_on(grid, rows)
    now = before.merge(count_on(grid, rng.normal(50, 1, 1000)))
    assert drift(
        Sketch(Tally(Specials(), before), REAL), Sketch(Tally(Specials(), now), REAL)
    ) == pytest.approx(1000 / 101_000, rel=0.01)


def test_the_same_integers_counted_exactly_and_on_grids_have_hardly_moved() -> None:
    rows = np.random.default_rng(0).integers(0, 10_000, 50_000)
    exactly = sketch_of_values(rows, INTEGERS)
    for grid in (Grid(5000.0, 12), Grid(100.0, 5)):
        on_grid = Sketch(Tally(Specials(), count_on(grid, rows, INTEGERS)), INTEGERS)
        assert drift(exactly, on_grid) < 0.01


def test_a_coordinate_that_does_not_hold_a_single_value_does_not_matter() -> None:
    rows = np.append(np.arange(1000.0), 1e17)
    cents = DecimalCoordinate(2)
    body = count_on(Grid(500.0, 9), rows, cents, apart=np.array([1e17]))
    assert drift(Sketch(Tally(Specials(), body), cents), sketch_of_values(rows)) < 0.005

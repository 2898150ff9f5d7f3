"""Specials, labels, tallies and sketches: merging does not depend on order or grouping."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from core_evidence import (
    REAL,
    bits,
    count_on,
    count_values,
    merged_in_turn,
    sketch_of_values,
    sketch_on_grid,
)
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.core.sketch.grid import Grid
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.sketch import Body, Label, LabelCounts, Sketch, Specials, Tally
from gmm_pipeline.core.sketch.value_counts import MAX_DISTINCT

COUNTS = st.integers(0, 2**40)
GRID = Grid(0.5, 1)
SPECIALS = st.builds(Specials, COUNTS, COUNTS, COUNTS, COUNTS)
NUMBERS = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 3.0])).map(np.array)
LABELS: dict[str, st.SearchStrategy[Label]] = {
    "strings": st.text(max_size=2),
    "booleans": st.booleans(),
    "integers": st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3),
    "numbers": st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0]),
}


def count_labels(labels: list[Label]) -> LabelCounts:
    return LabelCounts.of(Counter(labels))


BODIES: dict[str, st.SearchStrategy[Body]] = {
    "values": NUMBERS.map(lambda rows: count_values(rows.astype(np.float64))),
    "grid": NUMBERS.map(lambda rows: count_on(GRID, rows.astype(np.float64))),
    **{name: st.lists(labels).map(count_labels) for name, labels in LABELS.items()},
}
bodies = pytest.mark.parametrize("body", BODIES)


@pytest.mark.parametrize("labels", LABELS)
@given(st.data())
def test_labels_are_counted_in_their_order(labels: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(LABELS[labels]))
    counted = count_labels(rows)
    assert list(counted.labels) == sorted(set(rows))
    assert counted.counts.tolist() == [rows.count(label) for label in counted.labels]
    assert counted.rows == len(rows)


@pytest.mark.parametrize("labels", LABELS)
@given(st.data())
def test_labels_of_merged_counts_are_the_labels_of_all_rows(
    labels: str, data: st.DataObject
) -> None:
    one, other = (data.draw(st.lists(LABELS[labels])) for _ in range(2))
    assert bits(count_labels(one).merge(count_labels(other))) == bits(count_labels(one + other))


@given(SPECIALS, SPECIALS, SPECIALS)
def test_merging_specials_adds_each_of_them_up(a: Specials, b: Specials, c: Specials) -> None:
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).rows == a.rows + b.rows
    assert a.merge(Specials()) == a
    assert a.merge(a).nans == 2 * a.nans


def in_every_order(a: Tally | Sketch, b: Tally | Sketch, c: Tally | Sketch) -> list[object]:
    return [
        bits(merged)
        for merged in (
            merged_in_turn([a, b, c]),
            merged_in_turn([c, b, a]),
            merged_in_turn([b, c, a]),
            merged_in_turn([a, merged_in_turn([b, c])]),
            merged_in_turn([merged_in_turn([c, a]), b]),
        )
    ]


@bodies
@given(st.data())
def test_merging_tallies_is_associative_and_commutative(body: str, data: st.DataObject) -> None:
    a, b, c = (Tally(data.draw(SPECIALS), data.draw(BODIES[body])) for _ in range(3))
    assert len(set(in_every_order(a, b, c))) == 1
    assert merged_in_turn([a, b, c]).rows == a.rows + b.rows + c.rows


@bodies
@given(st.data())
def test_merging_sketches_in_any_order_gives_the_same_sketch(
    body: str, data: st.DataObject
) -> None:
    coordinate = REAL if body in {"values", "grid"} else None
    a, b, c = (
        Sketch(Tally(data.draw(SPECIALS), data.draw(BODIES[body])), coordinate) for _ in range(3)
    )
    assert len(set(in_every_order(a, b, c))) == 1
    assert a.merge(b).coordinate == coordinate
    assert a.merge(b).rows == a.rows + b.rows


ROWS = np.array([1.0, 2.0])
INTEGERS = np.array([1, 2])


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        pytest.param(
            lambda: sketch_on_grid(ROWS, grid=Grid(0.0, 0)),
            lambda: sketch_on_grid(ROWS, grid=Grid(0.0, 1)),
            "different grids",
            id="other grids",
        ),
        pytest.param(
            lambda: sketch_on_grid(ROWS, grid=GRID),
            lambda: sketch_of_values(ROWS),
            "different forms",
            id="other forms",
        ),
        pytest.param(
            lambda: sketch_of_values(INTEGERS, IntegerCoordinate(0, 0, 255)),
            lambda: sketch_of_values(INTEGERS, IntegerCoordinate(1, 0, 255)),
            "different coordinates",
            id="other coordinates",
        ),
        pytest.param(
            lambda: sketch_of_values(np.arange(MAX_DISTINCT) / 2),
            lambda: sketch_of_values(np.arange(MAX_DISTINCT) / 3),
            "too many distinct values",
            id="too many values",
        ),
    ],
)
def test_sketches_of_different_form_coordinate_or_grid_are_not_merged(
    one: Callable[[], Sketch], other: Callable[[], Sketch], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        one().merge(other())
    with pytest.raises(ValueError, match=why):
        other().merge(one())


def test_categories_have_no_coordinates() -> None:
    sketch = Sketch(Tally(Specials(), count_labels(["a"])), None)
    with pytest.raises(ValueError, match="categories have no coordinates"):
        sketch.points()


def test_each_value_of_an_exact_sketch_is_a_point() -> None:
    points = sketch_of_values(np.array([2.5, -1.0, 2.5])).points()
    assert points.positions.tolist() == [-1.0, 2.5]
    assert points.weights.tolist() == [1.0, 2.0]
    assert points.spreads.tolist() == [0.0, 0.0]


def test_each_integer_of_an_exact_sketch_stands_for_the_interval_around_it() -> None:
    points = sketch_of_values(np.array([7, 5, 7]), IntegerCoordinate(5, 0, 255)).points()
    assert points.positions.tolist() == [0.0, 2.0]
    assert points.weights.tolist() == [1.0, 2.0]
    assert points.spreads.tolist() == [1 / 12, 1 / 12]

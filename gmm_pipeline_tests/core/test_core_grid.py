import math

import numpy as np
import pytest
from core_evidence import (
    REAL,
    bits,
    count_on,
    count_values,
    grid_around,
    merged_at_random,
    merged_in_turn,
    pieces,
    sketch_on_grid,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.grid import CELL_BITS, CELLS, OFFSET_BITS, Grid
from gmm_pipeline.core.sketch.grid_counts import GridCounter
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.value_counts import ValueCounts

SEEDS = st.integers(0, 2**32 - 1)
GRIDS = st.builds(Grid, st.floats(-1e6, 1e6), st.integers(-20, 20))
NUMBERS = st.one_of(st.floats(-1e130, 1e130), st.floats(-10, 10), st.sampled_from([0.0, -0.0]))
ROWS = st.lists(NUMBERS, min_size=1).map(np.array)
COLUMNS = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "far from zero": lambda rng, n: 1e9 + rng.standard_normal(n),
    "skewed": lambda rng, n: rng.lognormal(sigma=3, size=n),
    "heavy tails": lambda rng, n: rng.standard_t(1, n),
    "tiny": lambda rng, n: 1e-300 * rng.standard_normal(n),
    "huge": lambda rng, n: 1e150 * rng.standard_normal(n),
    "half zeros": lambda rng, n: rng.standard_normal(n) * rng.integers(0, 2, n),
    "signed zeros": lambda rng, n: np.abs(rng.standard_normal(n)) * rng.choice([0.0, -0.0, 1.0], n),
    "constant": lambda _, n: np.full(n, 0.1),
    "integers": lambda rng, n: rng.poisson(1e5, n).astype(float),
}
columns = pytest.mark.parametrize("column", COLUMNS)


def rows_of(column: str, seed: int, n: int = 2000) -> NDArray[np.float64]:
    return np.asarray(COLUMNS[column](np.random.default_rng(seed), n))


@given(GRIDS, NUMBERS)
def test_every_value_lies_within_the_edges_of_its_cell(grid: Grid, x: float) -> None:
    counted = count_on(grid, np.array([x]))
    edge, width = (array[0] for array in grid.edges(counted.cells))
    low, high = sorted([edge, edge + width])
    rounding = 2.0**-51 * (abs(x) + abs(grid.center) + 2.0**grid.exponent)
    assert low - rounding <= x <= high + rounding


@given(GRIDS)
def test_the_cells_follow_each_other_without_gaps(grid: Grid) -> None:
    near_zero = np.arange(CELLS // 2 - (20 << CELL_BITS), CELLS // 2 + (20 << CELL_BITS))
    edges, widths = grid.edges(near_zero)
    low, high = np.minimum(edges, edges + widths), np.maximum(edges, edges + widths)
    np.testing.assert_allclose(high[:-1], low[1:], rtol=1e-14, atol=1e-14 * 2.0**grid.exponent)


@given(GRIDS, NUMBERS)
def test_a_cell_is_narrow_beside_its_distance_from_the_centre(grid: Grid, x: float) -> None:
    _, widths = grid.edges(count_on(grid, np.array([x])).cells)
    assert abs(widths[0]) <= 2.0**-CELL_BITS * (2.0**grid.exponent + abs(x - grid.center))


@given(GRIDS, ROWS, SEEDS)
def test_any_order_and_grouping_of_rows_gives_the_same_counts(
    grid: Grid, rows: NDArray[np.float64], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    parts = [count_on(grid, part) for part in pieces(rng.permutation(rows), rng)]
    assert bits(merged_at_random(parts, rng)) == bits(count_on(grid, rows))


@columns
@settings(max_examples=5)
@given(SEEDS)
def test_any_order_and_grouping_of_a_column_gives_the_same_counts(column: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rows_of(column, seed)
    grid = grid_around(rows)
    parts = [count_on(grid, part) for part in pieces(rng.permutation(rows), rng)]
    assert bits(merged_at_random(parts, rng)) == bits(count_on(grid, rows))


@given(GRIDS, st.tuples(ROWS, ROWS, ROWS))
def test_merging_counts_is_associative_and_commutative(
    grid: Grid, rows: tuple[NDArray[np.float64], ...]
) -> None:
    a, b, c = (count_on(grid, part) for part in rows)
    merged = bits(merged_in_turn([a, b, c]))
    assert bits(a.merge(b.merge(c))) == merged
    assert bits(b.merge(a).merge(c)) == merged
    assert bits(merged_in_turn([c, b, a])) == merged


@given(GRIDS, ROWS, SEEDS)
def test_rows_that_come_in_batches_count_as_rows_that_come_at_once(
    grid: Grid, rows: NDArray[np.float64], seed: int
) -> None:
    counter = GridCounter(grid, REAL, rows[:0])
    for part in pieces(rows, np.random.default_rng(seed)):
        counter.add(part)
    assert bits(counter.counts()) == bits(count_on(grid, rows))


def test_no_rows_change_nothing() -> None:
    grid = Grid(0.0, 0)
    nothing, some = count_on(grid, np.empty(0)), count_on(grid, np.array([1.0, -2.0]))
    assert nothing.rows == 0
    assert bits(nothing.merge(some)) == bits(some) == bits(some.merge(nothing))


@given(GRIDS, ROWS)
def test_no_row_is_lost(grid: Grid, rows: NDArray[np.float64]) -> None:
    counted = count_on(grid, rows)
    assert counted.rows == rows.size
    assert (counted.minimum, counted.maximum) == (rows.min(), rows.max())
    assert sketch_on_grid(rows, grid=grid).points().total_weight == rows.size


@columns
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_points_have_the_mean_of_the_rows(column: str, seed: int) -> None:
    rows = rows_of(column, seed)
    grid = grid_around(rows)
    points = sketch_on_grid(rows).points()
    mean = math.fsum((rows - grid.center).tolist()) / rows.size
    points_mean = (
        math.fsum((points.weights * (points.positions - grid.center)).tolist()) / rows.size
    )
    scale = 2.0**grid.exponent + np.abs(rows - grid.center).mean()
    rounding = 1e-15 * abs(grid.center)
    assert abs(points_mean - mean) <= 2.0**-25 * scale + rounding


@pytest.mark.parametrize("column", ["normal", "skewed", "half zeros", "integers", "far from zero"])
def test_the_points_have_the_variance_of_the_rows(column: str) -> None:
    rows = rows_of(column, 0, 200_000)
    points = sketch_on_grid(rows).points()
    mean = np.average(points.positions, weights=points.weights)
    variance = np.average(
        np.square(points.positions - mean) + points.spreads, weights=points.weights
    )
    assert variance == pytest.approx(rows.var(), rel=1e-6)


def test_a_row_alone_in_its_cell_has_no_spread() -> None:
    points = sketch_on_grid(np.array([-3.0, 0.25, 0.5, 100.0, 100.001]), grid=Grid(0.0, 0)).points()
    assert points.weights.tolist() == [1.0, 1.0, 1.0, 2.0]
    assert points.spreads[:3].tolist() == [0.0, 0.0, 0.0]


def test_the_spread_of_a_cell_is_the_variance_of_its_rows() -> None:
    rows = 100 + np.array([0.0, 0.001, 0.02, 0.03])
    points = sketch_on_grid(rows, grid=Grid(0.0, 0)).points()
    assert points.weights.tolist() == [4.0]
    assert points.positions[0] == pytest.approx(rows.mean(), abs=1e-6)
    assert points.spreads[0] == pytest.approx(rows.var(), rel=1e-3)


@given(GRIDS, ROWS)
def test_the_points_lie_in_order_between_the_extremes(
    grid: Grid, rows: NDArray[np.float64]
) -> None:
    points = sketch_on_grid(rows, grid=grid).points()
    assert rows.min() <= points.positions[0]
    assert points.positions[-1] <= rows.max()
    assert (np.diff(points.positions) >= 0).all()
    assert (points.spreads >= 0).all()


@pytest.mark.parametrize("tail", [1e10, 1e100, 1e150, 1e300, -1e300, np.finfo(np.float64).max])
def test_a_tail_of_any_length_is_counted(tail: float) -> None:
    rows = np.append(rows_of("normal", 0), tail)
    counted = count_on(grid_around(rows), rows)
    assert counted.rows == rows.size
    assert tail in {counted.minimum, counted.maximum}


@pytest.mark.parametrize("tail", [1e10, 1e100, 1e150, 1e300, -1e300, np.finfo(np.float64).max])
def test_a_tail_of_any_length_leaves_the_points_finite(tail: float) -> None:
    rows = np.append(rows_of("normal", 0), tail)
    points = sketch_on_grid(rows).points()
    assert points.total_weight == rows.size
    assert np.isfinite(points.positions).all()
    assert np.isfinite(points.spreads).all()


@pytest.mark.parametrize("tail", [1e10, 1e100, -1e150, 1e300, np.finfo(np.float64).max])
def test_a_tail_of_any_length_leaves_the_other_rows_where_they_are(tail: float) -> None:
    rows = rows_of("normal", 0)
    grid = grid_around(np.append(rows, tail))
    edges, widths = grid.edges(count_on(grid, rows).cells)
    assert np.abs(edges).max() < 10
    assert np.abs(widths).max() < 0.1


@pytest.mark.parametrize("tail", [1e6, 1e12, 1e100, -1e100])
def test_a_tail_costs_no_detail_at_the_centre(tail: float) -> None:
    rows = rows_of("normal", 0, 20_000)
    assert grid_around(np.append(rows, tail)).exponent == grid_around(rows).exponent


def test_a_few_thousand_cells_hold_a_column_of_any_length() -> None:
    assert count_on(grid_around(rows := rows_of("normal", 0, 500_000)), rows).cells.size < 6000
    assert (
        count_on(grid_around(rows := rows_of("heavy tails", 0, 500_000)), rows).cells.size < 16_000
    )


@pytest.mark.parametrize("other", [Grid(0.0, 1), Grid(0.5, 0)])
def test_counts_on_different_grids_are_not_merged(other: Grid) -> None:
    rows = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="different grids"):
        count_on(Grid(0.0, 0), rows).merge(count_on(other, rows))


def test_integers_are_counted_at_their_distance_from_the_origin() -> None:
    origin = 2**62
    coordinate = IntegerCoordinate(origin, -(2**63), 2**63 - 1)
    counted = count_on(Grid(0.0, 0), origin + np.array([-3, 0, 5]), coordinate)
    assert (counted.rows, counted.minimum, counted.maximum) == (3, -3.0, 5.0)


@given(GRIDS, ROWS, st.integers(1, 1000))
def test_values_with_their_counts_add_up_to_the_same_as_row_by_row(
    grid: Grid, rows: NDArray[np.float64], often: int
) -> None:
    repeated = np.repeat(rows, np.arange(rows.size) * often % 7)
    apart = np.unique(rows[::3])
    counter = GridCounter(grid, REAL, apart)
    counter.add_counts(count_values(repeated))
    assert bits(counter.counts()) == bits(count_on(grid, repeated, apart=apart))


@given(st.integers(1, 300), st.lists(st.integers(1, 200), min_size=1, max_size=4))
def test_the_sums_of_a_cell_are_exact_however_many_rows_it_holds(
    rows: int, batches: list[int]
) -> None:
    last = 2.0 - 2.0**-40  # the largest offset of its cell
    counter = GridCounter(Grid(0.0, 0), REAL, np.empty(0))
    for size in (rows, *batches):
        counter.add(np.repeat([last, 0.25], [size, 1]))
    counted = counter.counts()
    largest, n = (1 << OFFSET_BITS) - 1, rows + sum(batches)
    sums = [counted.counts, counted.offset_sums, counted.square_sums]
    assert [column[-1] for column in sums] == [n, n * largest, n * largest**2]
    assert counted.counts[0] == 1 + len(batches)


@given(GRIDS, ROWS)
def test_a_value_is_found_in_the_cell_that_counts_it(grid: Grid, rows: NDArray[np.float64]) -> None:
    counted = count_on(grid, rows)
    cells, _ = grid.cells_and_offsets(rows)
    assert bits(np.unique(cells)) == bits(counted.cells)
    assert counted.rows_of(cells).min() >= 1
    assert counted.rows_of(np.unique(cells)).sum() == rows.size
    assert counted.rows_of(np.array([-1, CELLS])).tolist() == [0, 0]


@given(st.lists(st.integers(-40, 40), min_size=1), st.integers(0, 12))
def test_a_cell_tells_at_most_how_many_rows_hold_a_value(rows: list[int], exponent: int) -> None:
    x = np.array(rows, dtype=np.float64) / 16
    values, counts = np.unique(x, return_counts=True)
    assert (count_on(Grid(0.1, exponent), x).most_rows_at(values) >= counts).all()


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_cell_with_two_values_tells_how_many_rows_hold_each(left: int, right: int) -> None:
    grid = Grid(0.0, 20)
    counter = GridCounter(grid, REAL, np.empty(0))
    counter.add_counts(ValueCounts(np.array([1.0, 1000.0, 1e6]), np.array([left, right, 3])))
    counted = counter.counts()
    assert counted.cells.size == 2
    assert counted.most_rows_at(np.array([1.0, 1000.0, 500.0, -1e6])).tolist()[:2] == [left, right]
    assert counted.most_rows_at(np.array([-1e6, 1e6])).tolist() == [0, 3]

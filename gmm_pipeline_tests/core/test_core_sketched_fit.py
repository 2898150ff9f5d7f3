"""Columns of a million rows: fits to their sketch are as good, in any order of the rows."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from core_evidence import bits, count_values, fitted, merged_in_turn
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.arrow import sketch_column as sketching
from gmm_pipeline.arrow.counters import RowCounter
from gmm_pipeline.arrow.sketch_column import SketchRequest, sample_windows, sketch_column
from gmm_pipeline.core.mixture.em import expectation_maximisation
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.sketch import Sketch, Tally
from gmm_pipeline.core.sketch.value_counts import MAX_DISTINCT, ValueCounts
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

ROWS = 1_000_000


class SlicedColumn:
    """A counting pass that gives every slice of a column a counter of its own."""

    def __init__(self, array: pa.Array, slice_rows: int = 150_000) -> None:
        self.array = array
        self.slice_rows = slice_rows

    def __call__(self, counter: Callable[[], RowCounter], ranges: Sequence[range], /) -> Tally:
        tallies = []
        for rows in ranges:
            for start in range(rows.start, rows.stop, self.slice_rows):
                counting = counter()
                counting.add(self.array.slice(start, min(self.slice_rows, rows.stop - start)))
                tallies.append(counting.tally())
        tally: Tally = merged_in_turn(tallies)
        return tally


def sketch_of(rows: NDArray[np.float64] | pa.Array, slice_rows: int = 150_000) -> Sketch:
    array = pa.array(rows)
    return sketch_column(
        pa.field("amount", array.type), len(array), SketchRequest(), SlicedColumn(array, slice_rows)
    )


@pytest.fixture(scope="module")
def heavy_tailed() -> NDArray[np.float64]:
    """Student's t with 2 degrees of freedom: infinite variance, extremes at about ±1000."""
    return np.random.default_rng(0).standard_t(2, ROWS)


def test_a_fit_to_the_sketch_is_as_likely_as_one_to_all_rows(
    heavy_tailed: NDArray[np.float64],
) -> None:
    sketch = sketch_of(heavy_tailed)
    assert isinstance(sketch.tally.body, GridCounts)
    points, center, exponent = sketch.points().standardised()
    rows = WeightedPoints.of(np.ldexp(heavy_tailed - center, -exponent))
    start = Mixture(
        np.full(4, 0.25), np.array([-1.0, 0.0, 0.5, 1.0]), np.array([1.0, 0.5, 100.0, 5.0])
    )
    by_sketch, by_rows = (
        expectation_maximisation(of, start, variance_floor=1e-6, tol=-np.inf, max_iter=60).mixture
        for of in (points, rows)
    )
    assert points.size < 20_000
    likelihood = by_rows.mean_log_likelihood(rows.positions)
    assert likelihood > start.mean_log_likelihood(rows.positions) + 0.1
    assert by_sketch.mean_log_likelihood(rows.positions) == pytest.approx(likelihood, abs=1e-6)


def half_constant(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make the first 300,000 rows constant, as a column does that was once a default."""
    return np.concatenate([np.full(300_000, 7.0), rows[300_000:]])


@pytest.mark.parametrize("arranged", [np.sort, half_constant])
def test_the_order_of_the_rows_changes_no_bit_of_sketch_and_model(
    arranged: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    heavy_tailed: NDArray[np.float64],
) -> None:
    rows = arranged(heavy_tailed)
    sketch = sketch_of(rows)
    shuffled = sketch_of(np.random.default_rng(1).permutation(rows), slice_rows=77_777)
    assert sketch.rows == ROWS
    assert isinstance(sketch.tally.body, GridCounts)
    assert bits(shuffled) == bits(sketch)
    assert bits(fitted(shuffled, max_modes=3)) == bits(fitted(sketch, max_modes=3))


def test_few_distinct_values_are_sketched_exactly() -> None:
    rows = np.random.default_rng(0).poisson(1000, 100_000)
    sketch = sketch_of(rows)
    assert bits(sketch.tally.body) == bits(count_values(rows))


def test_nulls_nan_and_infinities_are_counted_separately() -> None:
    sketch = sketch_of(
        pa.array([1.5, None, float("nan"), float("inf"), 1.5, -float("inf"), None, -0.0])
    )
    specials = sketch.tally.specials
    assert (specials.nulls, specials.nans) == (2, 1)
    assert (specials.positive_infinities, specials.negative_infinities) == (1, 1)
    assert bits(sketch.tally.body) == bits(ValueCounts(np.array([0.0, 1.5]), np.array([1, 2])))
    assert sketch.rows == 8


@pytest.mark.parametrize("tail", [1e100, 1e200, 1e300, np.finfo(np.float64).max])
def test_a_tail_of_any_length_is_sketched(tail: float, heavy_tailed: NDArray[np.float64]) -> None:
    # More distinct values than are counted exactly, so that chance decides whether the grid is
    # placed by the tail too.
    rows = np.append(heavy_tailed[: 2 * MAX_DISTINCT], [tail, -tail / 3])
    body = sketch_of(rows).tally.body
    assert isinstance(body, GridCounts)
    assert (body.rows, body.minimum, body.maximum) == (rows.size, -tail / 3, tail)


@given(st.integers(0, 2**40))
def test_the_windows_and_what_lies_between_them_hold_every_row_once(rows: int) -> None:
    windows, between = sample_windows(rows)
    parts = sorted(windows + between, key=lambda part: (part.start, part.stop))
    assert parts[0].start == 0
    assert parts[-1].stop == rows
    assert all(left.stop == right.start for left, right in pairwise(parts))
    assert sum(len(window) for window in windows) <= sketching.FULL_SAMPLE_ROWS


@pytest.fixture
def _narrow_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a short column rows between its windows, as columns over 2**24 rows have."""
    monkeypatch.setattr(sketching, "FULL_SAMPLE_ROWS", 0)
    monkeypatch.setattr(sketching, "WINDOW_ROWS", 10)


@pytest.mark.usefixtures("_narrow_windows")
def test_a_long_column_of_few_distinct_values_is_sketched_exactly() -> None:
    rows = np.random.default_rng(0).integers(0, 50, 5000)
    rows[2500] = 1000  # between two windows
    assert bits(sketch_of(rows).tally.body) == bits(count_values(rows))


def values_between_windows(
    n: int = 4 * MAX_DISTINCT,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a column of many distinct values, and which of its rows lie in windows."""
    sampled = np.zeros(n, dtype=np.bool_)
    for window in sample_windows(n)[0]:
        sampled[window.start : window.stop] = True
    assert 0 < np.count_nonzero(sampled) < 1000
    return np.random.default_rng(0).standard_normal(n), sampled


@pytest.mark.usefixtures("_narrow_windows")
def test_many_distinct_values_that_show_up_late_are_sketched_on_a_grid() -> None:
    rows, sampled = values_between_windows()
    sketch = sketch_of(np.where(sampled, np.round(rows), rows))
    assert isinstance(sketch.tally.body, GridCounts)
    assert sketch.rows == rows.size
    assert sketch.points().size > 1000


@pytest.mark.usefixtures("_narrow_windows")
def test_a_column_whose_windows_hold_nulls_alone_is_sketched() -> None:
    rows, sampled = values_between_windows()
    sketch = sketch_of(pa.array(rows, mask=sampled))
    assert sketch.tally.specials.nulls == np.count_nonzero(sampled)
    assert sketch.rows == rows.size
    assert sketch.points().size > 1000


@pytest.mark.usefixtures("_narrow_windows")
def test_a_column_whose_windows_hold_one_value_alone_keeps_the_detail_of_the_others() -> None:
    rows, sampled = values_between_windows()
    sketch = sketch_of(np.where(sampled, 0.0, 1e-6 * rows))
    assert sketch.rows == rows.size
    assert sketch.points().size > 1000

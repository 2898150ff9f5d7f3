"""Frequent values are found and counted exactly, whatever the order of the rows."""

import numpy as np
import pytest
from core_evidence import REAL, bits, count_on, grid_around, merged_at_random, pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.heavy_hitters import SMALLEST_SHARE, HeavyCounter
from gmm_pipeline.core.sketch.sketch import NumberSample
from gmm_pipeline.core.sketch.value_counts import MAX_DISTINCT, ValueCounter

SEEDS = st.integers(0, 2**32 - 1)
ROWS = 6 * MAX_DISTINCT
ORDERS = {
    "heavy first": lambda _, heavy, light: np.concatenate([heavy, light]),
    "heavy last": lambda _, heavy, light: np.concatenate([light, heavy]),
    "heavy in the middle": lambda _, heavy, light: np.concatenate([light[::2], heavy, light[1::2]]),
    "sorted": lambda _, heavy, light: np.sort(np.concatenate([heavy, light])),
    "shuffled": lambda rng, heavy, light: rng.permutation(np.concatenate([heavy, light])),
}


def parts(
    seed: int, dtype: type
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return heavy values, their rows and rows of many values that are each rare."""
    rng = np.random.default_rng(seed)
    values = rng.permutation(np.arange(-ROWS, ROWS)).astype(dtype)
    heavy = np.sort(values[: int(rng.integers(1, 40))])
    least = int(np.ceil(SMALLEST_SHARE * ROWS))
    held = np.repeat(heavy, least)
    return heavy, held, values[heavy.size : heavy.size + ROWS - held.size]


def count(rows: NDArray[np.float64]) -> HeavyCounter:
    counter = HeavyCounter(rows.dtype)
    counter.add(rows)
    return counter


def sample(rows: NDArray[np.float64]) -> NumberSample:
    values = ValueCounter(rows.dtype)
    values.add(rows)
    return NumberSample(values.counts(), count(rows).candidates())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_value_with_enough_rows_is_found(order: str, dtype: type, seed: int) -> None:
    heavy, held, light = parts(seed, dtype)
    rows = ORDERS[order](np.random.default_rng(seed), held, light)
    assert rows.size == ROWS
    found = count(rows).candidates()
    assert np.isin(heavy, found).all()
    assert found.size <= 2 / SMALLEST_SHARE
    assert found.dtype == rows.dtype
    assert (np.diff(found) > 0).all()


@settings(max_examples=25)
@given(SEEDS, st.sampled_from(sorted(ORDERS)))
def test_every_value_with_enough_rows_is_found_however_rows_are_split_among_counters(
    seed: int, order: str
) -> None:
    heavy, held, light = parts(seed, np.float64)
    rng = np.random.default_rng(seed)
    rows = ORDERS[order](rng, held, light)
    samples = [sample(piece) for piece in pieces(rows, rng)]
    assert np.isin(heavy, merged_at_random(samples, rng).heavy).all()


def test_rows_that_come_in_batches_count_as_rows_that_come_at_once() -> None:
    _, held, light = parts(0, np.float64)
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.concatenate([held, light]))
    counter = HeavyCounter(rows.dtype)
    for piece in pieces(rows, rng):
        counter.add(piece)
    assert bits(counter.candidates()) == bits(count(rows).candidates())


def test_negative_zero_counts_as_zero() -> None:
    rows = np.concatenate([np.arange(1.0, ROWS), np.tile([0.0, -0.0], ROWS // 256)])
    assert bits(count(rows).candidates()) == bits(np.array([0.0]))


@settings(max_examples=25)
@given(SEEDS)
def test_final_counts_depend_neither_on_the_order_of_rows_nor_on_other_numbers_counted_apart(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [rng.normal(0, 1, 2000), np.full(15, 0.5), np.full(7, -0.25), np.full(400, 3.0)]
    )
    grid, wanted = grid_around(np.sort(rows)), np.array([-0.25, 9.0])
    settled = []
    for needless in ([], rows[:20].tolist(), [0.5, 8.0]):
        apart = np.unique([0.5, -0.25, 3.0, 9.0, *needless])
        counted = [
            count_on(grid, piece, apart=apart) for piece in pieces(rng.permutation(rows), rng)
        ]
        settled.append(merged_at_random(counted, rng).only_heavy_apart(REAL, wanted))
    assert len({bits(counts) for counts in settled}) == 1
    assert settled[0].rows == rows.size
    assert settled[0].apart.values.tolist() == [-0.25, 0.5, 3.0, 9.0]
    assert settled[0].apart.counts.tolist() == [7, 15, 400, 0]
    in_cells = rows[~np.isin(rows, settled[0].apart.values)]
    assert (settled[0].minimum, settled[0].maximum) == (in_cells.min(), in_cells.max())


def test_a_number_that_is_neither_frequent_nor_declared_goes_to_its_cell() -> None:
    rows = np.concatenate([np.random.default_rng(0).normal(0, 1, 5000), np.full(4, 0.5)])
    grid = grid_around(np.sort(rows))
    settled = count_on(grid, rows, apart=np.array([0.5])).only_heavy_apart(REAL, np.empty(0))
    assert bits(settled) == bits(count_on(grid, rows))

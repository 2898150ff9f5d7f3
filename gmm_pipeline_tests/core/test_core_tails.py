"""Values that no Gaussian mode may take lie in tails, and come back from there."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from core_evidence import fitted, model_of, sketch_on_grid
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline import TableEncoder
from gmm_pipeline.core.coding.row_codec import RowCodec
from gmm_pipeline.core.modes.column_model import ColumnModel, ValueDtype
from gmm_pipeline.core.modes.mode_table import (
    mode_probabilities,
    mode_table,
    tail_or_nearest_mode,
    value_in_mode,
)
from gmm_pipeline.core.modes.modes import BOUND, REACH, GaussianMode
from gmm_pipeline.core.modes.tails import tail_modes
from gmm_pipeline.core.sketch.weighted_points import Extents

ROUNDING = 1e-12
POWERS = st.floats(-6, 12).map(lambda power: 10.0**power)
SIGNED = st.builds(lambda sign, size: sign * size, st.sampled_from([-1.0, 1.0]), POWERS)
GAUSSIANS = st.lists(
    st.tuples(st.floats(0.01, 1), SIGNED | st.just(0.0), POWERS), min_size=1, max_size=5
)
ROWS = st.lists(SIGNED, min_size=1, max_size=30).map(lambda rows: np.unique(np.array(rows)))


def model_for(
    gaussians: list[tuple[float, float, float]],
    rows: NDArray[np.float64],
    value_dtype: ValueDtype = "float64",
) -> ColumnModel:
    """Return Gaussian modes as they are given, with tails for sorted rows."""
    extents = Extents(rows, rows, np.ones(rows.size))
    modes = tuple(GaussianMode(*mode) for mode in sorted(gaussians, key=lambda mode: mode[1]))
    tails = tail_modes(modes, extents, rows.size)
    return model_of(
        [(mode.weight, mode.mean, mode.std) for mode in modes], tails=tails, value_dtype=value_dtype
    )


def outside(model: ColumnModel, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows that no Gaussian mode may take."""
    table = mode_table(model)
    out = np.empty(table.means.size)
    return np.array([x for x in rows.tolist() if mode_probabilities(x, table, out) == 0.0])


def round_trip(
    model: ColumnModel, x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    codec = RowCodec(model, np.arange(model.n_modes))
    value, rank = codec.encode(x, np.full(x.size, -1, dtype=np.int32), 0)
    return value.astype(np.float64), codec.decode(value, rank)[0]


@settings(max_examples=300)
@given(GAUSSIANS, ROWS)
def test_every_row_that_no_gaussian_mode_may_take_lies_in_one_tail(
    gaussians: list[tuple[float, float, float]], rows: NDArray[np.float64]
) -> None:
    model = model_for(gaussians, rows)
    for x in outside(model, rows).tolist():
        holding = [number for number, tail in enumerate(model.tails) if tail.low <= x <= tail.high]
        inside = [
            number for number in holding if model.tails[number].low < x < model.tails[number].high
        ]
        # Tails that follow each other share the number between them.
        assert len(inside) == 1 or (not inside and 1 <= len(holding) <= 2)
        assert tail_or_nearest_mode(x, mode_table(model)) == len(model.gaussians) + holding[0]


@settings(max_examples=300)
@given(GAUSSIANS, ROWS)
def test_tails_follow_each_other_without_overlap(
    gaussians: list[tuple[float, float, float]], rows: NDArray[np.float64]
) -> None:
    tails = model_for(gaussians, rows).tails
    assert all(tail.low <= tail.high for tail in tails)
    assert all(one.high <= other.low for one, other in pairwise(tails))


@settings(max_examples=300)
@given(GAUSSIANS, ROWS)
def test_no_row_is_written_beyond_the_reach(
    gaussians: list[tuple[float, float, float]], rows: NDArray[np.float64]
) -> None:
    value, _ = round_trip(model_for(gaussians, rows), rows)
    assert (np.abs(value) <= REACH * (1 + ROUNDING)).all()


@settings(max_examples=300)
@given(GAUSSIANS, ROWS)
def test_positions_in_a_tail_rise_with_the_number_from_end_to_end(
    gaussians: list[tuple[float, float, float]], rows: NDArray[np.float64]
) -> None:
    model = model_for(gaussians, rows)
    table = mode_table(model)
    for number, tail in enumerate(model.tails):
        if tail.low == tail.high:
            continue
        x = np.unique(np.clip(np.linspace(tail.low, tail.high, 50), tail.low, tail.high))
        positions = np.array(
            [value_in_mode(y, len(model.gaussians) + number, table) for y in x.tolist()]
        )
        assert (np.diff(positions) >= 0).all()
        assert positions[[0, -1]] == pytest.approx([-REACH, REACH], abs=1e-9)


@settings(max_examples=300)
@given(GAUSSIANS, ROWS)
def test_rows_in_tails_come_back(
    gaussians: list[tuple[float, float, float]], rows: NDArray[np.float64]
) -> None:
    model = model_for(gaussians, rows)
    x = outside(model, rows)
    _, decoded = round_trip(model, x)
    tails = [
        model.tails[tail_or_nearest_mode(y, mode_table(model)) - len(model.gaussians)]
        for y in x.tolist()
    ]
    furthest = np.array([max(abs(tail.low), abs(tail.high), abs(tail.anchor)) for tail in tails])
    assert (np.abs(decoded - x) <= 1e-14 * furthest).all()


@pytest.mark.parametrize("n", [9000, 40_000])
def test_one_far_outlier_has_one_tail(n: int) -> None:
    rows = np.append(np.clip(np.random.default_rng(0).normal(size=n), -3, 3), 1e300)
    types = TableEncoder().fit(pl.DataFrame({"x": rows})).modes("x")["type"]
    assert (types == "tail").sum() == 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("center", [0.0, 3.0])
@pytest.mark.parametrize(
    ("decades", "value_dtype", "precision"),
    [(11, "float32", 2.0**-22), (50, "float32", 2.0**-22), (50, "float64", 1e-14)],
)
def test_digits_of_the_distance_are_kept_over_many_decades(
    sign: int, center: float, decades: int, value_dtype: ValueDtype, precision: float
) -> None:
    x = center + sign * np.logspace(1, decades, 2000)
    model = model_for([(1.0, center, 1.0)], np.sort(x), value_dtype)
    value, decoded = round_trip(model, x)
    assert len(model.tails) > 1
    assert np.abs(value).max() <= np.float32(BOUND)
    assert (np.abs(decoded - x) <= precision * np.abs(x - center)).all()


def test_there_are_no_tails_where_everything_is_reached() -> None:
    x = np.linspace(-3.9, 3.9, 100)
    assert model_for([(1.0, 0.0, 1.0)], x).tails == ()
    assert model_for([(0.5, -2.0, 0.8), (0.5, 2.0, 0.8)], x).tails == ()


def test_there_are_no_tails_where_there_are_no_rows() -> None:
    tails = model_for([(0.5, 0.0, 1.0), (0.5, 1e6, 1.0)], np.array([-1.0, 1e6, 1e6 + 50])).tails
    assert [(tail.low < 1e6 + 50 <= tail.high) for tail in tails] == [True]
    assert model_for([(1.0, 0.0, 1.0)], np.empty(0)).tails == ()


def test_values_around_and_between_two_spikes_far_apart_come_back() -> None:
    near = np.array([0.0, 1.0, 5.0, 100.0, 1e4, 1e8])
    rows = np.unique(np.concatenate([near, -near, 1e12 + near, 1e12 - near, [3e11, 5e11, 8e11]]))
    model = model_for([(0.6, 0.0, 1.0), (0.4, 1e12, 1.0)], rows, "float32")
    value, decoded = round_trip(model, rows)
    assert np.abs(value).max() <= np.float32(REACH)
    # Between the spikes, distances are measured from the one that more rows are at.
    by_first = rows < 1e12 - 4
    distance = np.where(by_first, np.abs(rows), np.abs(rows - 1e12))
    assert (np.abs(decoded - rows) <= 2.0**-22 * np.maximum(distance, 4.0) + np.spacing(rows)).all()


def test_a_mode_that_is_far_too_wide_for_a_narrow_one_leaves_its_surroundings_to_tails() -> None:
    rows = np.unique(np.concatenate([np.linspace(-1e-3, 1e-3, 101), np.linspace(-1e6, 1e6, 101)]))
    model = model_for([(0.5, 0.0, 1e-6), (0.5, 10.0, 1e6)], rows, "float32")
    value, decoded = round_trip(model, rows)
    assert np.abs(value).max() <= np.float32(REACH)
    close = np.abs(rows) <= 1e-3
    assert (np.abs(decoded - rows)[close] <= 1e-9).all()
    assert (np.abs(decoded - rows) <= 2.0**-22 * 4e6).all()


@pytest.mark.parametrize("weights", ["values", "cells"])
def test_the_weights_of_tails_are_the_shares_of_rows_that_may_lie_there(weights: str) -> None:
    rows = np.sort(np.concatenate([np.random.default_rng(0).normal(0, 1, 1000), [20.0, 30.0, 1e6]]))
    extents = (
        Extents(rows, rows, np.ones(rows.size))
        if weights == "values"
        else sketch_on_grid(rows).extents()
    )
    tails = tail_modes((GaussianMode(1.0, 0.0, 1.0),), extents, rows.size)
    assert sum(tail.weight for tail in tails) == pytest.approx(3 / rows.size)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_row_of_a_fitted_column_is_beyond_the_reach(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [rng.normal(0, 1, 5000), rng.lognormal(5, 3, 500), -1e9 * rng.random(5), [1e30]]
    )
    model = fitted(sketch_on_grid(rows))
    value, decoded = round_trip(model, rows)
    assert model.tails
    assert np.abs(value).max() <= np.float32(REACH)
    assert decoded == pytest.approx(rows, rel=1e-5, abs=1e-3)

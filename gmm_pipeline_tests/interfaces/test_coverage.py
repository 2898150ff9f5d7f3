"""Which rows of a sketch a fitted column cannot hold: those that encoding refuses."""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline import TableEncoder
from gmm_pipeline.arrow.memory_column import MemoryColumn
from gmm_pipeline.core.modes.unencodable_rows import count_unencodable_rows
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import ColumnDataError
from gmm_pipeline.fits.fitting import sketch_request
from gmm_pipeline.fits.settings import ColumnSettings

REALS = [0.1 * number**1.5 for number in range(200)]
CENTS = [0.01, *(number / 100 for number in range(0, 40_000, 7))]
WHOLE = list(range(1000, 2000, 5))


def fitted(rows: pl.Series, chosen: dict[str, Any]) -> TableEncoder:
    return TableEncoder(**chosen).fit(rows.alias("x").to_frame())


def sketched(rows: pl.Series, chosen: dict[str, Any]) -> Sketch:
    column = rows.alias("x").to_frame().to_arrow()
    memory = MemoryColumn(column.schema.field("x"), column["x"])
    return LocalEngine(1).sketch(memory, sketch_request(ColumnSettings(**chosen)))


def unheld(first: list[Any], then: list[Any], dtype: Any = None, **chosen: Any) -> int:
    """Return what is told of new rows by their sketch, after seeing that encoding them agrees."""
    encoder = fitted(pl.Series(first, dtype=dtype, strict=False), chosen)
    new = pl.Series(then, dtype=pl.Series(first, dtype=dtype, strict=False).dtype, strict=False)
    told = count_unencodable_rows(encoder.model("x"), sketched(new, chosen))
    assert (told == 0) == is_encoded(encoder, new)
    return told


def is_encoded(encoder: TableEncoder, rows: pl.Series) -> bool:
    array = rows.to_frame().to_arrow().column(0).combine_chunks()
    codec = encoder.codecs()["x"]
    try:
        codec.encode(array.cast(codec.field.type), 0)
    except ColumnDataError:
        return False
    return True


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("first", "then", "rows"),
    [
        (["a", "b"], ["a", "b", "a"], 0),
        (["a", "b"], ["a", "c", "d", "c"], 3),
        (["a", "b"], ["a", None, None], 2),
        (["a", None], ["a", None], 0),
        ([True, False], [True], 0),
        ([True, True], [False], 1),
        (REALS, [0.5, 7.25], 0),
        (REALS, [None, NAN, NAN, INF, -INF, 0.5], 5),
        ([*REALS, None, NAN, INF, -INF], [None, NAN, NAN, INF, -INF], 0),
        (REALS, [REALS[-1] + 1.0, -1.0, 0.5], 2),
        (CENTS, [0.01, 3.99], 0),
        (CENTS, [0.005, 3.991, 1.0], 2),
        (CENTS, [1e300, 1.0], 1),
        (WHOLE, [1005, 1990], 0),
        (WHOLE, [1001, 1990], 1),
        (WHOLE, [-(2**63), 2**63 - 1, 995, 1000], 3),
        ([1, 2, 3], [1, 1, 3], 0),
        ([1, 2, 3], [1, 4, 4], 2),
        ([0.5, 0.25], [0.5, NAN, 0.75], 2),
        (
            [dt.date(2020, 1, 1 + day) for day in range(31)],
            [dt.date(2020, 1, 5), dt.date(1999, 1, 5)],
            1,
        ),
        ([None, None], [None], 0),
    ],
)
def test_rows_that_the_fitted_rows_did_not_hold_are_counted(
    first: list[Any], then: list[Any], rows: int
) -> None:
    assert unheld(first, then) == rows


@pytest.mark.parametrize(
    ("first", "then", "chosen", "rows"),
    [
        (["a", "b"], ["c", None], {"unseen": "most_frequent"}, 0),
        (["a", "b"], ["c", None], {"unseen": "rest"}, 2),
        (["a", "b", "c"] * 2, ["d"], {"unseen": "rest", "max_categories": 2}, 0),
        (["a", "a", "b", "c"], ["b", "c"], {"max_categories": 2}, 0),
        (REALS, [None, NAN, INF], {"unseen": "most_frequent"}, 0),
        (REALS, [None, NAN, INF], {"unseen": "rest"}, 3),
        (REALS, [None, 1e6], {"out_of_range": "clip"}, 1),
        (REALS, [1e6, -5.0], {"out_of_range": "clip"}, 0),
        (REALS, [1e6, -5.0], {"out_of_range": "keep"}, 0),
        (CENTS, [1000.0, 0.005], {"out_of_range": "keep"}, 1),
        (CENTS, [1000.0, 0.005], {"out_of_range": "clip"}, 0),
        ([1, 2, 3], [4], {"out_of_range": "clip"}, 0),
        ([1, 2, 3], [4], {"out_of_range": "keep"}, 1),
        ([1, 2, 3], [4], {"unseen": "most_frequent"}, 1),
        ([0.0] * 500 + REALS[1:], [0.0, REALS[1] / 2], {}, 1),
        ([0.0] * 500 + REALS[1:], [0.0, REALS[1] / 2], {"out_of_range": "clip"}, 0),
        ([1.5, 2.5, 3.5], [4.5], {"kind": "categorical"}, 1),
        ([value + 1 for value in REALS], [2.5, 0.5, -1.0], {"transform": "log"}, 2),
        (
            [value + 1 for value in REALS],
            [2.5, 0.5, -1.0],
            {"transform": "log", "out_of_range": "keep"},
            1,
        ),
        (
            [value + 1 for value in REALS],
            [2.5, 0.5, -1.0],
            {"transform": "log", "out_of_range": "clip"},
            0,
        ),
        (REALS, [3.5, 400.0], {"kind": "general"}, 1),
        ([0.0] * 50 + REALS, [0.0, 1e6], {"atoms": (1e6,)}, 0),
    ],
)
def test_rules_say_which_of_them_count(
    first: list[Any], then: list[Any], chosen: dict[str, Any], rows: int
) -> None:
    assert unheld(first, then, **chosen) == rows


@pytest.mark.parametrize("rule", ["error", "clip", "keep"])
def test_rows_in_cells_count_where_their_cell_reaches_beyond_the_fitted_ones(rule: str) -> None:
    rng = np.random.default_rng(0)
    encoder = fitted(pl.Series(rng.normal(0, 1, 40_000).clip(-3, 3)), {"out_of_range": rule})
    inside = sketched(pl.Series(rng.normal(0, 1, 40_000).clip(-2.9, 2.9)), {})
    wide = pl.Series(rng.normal(0, 2, 40_000))
    beyond = int((wide.abs() > 3).sum())

    assert not sketched(wide, {}).complete
    assert count_unencodable_rows(encoder.model("x"), inside) == 0
    told = count_unencodable_rows(encoder.model("x"), sketched(wide, {}))
    assert beyond <= told <= 1.02 * beyond + 1 if rule == "error" else told == 0


NUMBERS = st.sampled_from(
    [0.0, 0.5, 0.25, 1.0, 3.0, 3.005, 1e6, -1.0, NAN, INF, -INF, None]
) | st.floats(0, 10)
WHOLES = st.sampled_from([0, 5, 10, 11, None]) | st.integers(-20, 300)
WORDS = st.sampled_from(["a", "b", "c", None])
RULES = st.fixed_dictionaries(
    {},
    optional={
        "unseen": st.sampled_from(["error", "most_frequent", "rest"]),
        "out_of_range": st.sampled_from(["error", "clip", "keep"]),
        "kind": st.sampled_from(["auto", "categorical"]),
        "max_categories": st.just(2),
    },
)
COLUMNS = st.one_of(
    [
        st.tuples(
            st.just(dtype),
            st.lists(old, min_size=1, max_size=30),
            st.lists(new, min_size=1, max_size=4),
        )
        for dtype, old, new in [
            (pl.Float64, NUMBERS, NUMBERS),
            (pl.Int64, WHOLES, WHOLES | st.just(2**62)),
            (pl.String, WORDS, WORDS | st.just("d")),
        ]
    ]
)


@given(COLUMNS, RULES)
def test_of_rows_that_are_counted_exactly_none_is_unheld_if_and_only_if_they_can_be_encoded(
    column: tuple[Any, list[Any], list[Any]], rules: dict[str, Any]
) -> None:
    dtype, first, then = column
    unheld(first, then, dtype, **rules)  # which asserts it

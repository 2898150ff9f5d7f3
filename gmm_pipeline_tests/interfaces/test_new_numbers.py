"""What becomes of numbers in new rows that the fitted rows did not reach."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import ColumnDataError

ROWS = 20_000


def amounts(gap: int) -> pl.Series:
    """Return a column of zeros, amounts from 221 to 23,296, and one far value: a cap or a code."""
    rng = np.random.default_rng(0)
    spread = np.rint(np.clip(rng.lognormal(8, 1, ROWS), 221, 23_296))
    kinds = rng.choice([0, 1, 2], ROWS, p=[0.85, 0.13, 0.02])
    return pl.Series("x", np.choose(kinds, [np.zeros(ROWS), spread, np.full(ROWS, gap)])).cast(
        pl.Int64
    )


def encoder_of(series: pl.Series, **settings: Any) -> TableEncoder:
    return TableEncoder(threads=1, **settings).fit(pl.DataFrame({"x": series}))


def there_and_back(encoder: TableEncoder, numbers: list[Any], dtype: Any = None) -> list[Any]:
    rows = pl.DataFrame({"x": pl.Series(numbers, dtype=dtype)})
    decoded: list[Any] = encoder.inverse_transform(encoder.transform(rows)).collect()["x"].to_list()
    return decoded


@pytest.mark.parametrize(
    ("far", "between"), [(99_999, [50_000, 70_000, 110]), (-9_999_999, [-8_888_888, -5, 110])]
)
def test_numbers_between_an_atom_and_the_continuous_part_are_out_of_range(
    far: int, between: list[int]
) -> None:
    encoder = encoder_of(amounts(far))
    assert {atom.value for atom in encoder.model("x").atoms} >= {0, far}
    with pytest.raises(ColumnDataError, match=r"outside of the range.*\(3 rows\)"):
        encoder.transform(pl.DataFrame({"x": [*between, 0, far, 300]})).collect()


@pytest.mark.parametrize(
    ("far", "new", "known"),
    [
        (99_999, [50_000, 70_000, 100, 120, 10**9], [23_296, 99_999, 0, 221, 99_999]),
        (-9_999_999, [-8_888_888, -100, 99_999, -(2**62)], [-9_999_999, 0, 23_296, -9_999_999]),
    ],
)
def test_a_clipped_number_becomes_the_nearest_known_one(
    far: int, new: list[int], known: list[int]
) -> None:
    encoder = encoder_of(amounts(far), out_of_range="clip")
    assert encoder.model("x").range[0] == 221
    assert there_and_back(encoder, [*new, 0, far, 300]) == [*known, 0, far, 300]


def test_a_kept_number_beside_an_atom_comes_back() -> None:
    encoder = encoder_of(amounts(99_999), out_of_range="keep", value_dtype="float64")
    assert there_and_back(encoder, [50_000, 110]) == [50_000, 110]


HOURS = pl.Series("x", np.arange(23).repeat(50), pl.Int64)
DEGREES = pl.Series("x", np.repeat([-10.0, *np.arange(0.0, 32.0)], [400, *[30] * 32]))


def test_a_new_number_of_a_column_of_few_numbers_is_clipped_to_the_nearest() -> None:
    assert there_and_back(encoder_of(HOURS, out_of_range="clip"), [23, -1, 5]) == [22, 0, 5]
    assert there_and_back(encoder_of(DEGREES, out_of_range="clip"), [33.0, -3.0, -9.0]) == [
        31.0,
        0.0,
        -10.0,
    ]


@pytest.mark.parametrize("rule", [{}, {"out_of_range": "keep"}, {"unseen": "most_frequent"}])
def test_a_new_number_of_a_column_of_few_numbers_is_refused_otherwise(
    rule: dict[str, str],
) -> None:
    """No rule writes 33 degrees as the most frequent number, -10."""
    with pytest.raises(ColumnDataError, match=r"numbers other than the 33.*\(1 row\).*clip"):
        there_and_back(encoder_of(DEGREES, **rule), [33.0, 1.0])


def test_a_null_beside_few_numbers_is_no_new_number() -> None:
    encoder = encoder_of(DEGREES, out_of_range="clip", unseen="most_frequent")
    assert there_and_back(encoder, [None, 33.0], pl.Float64) == [-10.0, 31.0]
    with pytest.raises(ColumnDataError, match=r"nulls.*\(1 row\)"):
        there_and_back(encoder_of(DEGREES, out_of_range="clip"), [None, 33.0], pl.Float64)


def test_a_column_of_zeros_and_years_has_one_atom() -> None:
    years = np.arange(1960, 2014).repeat(17)
    encoder = encoder_of(pl.Series("x", np.append(np.zeros(20_000, np.int64), years)))
    model = encoder.model("x")
    assert (model.kind, [atom.value for atom in model.atoms]) == ("mixed", [0])
    assert there_and_back(encoder, [0, 1960, 1987]) == [0, 1960, 1987]

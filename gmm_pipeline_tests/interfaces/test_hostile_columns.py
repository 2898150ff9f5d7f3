"""Columns that other encoders lose values of come back: exactly on a grid, else to the precision of
the value.
"""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline import TableEncoder

Random: TypeAlias = np.random.Generator
Column: TypeAlias = NDArray[np.float64]
Family: TypeAlias = Callable[[Random], Column]

ROWS = 3000


def cauchy(random: Random) -> Column:
    return random.standard_cauchy(ROWS) * 10.0 ** random.integers(-5, 6)


def student(random: Random) -> Column:
    return random.standard_t(1.2, ROWS)


def spikes_far_apart(random: Random) -> Column:
    return np.where(random.random(ROWS) < 0.5, 0.0, 1e12) + random.normal(0, 1e-3, ROWS)


def denormals(random: Random) -> Column:
    return random.integers(0, 10**6, ROWS) * 5e-324


def denormals_beside_ones(random: Random) -> Column:
    return np.where(
        random.random(ROWS) < 0.3, random.integers(0, 1000, ROWS) * 5e-324, random.normal(size=ROWS)
    )


def spikes_and_continua(random: Random) -> Column:
    spikes = random.choice([0.0, -9999999.0, 1e6, math.pi], ROWS)
    return np.where(random.random(ROWS) < 0.5, spikes, random.lognormal(3, 2, ROWS))


def clusters_of_all_scales(random: Random) -> Column:
    return random.normal(size=ROWS) * 10.0 ** random.integers(-100, 100, ROWS)


def one_far_outlier(random: Random) -> Column:
    x = random.normal(size=ROWS)
    x[random.integers(ROWS)] = 10.0 ** random.integers(1, 300)
    return x


def huge(random: Random) -> Column:
    return random.normal(size=ROWS) * 1e307


def lognormal(random: Random) -> Column:
    return random.lognormal(0, 8, ROWS)


def duplicates_in_a_continuum(random: Random) -> Column:
    return np.where(random.random(ROWS) < 0.2, 1 / 3, random.random(ROWS))


HOSTILE = (
    cauchy,
    student,
    spikes_far_apart,
    denormals,
    denormals_beside_ones,
    spikes_and_continua,
    clusters_of_all_scales,
    one_far_outlier,
    huge,
    lognormal,
    duplicates_in_a_continuum,
)


def there_and_back(
    series: pl.Series, **wanted: Any
) -> tuple[TableEncoder, pl.DataFrame, pl.Series]:
    frame = pl.DataFrame({"x": series})
    encoder = TableEncoder(**wanted).fit(frame)
    encoded = encoder.transform(frame).collect()
    return encoder, encoded, encoder.inverse_transform(encoded).collect()["x"]


def half_widths(encoder: TableEncoder, encoded: pl.DataFrame) -> Column:
    modes = encoder.modes("x").with_columns(
        pl.when(pl.col("type") == "gaussian")
        .then(4 * pl.col("std"))
        .otherwise((pl.col("high") - pl.col("low")) / 2)
        .fill_null(0.0)
        .alias("half_width")
    )
    return modes["half_width"].to_numpy()[encoded["x.rank"].to_numpy()]


@pytest.mark.parametrize("family", HOSTILE)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_every_value_comes_back_to_the_precision_of_its_encoding(family: Family, seed: int) -> None:
    x = family(np.random.default_rng(seed))
    for dtype, precision in (("float32", 2.0**-22), ("float64", 2.0**-50)):
        encoder, encoded, decoded = there_and_back(pl.Series(x), value_dtype=dtype)
        y = decoded.to_numpy()
        with np.errstate(over="ignore"):
            allowed = precision * half_widths(encoder, encoded) + 4 * np.spacing(np.abs(x))
        assert decoded.null_count() == 0
        assert np.all(np.abs(x - y) <= allowed)
        assert encoded["x.value"].abs().max() <= 0.99 + 1e-6


@pytest.mark.parametrize("family", HOSTILE)
def test_every_value_is_encoded_within_its_mode(family: Family) -> None:
    encoder, encoded, _ = there_and_back(pl.Series(family(np.random.default_rng(0))))
    assert encoded["x.value"].is_finite().all()
    assert encoded["x.rank"].max() < len(encoder.modes("x"))


@pytest.mark.parametrize("distance", [60.0, 1e3, 1e9, 1e100, 1e300])
@pytest.mark.parametrize("n_outliers", [1, 2, 3, 5])
@pytest.mark.parametrize("sides", [(1,), (1, -1)])
def test_outliers_leave_the_modes_of_the_others_in_place(
    distance: float, n_outliers: int, sides: tuple[int]
) -> None:
    x = np.random.default_rng(0).normal(size=ROWS)
    x[:n_outliers] = distance * (1 + np.arange(n_outliers)) * np.resize(sides, n_outliers)
    modes = there_and_back(pl.Series(x))[0].modes("x")
    main = modes.filter(pl.col("rank") == 0).row(0, named=True)
    assert main["type"] == "gaussian"
    assert main["frequency"] == pytest.approx(1 - n_outliers / ROWS, abs=1e-3)
    assert (main["mean"], main["std"]) == pytest.approx((0, 1), abs=0.1)


DAY = dt.date(2013, 1, 1)
EXACT = {
    "cents": pl.Series(np.random.default_rng(1).lognormal(3, 2, ROWS)).round(2),
    "tiny steps far from 0": pl.Series(
        np.random.default_rng(2).integers(0, 10**7, ROWS) / 1e4 + 1e8
    ),
    "cents in float32": pl.Series(np.random.default_rng(3).normal(50, 20, ROWS))
    .round(2)
    .cast(pl.Float32),
    "whole numbers as floats, with NaN and null": pl.Series(
        [*map(float, range(ROWS)), math.nan, None, math.inf]
    ),
    "far integers": pl.Series(np.random.default_rng(4).integers(0, 10**6, ROWS) ** 2),
    "dates": pl.Series(
        [DAY + dt.timedelta(days=int(d)) for d in np.random.default_rng(5).integers(0, 9999, ROWS)]
    ),
    "milliseconds": pl.Series(np.random.default_rng(6).integers(0, 2**41, ROWS)).cast(
        pl.Datetime("ms", "Asia/Tokyo")
    ),
    "seconds counted in nanoseconds": (
        pl.Series(np.random.default_rng(7).integers(0, 2**30, ROWS)) * 10**9
    ).cast(pl.Datetime("ns")),
    "durations": pl.Series(np.random.default_rng(8).integers(-(10**9), 10**9, ROWS)).cast(
        pl.Duration("us")
    ),
    "times": pl.Series(np.random.default_rng(9).integers(0, 86_400, ROWS) * 10**9).cast(pl.Time),
    "decimals": pl.Series(np.random.default_rng(10).integers(-(10**9), 10**9, ROWS)).cast(
        pl.Decimal(20, 0)
    )
    / pl.Series([1000]).cast(pl.Decimal(20, 3)),
    "extremes of int64, few": pl.Series([-(2**63), 2**63 - 1, 0, None] * 50),
}


@pytest.mark.parametrize("name", EXACT)
def test_values_on_a_grid_come_back_exactly(name: str) -> None:
    series = EXACT[name].alias("x")
    _, encoded, decoded = there_and_back(series)
    assert decoded.dtype == series.dtype
    assert decoded.eq_missing(series).all()
    assert encoded["x.value"].abs().max() <= 0.99 + 1e-6


def test_integers_come_back_exactly_through_logarithms() -> None:
    series = pl.Series("x", np.random.default_rng(0).lognormal(6, 3, ROWS).astype(np.int64))
    _, _, decoded = there_and_back(series, transform="log")
    assert decoded.eq(series).all()

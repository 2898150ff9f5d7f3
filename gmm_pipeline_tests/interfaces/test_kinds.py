"""What the settings of a column make of it: kinds, atoms, rare categories, logarithms, policies for
new rows.
"""

import datetime as dt
import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import ColumnDataError, SettingsError

ROWS = 4000
RANDOM = np.random.default_rng(0)
AMOUNTS = pl.Series("x", np.where(RANDOM.random(ROWS) < 0.3, 0.0, RANDOM.lognormal(3, 1, ROWS)))


def fitted(series: pl.Series, **settings: Any) -> tuple[TableEncoder, pl.DataFrame, pl.DataFrame]:
    frame = pl.DataFrame({"x": series})
    encoder = TableEncoder(**settings).fit(frame)
    return encoder, encoder.modes("x"), encoder.transform(frame).collect()


def back(encoder: TableEncoder, encoded: pl.DataFrame) -> pl.Series:
    return encoder.inverse_transform(encoded).collect()["x"]


def atoms_of(modes: pl.DataFrame) -> set[str]:
    return set(modes.filter(pl.col("type") == "atom")["value"].to_list())


def test_a_point_mass_beside_a_continuum_becomes_an_atom_by_itself() -> None:
    encoder, modes, encoded = fitted(AMOUNTS)
    assert atoms_of(modes) == {"0.0"}
    zero = modes.filter(pl.col("type") == "atom")["rank"][0]
    assert encoded.filter(AMOUNTS == 0)["x.rank"].unique().to_list() == [zero]
    assert back(encoder, encoded).filter(AMOUNTS == 0).unique().to_list() == [0.0]


def test_declared_atoms_are_modes_of_their_own() -> None:
    _, modes, _ = fitted(AMOUNTS, kind="mixed", atoms=[AMOUNTS[0], 5.0])
    assert {float(value) for value in atoms_of(modes)} == {AMOUNTS[0], 5.0}


def test_a_continuous_column_has_no_atoms() -> None:
    assert atoms_of(fitted(AMOUNTS, kind="continuous")[1]) == set()
    assert atoms_of(fitted(AMOUNTS, find_atoms=False)[1]) == set()


def test_dates_are_declared_as_text_and_shown_as_dates() -> None:
    day = dt.date(1900, 1, 1)
    days = [
        day if i % 4 == 0 else dt.date(2020, 1, 1) + dt.timedelta(days=int(i) % 700)
        for i in range(ROWS)
    ]
    encoder, modes, encoded = fitted(pl.Series("x", days), atoms=["1900-01-01"])
    assert atoms_of(modes) == {"1900-01-01"}
    assert all(value is not None and value[:2] in {"19", "20"} for value in modes["value"])
    assert back(encoder, encoded).to_list() == days


def test_an_atom_that_is_no_value_of_the_column_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"'x'.*'often'"):
        fitted(AMOUNTS, atoms=["often"])
    with pytest.raises(SettingsError, match=r"'x'.*Categories are atoms anyway"):
        fitted(pl.Series("x", ["a", "b"]), atoms=["a"])


def test_a_general_column_is_one_range_from_minus_one_to_one() -> None:
    encoder, modes, encoded = fitted(pl.Series("x", range(ROWS)), kind="general")
    assert modes["type"].to_list() == ["tail"]
    assert (encoded["x.value"].min(), encoded["x.value"].max()) == (-1.0, 1.0)
    assert back(encoder, encoded).to_list() == list(range(ROWS))


@pytest.mark.parametrize("shift", [0.5, 0.0, -40.0])
def test_logarithms_shorten_a_long_tail_and_come_back(shift: float) -> None:
    x = pl.Series(
        "x", RANDOM.lognormal(0, 3, ROWS) * (shift != 0) + shift + RANDOM.integers(0, 9, ROWS)
    )
    encoder, modes, encoded = fitted(x, transform="log", find_atoms=False, value_dtype="float64")
    y = back(encoder, encoded)
    assert ((x - y).abs() <= 1e-12 * (x.abs() + abs(shift) + 1)).all()
    assert modes["high"].max() < 40


LABELS = pl.Series("x", [f"c{min(int(k), 60)}" for k in RANDOM.exponential(6, ROWS)])


def test_rare_categories_share_a_mode_and_decode_by_their_frequencies() -> None:
    encoder, modes, encoded = fitted(LABELS, max_categories=5)
    assert len(modes) == 5
    frequent = LABELS.value_counts(sort=True)["x"].head(4)
    decoded = back(encoder, encoded)
    assert decoded.filter(LABELS.is_in(frequent.implode())).equals(
        LABELS.filter(LABELS.is_in(frequent.implode()))
    )
    rare, rare_again = (
        LABELS.filter(~LABELS.is_in(frequent.implode())),
        decoded.filter(~LABELS.is_in(frequent.implode())),
    )
    shares = rare.value_counts(normalize=True).join(
        rare_again.value_counts(normalize=True), on="x", how="left"
    )
    assert set(rare_again) <= set(rare)
    assert (shares["proportion"] - shares["proportion_right"].fill_null(0)).abs().max() < 0.05


def test_rare_categories_decode_to_a_declared_value() -> None:
    encoder, modes, encoded = fitted(LABELS, max_categories=5, rest_value="other")
    rest = modes.filter(pl.col("type") == "rest")["rank"][0]
    assert set(back(encoder, encoded).filter(encoded["x.rank"] == rest)) == {"other"}


@pytest.mark.parametrize(
    ("series", "wrong"),
    [
        (pl.Series("x", ["a", "b", "c", "d"] * 50).cast(pl.Enum(["a", "b", "c", "d"])), "unknown"),
        (pl.Series("x", [1, 2, 3, 4] * 50), 1.5),
        (pl.Series("x", [1, 2, 3, 4] * 50).cast(pl.Date), "often"),
    ],
    ids=["Enum", "integer", "date"],
)
def test_a_rest_value_that_the_column_cannot_hold_is_refused(
    series: pl.Series, wrong: object
) -> None:
    with pytest.raises(SettingsError, match="'x': rest_value"):
        fitted(series, kind="categorical", max_categories=2, rest_value=wrong)


def test_sentinels_at_the_ends_of_int64_are_refused_with_their_rows_unless_they_are_declared() -> (
    None
):
    series = pl.Series("x", [-(2**63)] * 300 + [2**63 - 1] * 200 + list(range(1000)) * 4)
    with pytest.raises(ColumnDataError, match=r"'x'.*\(500 rows\).*atoms"):
        fitted(series)
    encoder, _, encoded = fitted(series, atoms=[-(2**63), 2**63 - 1])
    assert back(encoder, encoded).equals(series)


def test_integers_too_dense_for_logarithms_are_refused_with_the_remedy() -> None:
    series = pl.Series("x", RANDOM.integers(10**15, 2 * 10**15, ROWS))
    with pytest.raises(ColumnDataError, match=r"'x'.*transform = none"):
        fitted(series, transform="log")


def test_infinities_are_atoms_unless_they_are_refused() -> None:
    series = pl.Series("x", [*RANDOM.normal(size=100), math.inf, -math.inf, -math.inf])
    encoder, modes, encoded = fitted(series)
    assert atoms_of(modes) == {"inf", "-inf"}
    assert back(encoder, encoded).tail(3).to_list() == [math.inf, -math.inf, -math.inf]
    with pytest.raises(ColumnDataError, match=r"'x'.*infinities \(3 rows\)"):
        fitted(series, infinities="error")


NEW = pl.DataFrame({"x": [1.0, -5.0, 1e9]})


def test_numbers_outside_of_the_fitted_range_are_refused_with_their_count() -> None:
    encoder = fitted(AMOUNTS)[0]
    with pytest.raises(ColumnDataError, match=r"'x'.*outside of the range.*\(2 rows\)"):
        encoder.transform(NEW).collect()


def test_numbers_outside_of_the_fitted_range_can_be_clipped_to_it() -> None:
    encoder = fitted(AMOUNTS, out_of_range="clip")[0]
    low, high = AMOUNTS.filter(AMOUNTS > 0).min(), AMOUNTS.max()
    decoded = back(encoder, encoder.transform(NEW).collect())
    assert decoded.to_list() == pytest.approx(
        [1.0, 0.0 if low > 0.1 else low, high], abs=0.05, rel=1e-6
    )


def test_numbers_outside_of_the_fitted_range_can_be_kept() -> None:
    encoder = fitted(AMOUNTS, out_of_range="keep", value_dtype="float64")[0]
    assert back(encoder, encoder.transform(NEW).collect()).to_list() == pytest.approx(
        [1.0, -5.0, 1e9], rel=1e-9
    )


@pytest.mark.parametrize("new", [["c1", "unknown", None]])
def test_unseen_categories_are_refused_or_go_to_the_most_frequent_or_the_rest(
    new: list[str | None],
) -> None:
    frame = pl.DataFrame({"x": new})
    with pytest.raises(ColumnDataError, match=r"'x'.*\(2 rows\)"):
        fitted(LABELS)[0].transform(frame).collect()
    frequent, modes, _ = fitted(LABELS, unseen="most_frequent")
    assert back(frequent, frequent.transform(frame).collect()).to_list() == [
        "c1",
        modes["value"][0],
        modes["value"][0],
    ]
    rest = fitted(LABELS, unseen="rest", max_categories=5, rest_value="other")[0]
    assert back(rest, rest.transform(frame).collect()).to_list() == ["c1", "other", "other"]


def test_unseen_nulls_of_numbers_go_to_the_most_frequent_mode() -> None:
    frame = pl.DataFrame({"x": [None, 2.0]})
    with pytest.raises(ColumnDataError, match=r"'x'.*\(1 row\)"):
        fitted(AMOUNTS)[0].transform(frame).collect()
    encoder, _, _ = fitted(AMOUNTS, unseen="most_frequent")
    assert encoder.transform(frame).collect()["x.rank"][0] == 0


def test_new_numbers_between_the_cents_that_were_fitted_are_refused_with_the_remedy() -> None:
    encoder = fitted(AMOUNTS.round(2))[0]
    new = pl.DataFrame({"x": [1.25, 1.256]})
    with pytest.raises(ColumnDataError, match=r"'x'.*multiples of 0.01.*\(1 row\).*Round them"):
        encoder.transform(new).collect()
    encoder = fitted(AMOUNTS.round(2), out_of_range="clip")[0]
    assert back(encoder, encoder.transform(new).collect()).to_list() == [1.25, 1.26]


def test_the_number_of_components_can_be_fixed() -> None:
    modes = fitted(AMOUNTS, kind="continuous", n_components=4)[1]
    assert modes.filter(pl.col("type") == "gaussian").height == 4


@pytest.mark.parametrize("method", ["em", "dpgmm"])
def test_every_method_leaves_nothing_out(method: str) -> None:
    series = pl.Series("x", RANDOM.standard_t(1.5, ROWS))
    encoder, _, encoded = fitted(series, method=method)
    assert encoded["x.value"].abs().max() <= 0.9900001
    assert (back(encoder, encoded) - series).abs().max() <= 1e-3 * series.abs().max()


def test_spark_ml_fits_the_same_sketch(spark: object) -> None:
    del spark
    series = pl.Series("x", RANDOM.normal([0, 10], 1, (ROWS, 2)).ravel())
    # Spark starts once, from a few rows drawn at random; from some seeds it stays on its first
    # plateau.
    _, modes, _ = fitted(series, method="spark_ml", n_components=2, seed=1)
    assert sorted(modes.filter(pl.col("type") == "gaussian")["mean"]) == pytest.approx(
        [0, 10], abs=0.3
    )

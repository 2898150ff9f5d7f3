import datetime as dt
import math
import xml.etree.ElementTree as ET
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from drawn_column import DrawnColumn, numbers_of_attributes, texts

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.histogram import bar_edges, expected_shares, rows_in_bars
from gmm_pipeline.pictures.ranges import shown_ranges

ROWS = 20_000
RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=ROWS)
LOGNORMAL = RANDOM.lognormal(0, 1.5, ROWS)
DAYS = (15_000 + 400 * NORMAL).astype(np.int32)
SECONDS = (1.6e9 + 1e5 * NORMAL).astype(np.int64)

COLUMNS: dict[str, tuple[Any, dict[str, Any]]] = {
    "normal": (NORMAL, {}),
    "heavy tails": (RANDOM.standard_t(2, ROWS), {}),
    "long tail": (LOGNORMAL, {}),
    "logarithms": (LOGNORMAL, {"transform": "log"}),
    "cents": (np.round(LOGNORMAL * 20, 2), {}),
    "two far clusters": (np.where(NORMAL < 0.5, NORMAL, 1e9 + NORMAL), {}),
    "twelve integers": (RANDOM.integers(1, 13, ROWS), {}),
    "many integers": (RANDOM.integers(0, 10**6, ROWS) + 9 * 10**17, {}),
    "mostly zeros": (np.where(RANDOM.random(ROWS) < 0.91, 0.0, LOGNORMAL), {}),
    "a far sentinel": (np.where(RANDOM.random(ROWS) < 0.05, -9999999.0, NORMAL), {}),
    "tiny": (NORMAL * 1e-300, {}),
    "huge": (NORMAL * 1e160, {}),
    "largest": (NORMAL * 4e307, {}),
    "denormals": (RANDOM.integers(0, 10**6, ROWS) * 5e-324, {}),
    "hundreds of decades": (10 ** RANDOM.uniform(-300, 300, ROWS), {}),
    "hundreds of decades, logarithms": (
        10 ** RANDOM.uniform(-300, 300, ROWS),
        {"transform": "log"},
    ),
    "nulls, NaN and infinities": (
        pa.array([None, math.nan, math.inf, -math.inf, *NORMAL.tolist()]),
        {},
    ),
    "dates": (pa.array(DAYS, pa.int32()).cast(pa.date32()), {}),
    "moments": (pa.array(SECONDS * 10**9 + 1, pa.int64()).cast(pa.timestamp("ns", "UTC")), {}),
    "times of day": (
        pa.array(SECONDS.astype(np.int32) % 86_400, pa.int32()).cast(pa.time32("s")),
        {},
    ),
    "durations": (pa.array((LOGNORMAL * 1e6).astype(np.int64)).cast(pa.duration("us")), {}),
    "decimals": (
        pa.array([Decimal(int(x * 1000)).scaleb(-2) for x in LOGNORMAL], pa.decimal128(12, 2)),
        {},
    ),
    "a range without a mixture": (NORMAL, {"kind": "general"}),
    "one number": (np.full(100, 7.5), {}),
    "one row": (np.array([1.5]), {"kind": "continuous"}),
    "two rows": (np.array([1.5, 1e200]), {"kind": "continuous"}),
    "nothing": (pa.nulls(10, pa.float64()), {}),
    "categories": (pa.array(RANDOM.choice(["red", "green", "blue"], ROWS)), {}),
    "many categories": (
        pa.array([str(x) for x in RANDOM.integers(0, 5000, ROWS)]),
        {"max_categories": 100},
    ),
    "truth": (pa.array(NORMAL > 0), {}),
    "date categories": (pa.array([dt.date(2024, 2, 29)] * 5 + [None]), {"kind": "categorical"}),
    "clipped": (RANDOM.standard_t(2, ROWS), {"preset": "ctgan"}),
}


@pytest.fixture(scope="module", params=COLUMNS, ids=lambda name: name)
def column(request: pytest.FixtureRequest) -> DrawnColumn:
    values, settings = COLUMNS[request.param]
    return DrawnColumn.of(values, name=request.param, **settings)


@pytest.mark.filterwarnings("ignore:column .* still improving")
def test_every_column_has_a_small_well_formed_picture_that_says_what_it_shows(
    column: DrawnColumn,
) -> None:
    picture = column.picture()

    root = ET.fromstring(picture)  # noqa: S314
    assert root.get("role") == "img"
    assert column.model.column in (root.get("aria-label") or "")
    assert len(picture) < 11_000
    assert "nan" not in picture
    assert "inf" not in picture.replace("infinities", "")
    assert all(abs(number) < 2000 for number in numbers_of_attributes(picture))
    assert picture == column.picture()


@pytest.mark.filterwarnings("ignore:column .* still improving")
def test_every_column_has_a_thumbnail(column: DrawnColumn) -> None:
    thumbnail = column.thumbnail()

    assert texts(thumbnail) == []
    assert len(thumbnail) < 4000
    assert all(-200 < number < 400 for number in numbers_of_attributes(thumbnail))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "normal",
            ["−2", "0", "2", "20,000 rows", "1 Gaussian mode by rank", "share of rows per bar"],
        ),
        ("heavy tails", ["−5", "0", "5", "share of rows per bar, logarithmic"]),
        ("logarithms", ["0.1", "1", "10", "logarithmic"]),
        ("many integers", ["from 900,000,000,000,000,000", "+200,000"]),
        ("mostly zeros", ["1 atom 91.2 %", "0: 91.2 %"]),
        ("a far sentinel", ["−9,999,999: 5 %", "−9,999,999", "−2", "0"]),
        ("tiny", ["−2·10⁻³⁰⁰", "10⁻³⁰⁰"]),
        ("huge", ["10¹⁶⁰"]),
        ("dates", ["2010", "2011", "2012"]),
        ("moments", ["2020-09-13", "UTC"]),
        ("times of day", ["06:00", "12:00"]),
        ("durations", ["seconds"]),
        ("twelve integers", [str(number) for number in range(1, 13)]),
        ("nothing", ["null", "100 %"]),
        ("date categories", ["2024-02-29", "83.3 %", "null"]),
        ("truth", ["True", "False"]),
    ],
)
def test_pictures_speak_in_the_units_of_the_column(name: str, shown: list[str]) -> None:
    values, settings = COLUMNS[name]

    found = texts(DrawnColumn.of(values, **settings).picture())

    assert [text for text in shown if text not in found] == [], found


def test_rows_without_a_place_on_the_axis_are_named() -> None:
    values = pa.array([*[None] * 50, math.nan, math.inf, -math.inf, *NORMAL[:947].tolist()])

    found = texts(DrawnColumn.of(values).picture())

    assert "not on the axis: null 5 %, NaN 0.1 %, ∞ 0.1 %, −∞ 0.1 %" in found


def test_rows_outside_of_the_picture_are_counted() -> None:
    values = RANDOM.standard_t(2, ROWS)

    left, right = (
        text
        for text in texts(DrawnColumn.of(values).picture())
        if "below" in text or "above" in text
    )

    assert left.startswith("◂ ")
    assert f"down to −{-values.min():.5g}" in left
    assert f"up to {values.max():.5g}" in right
    assert 0 < int(left.split()[1]) <= 0.006 * ROWS


def test_the_most_frequent_categories_stand_first_and_the_others_are_counted() -> None:
    column = DrawnColumn.of(
        pa.array([str(number) for number in range(25) for _ in range(number + 1)])
    )

    found = texts(column.picture())

    assert found[0:4:2] == ["24", "23"]
    assert found[-1] == "5 others: 4.6 %"


@pytest.mark.parametrize(
    "name",
    ['</text><script>alert("x")</script>', "a&b", "\x00\x1b[31m", "\u202eevil", "x" * 5000, ""],
)
def test_hostile_names_are_text_and_nothing_else(name: str) -> None:
    column = DrawnColumn.of(pa.array([name, name, "other"]), name=name or "empty")

    for picture in (column.picture(), column.thumbnail()):
        root = ET.fromstring(picture)  # noqa: S314
        kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert kinds <= {"svg", "style", "rect", "text", "path"}
        assert picture.count("<style") == picture.count(svg.STYLE_ELEMENT) == 1
        assert len(picture) < 20_000
        assert "\u202e" not in picture


def test_a_far_cluster_is_shown_without_the_emptiness_before_it() -> None:
    points = WeightedPoints.of(np.concatenate([NORMAL, 1e6 + NORMAL]))
    none = WeightedPoints.of(np.empty(0))

    shown = shown_ranges(
        points, none, Mixture(np.array([0.5, 0.5]), np.array([0.0, 1e6]), np.ones(2))
    )

    assert len(shown) == 2
    assert all(part.high - part.low < 10 for part in shown)


def test_bars_hold_every_row_that_lies_within_them() -> None:
    positions, spreads = np.arange(100.0), np.full(100, 1 / 12)
    points = WeightedPoints(positions, np.arange(1.0, 101.0), spreads)

    one_by_one = rows_in_bars(points, bar_edges(0.0, 99.0, 100, 1.0))
    by_tens = rows_in_bars(points, bar_edges(0.0, 99.0, 10, 1.0))
    off_the_grid = rows_in_bars(points, np.linspace(-10, 110, 31))

    assert np.allclose(one_by_one, points.weights)
    assert np.allclose(by_tens, points.weights.reshape(10, 10).sum(axis=1))
    assert math.isclose(off_the_grid.sum(), points.total_weight)


def test_expected_shares_of_side_by_side_bars_add_up_to_one() -> None:
    mixture = Mixture(np.array([0.3, 0.7]), np.array([0.0, 5.0]), np.array([1e-6, 2.0]))
    middles = np.linspace(-20, 30, 101)

    shares = expected_shares(mixture, middles, 0.5)

    assert np.allclose(shares.sum(axis=0), 1.0)
    assert shares[40, 0] == pytest.approx(1.0)

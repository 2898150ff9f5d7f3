import base64
import math
import re
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from drawn_column import DrawnColumn, numbers_of_attributes, texts
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.arrow.model_document import StoredModel
from gmm_pipeline.pictures.bars import frequencies_picture
from gmm_pipeline.pictures.calendar import moment_ticks
from gmm_pipeline.pictures.markdown import markdown_image, modes_table
from gmm_pipeline.pictures.numbers import number_ticks, share_text, value_text
from gmm_pipeline.pictures.units import Units
from gmm_pipeline.store.ranking_files import ranking_table

NOON = np.random.default_rng(0).normal(1_772_452_800, 3 * 3600, 2000).astype(np.int64) * 1_000_000
"""Microseconds since 1970 around noon of 2026-03-02."""
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def test_frequencies_are_shown_by_rank_with_what_was_expected() -> None:
    observed, expected = np.array([0.6, 0.3, 0.1]), np.array([0.59, 0.31, 0.1])

    found = texts(frequencies_picture(observed, expected, ["<a>", "null", "tail"]))

    assert [text for text in found if "/" in text] == ["60 % / 59 %", "30 % / 31 %", "10 % / 10 %"]
    assert "0 <a>" in found


def test_of_many_frequencies_thirty_are_shown() -> None:
    shares = np.full(100, 0.01)

    assert texts(frequencies_picture(shares, shares, [""] * 100))[-1] == "70 more modes"


def test_frequencies_that_are_no_numbers_do_not_break_the_picture() -> None:
    odd = np.array([math.nan, math.inf, 0.5])

    assert all(
        abs(number) < 1000
        for number in numbers_of_attributes(frequencies_picture(odd, odd, list("abc")))
    )


def test_a_markdown_image_holds_the_whole_picture() -> None:
    image = markdown_image("<svg/>", "a ] picture")

    before, _, data = image.partition("(data:image/svg+xml;base64,")
    assert before == r"![a \] picture]"
    assert base64.b64decode(data.removesuffix(")")) == b"<svg/>"


def test_the_modes_of_a_column_are_a_markdown_table() -> None:
    hostile = "a|b `<i>`\n| new row"
    column = DrawnColumn.of(
        pa.array([hostile] * 3 + [None] + [f"c{number}" for number in range(40)])
    )

    lines = table_of(column).splitlines()

    assert lines[0].startswith("| rank | type | value |")
    assert r"a\|b \`\<i\>\` \| new row" in lines[2]
    assert sum("null" in line for line in lines) == 1
    assert [len(line.replace(r"\|", "").split("|")) for line in lines[:32]] == [11] * 32
    assert lines[-1] == "12 more"


@pytest.mark.parametrize(
    ("rows", "mean", "std"),
    [
        (pa.array(NOON, pa.timestamp("us")), r"2026-03-02 1\d:\d\d:\d\d", r"[23][.\d]* h"),
        (pa.array(NOON % 86_400_000_000, pa.time64("us")), r"1\d:\d\d:\d\d", r"[23][.\d]* h"),
        (
            pa.array(NOON // 10**9, pa.int32()).cast(pa.date32()),
            r"68\d\d-\d\d-\d\d",
            r"1[.\d]+ days",
        ),
    ],
)
def test_modes_of_dates_and_times_are_told_as_such(rows: pa.Array, mean: str, std: str) -> None:
    line = table_of(DrawnColumn.of(rows)).splitlines()[2]

    cells = [cell.strip().replace("\\", "") for cell in line.split("|")]
    assert re.fullmatch(mean, cells[5])
    assert re.fullmatch(std, cells[6])
    assert cells[7] <= cells[5] <= cells[8]


def table_of(column: DrawnColumn) -> str:
    modes = ranking_table(StoredModel(column.model, column.field), column.ranking)
    return modes_table(modes, Units.of(column.model.coordinate, column.field))


@given(FLOATS, FLOATS, st.integers(2, 12))
def test_ticks_lie_within_their_range_and_are_few_and_differ(
    one: float, other: float, most: int
) -> None:
    low, high = sorted((Fraction(one), Fraction(other)))

    ticks, _ = number_ticks(low, high, most)

    assert all(low <= tick.at <= high for tick in ticks)
    assert len(ticks) <= most + 1
    assert len({tick.text for tick in ticks}) == len(ticks)
    assert low == high or len(ticks) >= 1


@given(st.integers(-(10**17), 10**17), st.integers(1, 10**15), st.integers(2, 10))
def test_moments_of_any_century_have_few_different_ticks(
    start: int, length: int, most: int
) -> None:
    ticks = moment_ticks(Fraction(start), Fraction(start + length), most)

    assert all(start <= tick.at <= start + length for tick in ticks)
    assert len(ticks) <= 2 * most + 1
    assert len({(tick.at, tick.text) for tick in ticks}) == len(ticks)


def test_ticks_that_share_their_first_digits_are_counted_from_a_round_number() -> None:
    ticks, start = number_ticks(Fraction(10**18 + 3), Fraction(10**18 + 9), 3, Fraction(1))

    assert start == "from 1,000,000,000,000,000,000"
    assert [tick.text for tick in ticks] == ["+4", "+6", "+8"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-156.849, "−156.85"),
        (1e160, "1·10¹⁶⁰"),
        (123456.7, "123,457"),
        (0.00012, "0.00012"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_written_as_people_write_them(number: float, text: str) -> None:
    assert value_text(number) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.99999, "99.99 %"), (0.0417, "4.2 %"), (1e-9, "1·10⁻⁷ %")],
)
def test_shares_do_not_round_to_nothing_or_all(share: float, text: str) -> None:
    assert share_text(share) == text

"""Every Arrow type that holds numbers becomes NumPy numbers and comes back as it was."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.arrow.number_batch import NumberBatch
from gmm_pipeline.arrow.numeric_types import (
    counts_units,
    from_numbers,
    number_of,
    numeric_type,
    texts_of,
    to_numbers,
)
from gmm_pipeline.core.sketch.numeric_type import FloatType, IntegerType
from gmm_pipeline.errors import ColumnDataError, SettingsError

LOWEST, HIGHEST = -(2**63), 2**63 - 1
MS_PER_DAY = 86_400_000


def units(counts: list[int], kind: pa.DataType) -> pa.Array:
    """Return whole numbers as a type that stores them so."""
    narrow = pa.types.is_date32(kind) or pa.types.is_time32(kind)
    return pa.array(counts, pa.int32() if narrow else pa.int64()).cast(kind)


def decimals(counts: list[int], kind: pa.DataType) -> pa.Array:
    return pa.array([Decimal(count).scaleb(-kind.scale) for count in counts], kind)


TIMES = [
    pa.date32(),
    *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.timestamp(unit, zone) for unit in ("s", "ns") for zone in ("UTC", "America/New_York")),
    *(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
]
DECIMALS = [
    pa.decimal32(9, 2),
    pa.decimal32(5, 0),
    pa.decimal64(18, 4),
    pa.decimal128(18, 6),
    pa.decimal128(38, 10),
    pa.decimal256(76, 3),
    pa.decimal128(12, -2),
]
COUNTS = [0, -1, 1, 12_345, -12_345, None]
ARRAYS: dict[str, tuple[pa.Array, list[int | float | None]]] = {
    **{str(kind): (units(COUNTS, kind), COUNTS) for kind in TIMES},
    **{
        str(kind): (decimals([count or 0 for count in COUNTS[:-1]], kind), COUNTS[:-1])  # type: ignore[dict-item]
        for kind in DECIMALS
    },
    **{
        str(kind): (units([0, 1, 86_399], kind), [0, 1, 86_399])
        for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))
    },
    "date64": (units([0, MS_PER_DAY, -MS_PER_DAY], pa.date64()), [0, MS_PER_DAY, -MS_PER_DAY]),
    "the bounds of timestamps": (units([LOWEST, HIGHEST], pa.timestamp("ns")), [LOWEST, HIGHEST]),
    "the bounds of dates": (units([-(2**31), 2**31 - 1], pa.date32()), [-(2**31), 2**31 - 1]),
    "the bounds of int64": (pa.array([LOWEST, HIGHEST, None], pa.int64()), [LOWEST, HIGHEST, None]),
    "the largest uint64 that is taken": (
        pa.array([0, HIGHEST, None], pa.uint64()),
        [0, HIGHEST, None],
    ),
    "wide decimals of int64": (
        decimals([LOWEST, HIGHEST], pa.decimal128(38, 2)),
        [LOWEST, HIGHEST],
    ),
    "wider decimals of int64": (
        decimals([LOWEST, HIGHEST, -1], pa.decimal256(76, 2)),
        [LOWEST, HIGHEST, -1],
    ),
    **{
        str(kind): (pa.array([0, 1, 100, None], kind), [0, 1, 100, None])
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32())
    },
    "float16": (
        pa.array(np.array([0.5, -65504.0, 6e-8], dtype=np.float16)),
        [0.5, -65504.0, float(np.float16(6e-8))],
    ),
    "float32": (
        pa.array([0.5, -3.4028234663852886e38, None], pa.float32()),
        [0.5, -3.4028234663852886e38, None],
    ),
    "float64": (
        pa.array([0.1, 5e-324, -1.7976931348623157e308, None]),
        [0.1, 5e-324, -1.7976931348623157e308, None],
    ),
}
each_array = pytest.mark.parametrize(("array", "numbers"), ARRAYS.values(), ids=ARRAYS.keys())


def check(array: pa.Array, numbers: list[int | float | None]) -> None:
    """Take an array with nulls apart, and put it together again."""
    numeric = numeric_type(array.type)
    batch = NumberBatch.of(array)
    nulls = np.zeros(len(array), dtype=np.bool_) if batch.nulls is None else batch.nulls
    assert numeric is not None
    assert batch.numbers.dtype == numeric.dtype
    assert nulls.tolist() == [number is None for number in numbers]
    assert batch.numbers.tolist() == [number or 0 for number in numbers]
    back = from_numbers(batch.numbers, batch.nulls, array.type)
    back.validate(full=True)
    assert back.type == array.type
    assert back.equals(array)


@each_array
def test_numbers_come_back(array: pa.Array, numbers: list[int | float | None]) -> None:
    check(array, numbers)


@each_array
def test_slices_come_back(array: pa.Array, numbers: list[int | float | None]) -> None:
    longer = pa.concat_arrays([array] * 30)
    for offset, length in ((0, 7), (1, 5), (13, 1), (9, len(array)), (3, 0), (len(longer) - 9, 9)):
        check(longer.slice(offset, length), (numbers * 30)[offset : offset + length])


@each_array
def test_nulls_alone_come_back(array: pa.Array, numbers: list[int | float | None]) -> None:
    del numbers
    check(pa.nulls(5, array.type), [None] * 5)


@each_array
def test_every_number_lies_within_the_bounds_of_its_type(
    array: pa.Array, numbers: list[int | float | None]
) -> None:
    numeric = numeric_type(array.type)
    held = [number for number in numbers if number is not None]
    if isinstance(numeric, IntegerType):
        assert all(numeric.lowest <= number <= numeric.highest for number in held)
    else:
        assert isinstance(numeric, FloatType)


@pytest.mark.parametrize("kind", [kind for kind in DECIMALS if kind.precision <= 18], ids=str)
@given(st.data())
def test_decimals_of_any_size_come_back(kind: pa.DataType, data: st.DataObject) -> None:
    most = 10**kind.precision - 1
    counts = data.draw(st.lists(st.integers(-most, most) | st.sampled_from([-most, most])))
    array = decimals(counts, kind)
    assert to_numbers(array).tolist() == counts
    assert from_numbers(to_numbers(array), None, kind).equals(array)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_nan_infinities_and_null_are_told_apart(kind: pa.DataType) -> None:
    array = pa.array([np.nan, np.inf, -np.inf, None, 1.5], pa.float64()).cast(kind)
    numbers, specials = NumberBatch.of(array).split()
    assert numbers.tolist() == [1.5]
    assert (specials.nulls, specials.nans) == (1, 1)
    assert (specials.positive_infinities, specials.negative_infinities) == (1, 1)


@pytest.mark.parametrize(
    ("array", "rows"),
    [
        (pa.array([2**63, 5, 2**64 - 1], pa.uint64()), 2),
        (decimals([2**63, -(2**63), -(2**63) - 1, 7], pa.decimal128(38, 2)), 2),
        (decimals([2**63, 2**200, -(2**130), 7], pa.decimal256(76, 0)), 3),
    ],
    ids=["uint64", "decimal128", "decimal256"],
)
def test_numbers_beyond_int64_are_refused_and_counted(array: pa.Array, rows: int) -> None:
    with pytest.raises(ColumnDataError, match="beyond those of int64") as refused:
        to_numbers(array)
    assert refused.value.rows == rows


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.bool_(),
        pa.binary(),
        pa.null(),
        pa.list_(pa.int64()),
        pa.month_day_nano_interval(),
    ],
    ids=str,
)
def test_other_types_hold_no_numbers(kind: pa.DataType) -> None:
    assert numeric_type(kind) is None


@pytest.mark.parametrize(
    ("value", "kind", "number"),
    [
        (0, pa.decimal32(5, 2), 0),
        (0.5, pa.decimal128(9, 2), 50),
        ("-1.25", pa.decimal64(9, 2), -125),
        (7, pa.int8(), 7),
        (1, pa.float16(), 1.0),
        ("2013-12-31", pa.date32(), 16_070),
        ("2013-12-31", pa.date64(), 16_070 * MS_PER_DAY),
        ("2013-12-31 00:00:00.000000001", pa.timestamp("ns"), 16_070 * 86_400 * 10**9 + 1),
        ("2013-12-31T01:00:00+01:00", pa.timestamp("s", "Europe/Oslo"), 16_070 * 86_400),
        ("12:00:00", pa.time32("s"), 43_200),
        ("00:00:00.5", pa.time64("ns"), 500_000_000),
        (60, pa.duration("s"), 60),
    ],
    ids=str,
)
def test_settings_give_numbers_of_every_type(value: Any, kind: pa.DataType, number: float) -> None:
    assert number_of(value, kind, "amount") == number


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("yesterday", pa.date32()),
        (0.001, pa.decimal32(5, 2)),
        (-1, pa.uint8()),
        (0.5, pa.int64()),
        (2**63, pa.uint64()),
        (12, pa.time32("s")),
        ("a", pa.float64()),
    ],
    ids=str,
)
def test_a_setting_that_is_no_number_of_the_type_is_refused(value: Any, kind: pa.DataType) -> None:
    with pytest.raises(
        SettingsError, match=r"column .amount.: .* is not a value of type"
    ) as refused:
        number_of(value, kind, "amount")
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (units([16_070], pa.date32()), ["2013-12-31"]),
        (units([1], pa.timestamp("ns")), ["1970-01-01 00:00:00.000000001"]),
        (units([1], pa.time64("ns")), ["00:00:00.000000001"]),
        (pa.array([-1_500, None], pa.int64()).cast(pa.duration("ms")), ["-1.5 s", None]),
        (decimals([-125], pa.decimal32(9, 2)), ["-1.25"]),
    ],
    ids=["date", "timestamp", "time", "duration", "decimal"],
)
def test_values_are_written_as_text_to_their_last_place(
    array: pa.Array, texts: list[str | None]
) -> None:
    assert counts_units(array.type)
    assert texts_of(array) == texts

"""Unusual columns come back as they were, floats to within their precision, or an error says why
they cannot.
"""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import ColumnDataError, PipelineError, SourceError, UnsupportedTypeError

INTEGERS = [pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64]
FLOATS = [pl.Float16, pl.Float32, pl.Float64]
PRECISION = {pl.Float32: 2.0**-22, pl.Float64: 2.0**-50}
INF, NAN = math.inf, math.nan
HUGE = 1.7976931348623157e308

rng = np.random.default_rng(0)
normal = rng.normal(size=500)
skewed = rng.lognormal(3, 2, 20_000)


def column(values: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("amount", values, dtype=dtype, nan_to_null=False)


def round_trip(
    original: pl.Series, **settings: Any
) -> tuple[TableEncoder, pl.DataFrame, pl.Series]:
    encoder = TableEncoder(**settings).fit(original.to_frame())
    encoded = encoder.transform(original.to_frame()).collect()
    return encoder, encoded, encoder.inverse_transform(encoded).collect().to_series()


def round_trip_or_refusal(
    original: pl.Series,
) -> tuple[TableEncoder, pl.DataFrame, pl.Series] | None:
    """The round trip; None if the column is refused with an error that says where, how many, and
    what next.
    """
    try:
        return round_trip(original)
    except ColumnDataError as refused:
        if refused.column != "amount" or not refused.rows or not refused.remedy:
            raise
        return None


def half_widths_by_rank(encoder: TableEncoder, encoded: pl.DataFrame) -> np.ndarray[Any, Any]:
    """Half of what a mode decodes −0.99 and 0.99 to, in the column's own numbers; 0 for atoms."""
    rank = pl.Series(
        "amount.rank", range(encoder.modes("amount").height), encoded["amount.rank"].dtype
    )
    ends = []
    for end in (-0.99, 0.99):
        value = pl.Series("amount.value", [end] * rank.len(), encoded["amount.value"].dtype)
        decoded = encoder.inverse_transform(pl.DataFrame([value, rank])).collect().to_series()
        ends.append(decoded.cast(pl.Float64).fill_null(0).to_numpy() / 1.98)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(ends[1] - ends[0], nan=0.0)


def tolerance(
    encoder: TableEncoder, encoded: pl.DataFrame, original: pl.Series
) -> np.ndarray[Any, Any]:
    """The precision of the encoded value in units of the row's mode, and half a step of the
    column's own type.
    """
    half_widths = half_widths_by_rank(encoder, encoded)[encoded["amount.rank"].to_numpy()]
    with np.errstate(over="ignore", invalid="ignore"):
        own = np.abs(np.spacing(original.fill_null(0).to_numpy())).astype(np.float64)
    return PRECISION[encoded["amount.value"].dtype.base_type()] * half_widths + 2 * own


def check_encoded(encoder: TableEncoder, encoded: pl.DataFrame, rows: int) -> None:
    (spans,) = encoder.spans
    assert encoded.columns == ["amount.value", "amount.rank"]
    assert encoded.height == rows
    assert encoded["amount.value"].dtype in (pl.Float32, pl.Float64)
    assert encoded["amount.value"].is_finite().all()
    assert encoded["amount.rank"].dtype in (pl.UInt8, pl.UInt16, pl.UInt32)
    assert encoded["amount.rank"].max() < spans.rank.width == encoder.modes("amount").height


EXACT = {
    "one row": column([1.5]),
    "one null row": column([None], pl.Float64),
    "one infinite row": column([INF]),
    "two rows": column([1.5, -2.5]),
    "two rows of text": column(["a", None]),
    "a constant float": column([0.1] * 100),
    "a constant integer": column([7] * 100),
    "a constant text": column(["a"] * 100),
    "a constant with nulls": column([7, None] * 50),
    "all null, untyped": column([None] * 5),
    "all null floats": column([None] * 5, pl.Float32),
    "all null integers": column([None] * 5, pl.UInt64),
    "all null text": column([None] * 5, pl.String),
    "all null booleans": column([None] * 5, pl.Boolean),
    "all null enum": column([None] * 5, pl.Enum(["a", "b"])),
    "all NaN": column([NAN] * 5),
    "all infinite": column([INF, -INF, -INF]),
    "fewer distinct values than modes": column([0.1, 0.2, 1e-300, None] * 10),
    "infinities, NaN and null": column([INF, -INF, NAN, None, 0.5]),
    "signed zeros": column([0.0, -0.0, 1.0]),
    "an offset of 1e15": column(1e15 + rng.integers(0, 1000, 500)),
    "an offset of -1e15, 1/8 apart": column(-1e15 + rng.integers(0, 4000, 500) / 8),
    "few extremes of int64": column([-(2**63), 2**63 - 1, 0, None], pl.Int64),
    "many integers below 2**63": column([2**63 - 1 - number for number in range(1000)], pl.Int64),
    "many integers above -2**63": column([-(2**63) + number for number in range(1000)], pl.Int64),
    "many integers around 2**53": column([2**53 + number for number in range(-500, 500)], pl.Int64),
    "unsigned integers up to 2**63 - 1": column(
        [2**63 - 1 - number for number in range(1000)], pl.UInt64
    ),
    "far apart integers": column([*range(1000), 2**49, -(2**49)], pl.Int64),
    "dates": column([*range(-1000, 20_000, 7), None]).cast(pl.Int32).cast(pl.Date),
    "the first and the last date": column([-(2**31), 2**31 - 1, None] * 3, pl.Int32).cast(pl.Date),
    "times": column(rng.integers(0, 86_400 * 10**9, 500)).cast(pl.Time),
    "timestamps in milliseconds": column([*rng.integers(0, 2**41, 500), None]).cast(
        pl.Datetime("ms")
    ),
    "timestamps in nanoseconds, a minute apart": column(
        10**18 + 60 * 10**9 * rng.integers(0, 10**6, 500)
    ).cast(pl.Datetime("ns", "Europe/Oslo")),
    "durations": column(rng.integers(-(10**9), 10**9, 500)).cast(pl.Duration("us")),
    "decimals": column([*rng.integers(-(10**6), 10**6, 500), None]).cast(pl.Decimal(18, 0)) / 100,
    "prices as floats": column(np.round(skewed, 2)),
    "prices as 32-bit floats": column(np.round(np.minimum(skewed, 9999), 2)).cast(pl.Float32),
    "mostly zeros": column(np.where(rng.random(20_000) < 0.9, 0.0, np.round(skewed, 1))),
    "booleans": column([True, False, None] * 5),
    "one boolean": column([True]),
    "empty strings": column(["", "a", "", None]),
    "strings that look like numbers": column(
        ["nan", "inf", "None", "null", "1", "01", " 1", "é\n"]
    ),
    "more categories than 256": column([str(number) for number in range(1000)]),
    "more categories than 65536": column([str(number) for number in range(70_000)]),
    "an enum": column(["b", "a", None, "b"], pl.Enum(["c", "b", "a"])),
    "an enum of which one value is used": column(["b"] * 3, pl.Enum(["c", "b", "a"])),
    "a categorical": column(["b", "a", None, "b"], pl.Categorical),
}


@pytest.mark.parametrize("original", EXACT.values(), ids=EXACT.keys())
def test_comes_back_exactly(original: pl.Series) -> None:
    encoder, encoded, decoded = round_trip(original)

    assert decoded.dtype == original.dtype
    assert decoded.equals(original, check_dtypes=True, check_names=True, null_equal=True)
    check_encoded(encoder, encoded, len(original))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("nulls", [False, True], ids=["without nulls", "with nulls"])
def test_integers_of_every_type_come_back_exactly(dtype: pl.DataType, nulls: bool) -> None:  # noqa: FBT001
    lowest, highest = (pl.select(bound).item() for bound in (dtype.min(), dtype.max()))
    few = column([lowest, min(highest, 2**63 - 1), 1, None if nulls else 0] * 3, dtype)
    many = column([*range(100), *([None] * 20 if nulls else [])], dtype)
    whole_type = column([lowest, highest, *range(50)], dtype) if abs(highest) < 2**50 else many

    for original in (few, many, whole_type):
        decoded = round_trip(original)[2]
        assert decoded.dtype == dtype
        assert decoded.equals(original, null_equal=True)


@pytest.mark.parametrize(
    "dtype", [*INTEGERS, *FLOATS, pl.Boolean, pl.String, pl.Date, pl.Duration("ms")], ids=str
)
def test_categories_of_every_type_come_back_exactly(dtype: pl.DataType) -> None:
    original = column([0, 1, 1, 0, 1]).cast(dtype).extend(column([None], dtype))

    _, encoded, decoded = round_trip(original, kind="categorical")

    assert decoded.dtype == dtype
    assert decoded.equals(original, null_equal=True)
    assert encoded["amount.rank"].to_list() == [1, 0, 0, 1, 0, 2]


WITHIN_PRECISION = {
    **{f"{dtype} numbers": column(10 * normal).cast(dtype) for dtype in FLOATS},
    **{
        f"{dtype} numbers with gaps": column([*normal, INF, -INF, NAN, None, 0.0]).cast(dtype)
        for dtype in FLOATS
    },
    "1e300": column(normal * 1e300),
    "1e-300": column(normal * 1e-300),
    "1e-300 among 1e300": column([*(normal * 1e300), 1e-300, 1e300, -1e300]),
    "1e300 among ones": column([*normal, 1e300, -1e300, 1e-300]),
    "from 1e-300 to 1e300, few": column(10.0 ** rng.uniform(-300, 300, 500)),
    "1e300 among 1e-300": column([*(normal * 1e-300), 1e300, -1e300]),
    "subnormal": column(normal * 1e-310),
    "largest float32": column([*normal, 3.4028234e38, -3.4028234e38], pl.Float32),
    "largest float16": column([*normal, 65504, -65504], pl.Float64).cast(pl.Float16),
    "an offset of 1e15": column(1e15 + normal),
    "an offset of 1e15, many": column(1e15 + skewed),
    "more distinct values than a sketch counts": column(skewed),
    "more distinct float32 values than a sketch counts": column(skewed).cast(pl.Float32),
}


@pytest.mark.parametrize("mode_choice", ["sample", "argmax"])
@pytest.mark.parametrize("original", WITHIN_PRECISION.values(), ids=WITHIN_PRECISION.keys())
def test_comes_back_within_precision(original: pl.Series, mode_choice: str) -> None:
    encoder, encoded, decoded = round_trip(original, mode_choice=mode_choice)

    check_encoded(encoder, encoded, len(original))
    assert decoded.dtype == original.dtype
    finite = original.is_finite().fill_null(False)
    assert decoded.filter(~finite).equals(original.filter(~finite), null_equal=True)
    before, after = (
        series.filter(finite).cast(pl.Float64).to_numpy() for series in (original, decoded)
    )
    allowed = tolerance(encoder, encoded, original)[finite.to_numpy()]
    with np.errstate(over="ignore"):
        assert (np.abs(after - before) <= allowed).all()


def test_floats_are_close_in_their_own_units() -> None:
    _, encoded, decoded = round_trip(column(normal))

    assert encoded["amount.value"].dtype == pl.Float32
    assert np.abs(decoded.to_numpy() - normal).max() < 1e-6


@pytest.mark.parametrize("outliers", [[1e6, -3e6], [1e9, -2e9], [1e12]], ids=str)
def test_values_next_to_the_bulk_are_not_lost_to_far_outliers(outliers: list[float]) -> None:
    original = column([*rng.normal(size=20_000), 6.0, 7.5, -5.5, *outliers * 20])

    decoded = round_trip(original)[2]

    assert decoded[20_000:20_003].to_list() == pytest.approx([6.0, 7.5, -5.5], abs=1e-3)


@pytest.mark.parametrize("outlier", [1e120, 1e200, 1e300])
def test_huge_values_do_not_cost_the_others_theirs(outlier: float) -> None:
    came_back = round_trip_or_refusal(column([*skewed, outlier, -outlier]))

    if came_back is not None:
        decoded = came_back[2]
        assert np.abs(decoded[:20_000].to_numpy() - skewed).max() < 1e-3 * skewed.std()
        assert decoded[20_000:].to_list() == pytest.approx([outlier, -outlier], rel=1e-6)


REFUSED = {
    "uint64 above 2**63": (
        column([2**64 - 1, 2**63, 5], pl.UInt64),
        ColumnDataError,
        2,
        "numbers beyond those of int64 cannot be encoded",
        "kind = categorical",
    ),
    "decimals beyond int64": (
        column([Decimal("99999999999999999999999999999.5"), Decimal("0.5")], pl.Decimal(38, 9)),
        ColumnDataError,
        1,
        "numbers beyond those of int64 cannot be encoded",
        "Cast the column to a string",
    ),
    "many integers further apart than 2**50": (
        column([*range(100), 2**62, -(2**63)], pl.Int64),
        ColumnDataError,
        2,
        "numbers lie further than 2**50 steps of 1 from 50",
        "kind = categorical",
    ),
    "structs": (
        column([{"a": 1}]),
        UnsupportedTypeError,
        None,
        "type struct<a: int64> cannot",
        "Leave the column",
    ),
    "lists": (
        column([[1]]),
        UnsupportedTypeError,
        None,
        "type large_list<item: int64> cannot",
        "Leave the column",
    ),
    "bytes": (
        column([b"a"]),
        UnsupportedTypeError,
        None,
        "type large_binary cannot",
        "Leave the column",
    ),
    "128-bit integers": (
        column([1, 2]).cast(pl.Int128),
        UnsupportedTypeError,
        None,
        "type",
        "Leave the column",
    ),
}


@pytest.mark.parametrize(
    ("original", "error", "rows", "problem", "remedy"), REFUSED.values(), ids=REFUSED.keys()
)
def test_is_refused_by_column_with_rows_and_remedy(
    original: pl.Series, error: type[PipelineError], rows: int | None, problem: str, remedy: str
) -> None:
    with pytest.raises(error) as refused:
        TableEncoder().fit(original.to_frame())

    assert refused.value.column == "amount"
    assert refused.value.rows == rows
    assert problem in refused.value.problem
    assert remedy in str(refused.value.remedy)


@pytest.mark.parametrize(
    "original",
    [
        pytest.param(
            column(10.0 ** rng.uniform(-300, 300, 20_000)), id="from 1e-300 to 1e300, many"
        ),
        pytest.param(column([*normal, HUGE, -HUGE]), id="both largest floats"),
        pytest.param(column([*normal, *[HUGE, -HUGE] * 20]), id="both largest floats, often"),
        pytest.param(column(HUGE * (1 - 1e-3 * rng.random(500))), id="nothing but largest floats"),
    ],
)
def test_at_the_end_of_the_range_of_floats_values_come_back_or_are_refused(
    original: pl.Series,
) -> None:
    came_back = round_trip_or_refusal(original)

    if came_back is not None:
        encoder, encoded, decoded = came_back
        check_encoded(encoder, encoded, len(original))
        with np.errstate(over="ignore"):
            errors = np.abs(decoded.to_numpy() - original.to_numpy())
        assert (errors <= tolerance(encoder, encoded, original)).all()


@pytest.mark.parametrize(
    "original",
    [REFUSED["uint64 above 2**63"][0], REFUSED["many integers further apart than 2**50"][0]],
    ids=["uint64", "int64"],
)
@pytest.mark.parametrize("remedy", ["kind = categorical", "cast to float64"])
def test_the_remedies_that_errors_name_work(original: pl.Series, remedy: str) -> None:
    if remedy == "kind = categorical":
        assert round_trip(original, kind="categorical")[2].equals(original, check_dtypes=True)
    else:
        assert round_trip(original.cast(pl.Float64))[2].dtype == pl.Float64


def test_one_unsupported_column_can_be_left_out() -> None:
    frame = pl.DataFrame({"amount": [1, 2], "parts": [[1], [2]]})
    with pytest.raises(UnsupportedTypeError, match="column 'parts'"):
        TableEncoder().fit(frame)

    encoder = TableEncoder(include=["!parts"]).fit(frame)

    assert encoder.columns == ("amount",)
    assert (
        encoder.inverse_transform(encoder.transform(frame)).collect().equals(frame.select("amount"))
    )


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("missing.parquet", "does not exist"),
        (pl.DataFrame({"x": []}, schema={"x": pl.Int64}), "no rows"),
        (pl.DataFrame(), "no rows"),
        (
            pa.table([[1], [2]], names=["twice", "twice"]),
            "several columns of the same name: 'twice'",
        ),
        (pl.DataFrame({"": [1]}), "without a name"),
    ],
    ids=["a missing file", "no rows", "no columns", "duplicate names", "an empty name"],
)
def test_tables_without_sense_are_refused(table: Any, problem: str) -> None:
    with pytest.raises(SourceError, match=problem) as refused:
        TableEncoder().fit(table)

    assert refused.value.remedy


HOSTILE = [
    "../x",
    "a/b",
    ".",
    "x" * 300,
    "ünïcödé 漢字 🙂",
    "Case",
    "case",
    "x.value",
    "x",
    "x.rank_0",
    "[/red]",
]


def test_hostile_names_come_back_as_they_are() -> None:
    frame = pl.DataFrame({name: [number, None, number + 1] for number, name in enumerate(HOSTILE)})

    encoder = TableEncoder().fit(frame)

    assert encoder.inverse_transform(encoder.transform(frame)).collect().equals(frame)


@pytest.mark.parametrize("kind", ["auto", "continuous", "categorical"])
@pytest.mark.parametrize(
    "values", [[3.25], [3.25] * 50, [3.25, -1.5], [3.25, None], [INF, None], [0.0, -0.0]], ids=str
)
def test_tiny_columns_come_back_whatever_the_kind(values: list[float | None], kind: str) -> None:
    original = column(values, pl.Float64)

    decoded = round_trip(original, kind=kind)[2]

    assert decoded.is_null().equals(original.is_null())
    assert decoded.drop_nulls().to_list() == pytest.approx(
        original.drop_nulls().to_list(), abs=1e-5
    )

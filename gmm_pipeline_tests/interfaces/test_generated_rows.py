"""Generated rows decode to numbers that their columns may hold."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from workplace import Workplace

from gmm_pipeline import TableEncoder

ROWS = 2000
RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=ROWS)
SKEWED = RANDOM.lognormal(1, 1, ROWS)
LARGEST = float(np.finfo(np.float32).max)
COLUMNS = {
    "fee": pl.Series(np.clip(SKEWED, 0, 25.79).round(2)),
    "lognormal": pl.Series(RANDOM.lognormal(0, 2, ROWS)),
    "probability": pl.Series(RANDOM.beta(0.5, 0.5, ROWS)),
    "int8": pl.Series(np.clip(SKEWED * 8, 0, 127).astype(np.int8)),
    "uint8": pl.Series(np.clip(SKEWED * 8, 0, 255).astype(np.uint8)),
    "int64": pl.Series((NORMAL * 1e6).astype(np.int64)),
    "float32 near its end": pl.Series((NORMAL / 4).clip(-1, 1).astype(np.float32) * LARGEST),
    "float64 near its end": pl.Series((NORMAL / 4).clip(-1, 1) * np.finfo(np.float64).max),
    "capped": pl.Series(np.where(RANDOM.random(ROWS) < 0.2, 0.0, SKEWED).round(1)),
    "price": pl.Series([Decimal(int(x * 100)).scaleb(-2) for x in SKEWED], dtype=pl.Decimal(9, 2)),
    "day": pl.Series([date(2020, 1, 1) + timedelta(days=int(x * 30)) for x in SKEWED]),
    "time": pl.Series(
        [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=x * 1e5) for x in SKEWED]
    ),
    "with nulls": pl.Series([None if x < 1 else x for x in SKEWED]),
    "few": pl.Series(RANDOM.integers(0, 5, ROWS)),
}
TABLE = pl.DataFrame(COLUMNS)


@pytest.fixture(scope="module")
def encoder() -> TableEncoder:
    return TableEncoder(threads=1).fit(TABLE)


def generated(encoder: TableEncoder, *, rows: int = 5000) -> pl.DataFrame:
    """Return what an untrained model might put out: any value within ±1, any rank."""
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {}
    for spans in encoder.spans:
        columns[f"{spans.column}.value"] = rng.choice(
            [-1.0, 1.0, 0.0, *rng.uniform(-1, 1, 9)], rows
        )
        columns[f"{spans.column}.rank"] = rng.integers(0, spans.rank.width, rows)
    return pl.DataFrame(columns)


def beyond(decoded: pl.DataFrame) -> set[str]:
    """Return the columns with values that lie outside of the range of their fitted rows."""
    return {
        name
        for name, series in TABLE.to_dict().items()
        if decoded[name].min() < series.min() or decoded[name].max() > series.max()  # type: ignore[operator]
    }


def test_generated_rows_stay_within_the_fitted_range(encoder: TableEncoder) -> None:
    decoded = encoder.inverse_transform(generated(encoder)).collect()
    assert decoded.schema == TABLE.schema
    assert beyond(decoded) == set()
    assert (decoded["fee"].round(2) == decoded["fee"]).all()


def test_generated_rows_may_leave_the_range_but_not_the_type(encoder: TableEncoder) -> None:
    decoded = encoder.inverse_transform(generated(encoder), within="type").collect()
    assert {"fee", "lognormal", "probability", "int8", "day"} <= beyond(decoded)
    assert (
        decoded.select(pl.col(pl.Float64, pl.Float32).is_infinite().any()).sum_horizontal()[0] == 0
    )


def test_columns_whose_rows_may_lie_beyond_the_range_decode_beyond_it() -> None:
    encoder = TableEncoder(threads=1, out_of_range="keep", value_dtype="float64").fit(
        TABLE.select("int64")
    )
    new = pl.DataFrame({"int64": [10**8, -(10**8)]})
    encoded = encoder.transform(new).collect()
    assert encoder.inverse_transform(encoded).collect()["int64"].to_list() == [10**8, -(10**8)]
    assert encoder.inverse_transform(encoded, within="range").collect()["int64"].to_list() == [
        COLUMNS["int64"].max(),
        COLUMNS["int64"].min(),
    ]


def test_the_command_keeps_generated_rows_within_the_range(
    encoder: TableEncoder, workplace: Workplace
) -> None:
    encoder.save(workplace.store / "sales")
    source = workplace.path / "synthetic.parquet"
    generated(encoder, rows=500).write_parquet(source)
    command = ["inverse", source, "--generated", "--fit", "sales", "--store", workplace.store]
    for within, leaves in (([], False), (["--within", "type"], True)):
        out = workplace.path / f"{leaves}.parquet"
        workplace.call(*command, "--out", out, *within)
        assert bool(beyond(pl.read_parquet(out))) == leaves

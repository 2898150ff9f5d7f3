"""Times as Spark and Impala write them, in Parquet's old type INT96."""

import datetime as dt
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_pipeline.errors import ColumnDataError
from gmm_pipeline.tables.open_table import open_table


def written(folder: pathlib.Path, times: pa.Array) -> str:
    pq.write_table(
        pa.table({"x": times}), folder / "t.parquet", use_deprecated_int96_timestamps=True
    )
    return str(folder / "t.parquet")


def test_times_that_nanoseconds_cannot_hold_are_read_as_they_are(tmp_path: pathlib.Path) -> None:
    times = [dt.datetime(9999, 12, 31), None, dt.datetime(1, 1, 1), dt.datetime(2020, 1, 1, 1, 1)]

    table = open_table(written(tmp_path, pa.array(times, pa.timestamp("us"))), tmp_path)
    arrays = list(table.column("x", batch_rows=3).arrays(range(4)))

    assert table.schema.field("x").type == pa.timestamp("us")
    assert [value for array in arrays for value in array.to_pylist()] == times


def test_digits_that_microseconds_cannot_hold_are_refused_by_name(tmp_path: pathlib.Path) -> None:
    times = pa.array([-1, 0, None, 1_500, 2_000, 2**62], pa.timestamp("ns"))

    column = open_table(written(tmp_path, times), tmp_path).column("x")

    with pytest.raises(ColumnDataError, match=r"column 'x': .* INT96 .*\(3 rows\)") as refused:
        list(column.arrays(range(6)))
    assert refused.value.remedy

"""Times as Spark and Impala write them, in Parquet's old type INT96."""

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
    texts = ["9999-12-31 00:00:00.000000", None, "0001-01-01 00:00:00.000000"]
    times = pa.array(texts).cast(pa.timestamp("us"))

    table = open_table(written(tmp_path, times), tmp_path)
    arrays = list(table.column("x", batch_rows=2).arrays(range(3)))

    assert table.schema.field("x").type == pa.timestamp("us")
    assert [text for array in arrays for text in array.cast(pa.string()).to_pylist()] == texts


def test_digits_that_microseconds_cannot_hold_are_refused_by_name(tmp_path: pathlib.Path) -> None:
    times = pa.array([-1, 0, None, 1_500, 2_000, 2**62], pa.timestamp("ns"))

    column = open_table(written(tmp_path, times), tmp_path).column("x")

    with pytest.raises(ColumnDataError, match=r"column 'x': .* INT96 .*\(3 rows\)") as refused:
        list(column.arrays(range(6)))
    assert refused.value.remedy

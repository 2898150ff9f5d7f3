"""Columns of every type leave by every way out: batches, frames, Parquet, CSV and folders."""

import pathlib
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from workplace import Workplace

from gmm_pipeline import TableEncoder

HUNDREDS = [Decimal("1E+2"), Decimal("3E+2"), None]
COLUMNS = {
    "views": pa.array(["a", "b", None], pa.string_view()),
    "views by dictionary": pa.DictionaryArray.from_arrays(
        pa.array([0, 1, None], pa.int8()), pa.array(["a", "b"], pa.string_view())
    ),
    "an offset for a zone": pa.array([1, 2, None], pa.timestamp("us", "+05:30")),
    "hundreds": pa.array(HUNDREDS, pa.decimal128(5, -2)),
    "hundreds in 256 bits": pa.array(HUNDREDS, pa.decimal256(50, -2)),
    "hundreds in 32 bits": pa.array(HUNDREDS, pa.decimal32(5, -2)),
    "50 digits": pa.array([Decimal("1.5"), Decimal("3.25"), None], pa.decimal256(50, 2)),
    "numbers by dictionary": pa.array([7, 9, None]).dictionary_encode(),
    "seconds": pa.array([1, 2, None], pa.time32("s")),
    "durations": pa.array([1, 2, None], pa.duration("ns")),
    "halves": pa.array([1.5, 2.5, None], pa.float16()),
    "nothing": pa.nulls(3),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_leaves_by_every_way_out(workplace: Workplace, name: str) -> None:
    table = pa.table({"row": ["first", "second", "third"], "x": COLUMNS[name]})
    values = table["x"].to_pylist()
    encoder = TableEncoder().fit(table)
    encoder.save(workplace.store / "t")
    encoded = pa.Table.from_batches(list(encoder.encode_batches(table)))
    pq.write_table(encoded, workplace.path / "e.parquet")

    batches = pa.Table.from_batches(list(encoder.decode_batches(encoded)))
    frame = encoder.inverse_transform(encoded).collect()
    for out in ("b.parquet", "b.csv", "b"):
        done = workplace.call("inverse", "e.parquet", "--fit", "t", "--out", out)
        assert done.status == 0, done.err

    assert batches.schema.field("x").type == table.schema.field("x").type
    assert batches["x"].to_pylist() == values
    assert frame.to_arrow()["x"].cast(_plain(table)).to_pylist() == values
    for written in ("b.parquet", "b/part-000000.parquet"):
        assert pq.read_table(workplace.path / written)["x"].to_pylist() == values
    assert pa_csv.read_csv(workplace.path / "b.csv").num_rows == len(values)


def _plain(table: pa.Table) -> pa.DataType:
    """The type of a column in which Polars' values are compared with its own."""
    kind = table.schema.field("x").type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_decimal(kind):
        return pa.decimal256(60, 2)
    return pa.string() if pa.types.is_string_view(kind) else kind


def test_categories_of_many_dictionaries_come_back(tmp_path: pathlib.Path) -> None:
    kind = pa.dictionary(pa.int8(), pa.string())
    pieces = [pa.array([f"{letter}{n}" for n in range(100)]).cast(kind) for letter in "abc"]
    table = pa.table({"x": pa.chunked_array(pieces, kind)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=100)

    for source in (table, str(tmp_path / "t.parquet")):
        encoder = TableEncoder().fit(source)
        decoded = encoder.inverse_transform(encoder.transform(source)).collect()
        assert decoded["x"].to_list() == table["x"].to_pylist()

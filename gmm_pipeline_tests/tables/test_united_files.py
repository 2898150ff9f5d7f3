"""Files of one table whose types differ are one table where no value changes, and else refused."""

import pathlib
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_pipeline.errors import ColumnDataError, SourceError
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.open_table import open_table


def dictionary(values: list[str], index: pa.DataType, *, ordered: bool = False) -> pa.Array:
    plain = pa.array(values).dictionary_encode()
    return pa.DictionaryArray.from_arrays(
        plain.indices.cast(index), plain.dictionary, ordered=ordered
    )


def table_of(folder: pathlib.Path, *columns: pa.Array) -> LocalTable:
    """A table whose column x is one of these arrays in each of its files."""
    for number, column in enumerate(columns):
        pq.write_table(pa.table({"x": column}), folder / f"{number}.parquet")
    return open_table(str(folder), folder / ".staging")


def read(table: LocalTable, name: str = "x") -> list[Any]:
    column = table.column(name)
    arrays = list(column.arrays(range(table.rows)))
    assert {array.type for array in arrays} == {column.field.type}
    return [value for array in arrays for value in array.to_pylist()]


TEXT = ["a", "b", None]
TIMES = [0, 86_400, None]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array(TEXT), pa.array(TEXT, pa.large_string())),
        (pa.array(TEXT), pa.array(TEXT, pa.string_view())),
        (dictionary(TEXT, pa.int8()), dictionary(["c"], pa.int16())),
        (dictionary(TEXT, pa.int8()), pa.array(["c"])),
        (dictionary(TEXT, pa.int8()), dictionary(["c"], pa.int8(), ordered=True)),
        (pa.array([1, -2, None], pa.int16()), pa.array([2**40])),
        (pa.array([200], pa.uint8()), pa.array([-100], pa.int8())),
        (pa.array([1, None]), pa.array([1.5, None])),
        (pa.array([1], pa.int16()), pa.array([1.5], pa.float16())),
        (pa.array([1.5], pa.float32()), pa.array([0.1])),
        (pa.array(TIMES, pa.timestamp("ms")), pa.array(TIMES, pa.timestamp("ns"))),
        (pa.array(TIMES, pa.timestamp("ms", "UTC")), pa.array(TIMES, pa.timestamp("us", "UTC"))),
        (pa.array(TIMES, pa.duration("s")), pa.array(TIMES, pa.duration("us"))),
        (pa.array([1], pa.time32("ms")), pa.array([1], pa.time64("us"))),
        (
            pa.array([Decimal("1.5")], pa.decimal128(5, 1)),
            pa.array([Decimal("1.25")], pa.decimal128(30, 2)),
        ),
        (pa.array([7]), pa.array([Decimal("1.25")], pa.decimal128(10, 2))),
        (pa.nulls(2), pa.array([1])),
        (pa.nulls(2), dictionary(TEXT, pa.int8())),
        (pa.array([], pa.string()), pa.array([1])),
    ],
    ids=lambda array: str(array.type),
)
def test_types_that_differ_are_united_in_any_order_of_files(
    tmp_path: pathlib.Path, one: pa.Array, other: pa.Array
) -> None:
    for name, columns in {"there": (one, other), "back": (other, one)}.items():
        (tmp_path / name).mkdir()

        found = read(table_of(tmp_path / name, *columns))

        assert found == [value for column in columns for value in column.to_pylist()]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([1]), pa.array(["1"])),
        (pa.array([1.5]), pa.array([Decimal("1.25")])),
        (pa.array([True]), pa.array(["true"])),
        (pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("us"))),
        (pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("us", "+01:00"))),
        (pa.array([0], pa.date32()), pa.array([0])),
    ],
    ids=lambda array: str(array.type),
)
def test_types_that_mean_different_things_are_not_united(
    tmp_path: pathlib.Path, one: pa.Array, other: pa.Array
) -> None:
    with pytest.raises(SourceError, match="column 'x': files of one table differ: type"):
        table_of(tmp_path, one, other).column("x")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([2**53 + 1]), pa.array([1.5])),
        (pa.array([2**63], pa.uint64()), pa.array([-1])),
        (pa.array([10**15], pa.timestamp("ms")), pa.array([1], pa.timestamp("ns"))),
    ],
    ids=lambda array: str(array.type),
)
def test_a_value_that_the_common_type_cannot_hold_is_refused_by_file_and_column(
    tmp_path: pathlib.Path, one: pa.Array, other: pa.Array
) -> None:
    table = table_of(tmp_path, one, other)

    with pytest.raises(ColumnDataError, match=r"column 'x': values of .*/0.parquet") as refused:
        read(table)
    assert refused.value.remedy


def test_dictionaries_of_several_files_are_together_longer_than_one_may_be(
    tmp_path: pathlib.Path,
) -> None:
    first, second = ([f"{name}{n}" for n in range(100)] for name in "ab")

    table = table_of(tmp_path, dictionary(first, pa.int8()), dictionary(second, pa.int8()))

    assert table.schema.field("x").type.index_type == pa.int32()
    assert read(table) == [*first, *second]


def test_a_column_may_be_null_if_it_may_be_in_any_file(tmp_path: pathlib.Path) -> None:
    for number, nullable in enumerate([False, True]):
        schema = pa.schema([pa.field("x", pa.int64(), nullable)])
        rows = pa.table([pa.array([None if nullable else 1], pa.int64())], schema=schema)
        pq.write_table(rows, tmp_path / f"{number}.parquet")

    table = open_table(str(tmp_path), tmp_path / ".staging")

    assert table.schema.field("x").nullable
    assert read(table) == [1, None]


def test_a_file_without_rows_may_lack_columns_and_have_others(tmp_path: pathlib.Path) -> None:
    pq.write_table(pa.table({"x": [1], "y": ["a"]}), tmp_path / "a.parquet")
    empty = {"x": pa.array([], pa.string()), "z": pa.array([], pa.string())}
    pq.write_table(pa.table(empty), tmp_path / "b.parquet")

    table = open_table(str(tmp_path), tmp_path / ".staging")

    assert table.schema.names == ["x", "y"]
    assert (read(table), read(table, "y")) == ([1], ["a"])

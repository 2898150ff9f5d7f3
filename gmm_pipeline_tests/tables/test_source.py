import pathlib
import tempfile
from collections.abc import Callable
from itertools import pairwise

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.files import SourceFiles, find_files
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.memory_table import MemoryTable
from gmm_pipeline.tables.open_table import open_batches, open_table


@pytest.fixture
def in_pieces(tmp_path: pathlib.Path) -> LocalTable:
    """Numbers 0 … 999 in files of 0, 1, 499, 500 rows with row groups of 7."""
    bounds = [0, 0, 1, 500, 1000]
    for number, (start, stop) in enumerate(pairwise(bounds)):
        pq.write_table(
            pa.table({"x": pa.array(range(start, stop), pa.int64())}),
            tmp_path / f"{number}.parquet",
            row_group_size=7,
        )
    return open_table(str(tmp_path), tmp_path)


@pytest.mark.parametrize("batch_rows", [1, 6, 7, 8, 1000])
@pytest.mark.parametrize(
    "rows",
    [
        range(1000),
        range(1),
        range(1, 2),
        range(6, 8),
        range(499, 501),
        range(3, 996),
        range(999, 1000),
    ],
)
def test_any_range_of_rows_is_read_across_files_and_row_groups(
    in_pieces: LocalTable, rows: range, batch_rows: int
) -> None:
    arrays = list(in_pieces.column("x", batch_rows=batch_rows).arrays(rows))

    assert [value for array in arrays for value in array.to_pylist()] == list(rows)
    assert max(map(len, arrays)) <= batch_rows


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize(
    "how",
    [{}, {"use_dictionary": False}, {"dictionary_pagesize_limit": 100}],
    ids=["by dictionary", "plain", "plain once the dictionary is full"],
)
def test_text_comes_as_dictionaries_of_no_more_than_is_read_at_a_time(
    tmp_path: pathlib.Path, kind: pa.DataType, how: dict[str, int]
) -> None:
    few = [None if row % 7 == 0 else f"text {row % 40}" for row in range(1000)]
    rows = [*few, *(f"text {row}" for row in range(1000))]
    pq.write_table(
        pa.table({"x": pa.array(rows, kind)}), tmp_path / "table.parquet", row_group_size=500, **how
    )
    column = open_table(str(tmp_path), tmp_path).column("x", batch_rows=64).with_dictionaries()

    arrays = list(column.arrays(range(3, 1990)))

    assert [value for array in arrays for value in array.to_pylist()] == rows[3:1990]
    assert {array.type for array in arrays} == {column.field.type}
    assert max(len(array.dictionary) for array in arrays) <= 64


def test_rows_follow_the_files_by_name(in_pieces: LocalTable) -> None:
    assert in_pieces.rows == 1000
    assert [file.name for file in in_pieces.files] == [
        "0.parquet",
        "1.parquet",
        "2.parquet",
        "3.parquet",
    ]


def test_a_folder_gives_its_data_files_and_leaves_out_what_other_tools_put_there(
    tmp_path: pathlib.Path,
) -> None:
    for name in (
        "b.parquet",
        "sub/a.parquet",
        "_SUCCESS",
        "_temporary/x.parquet",
        ".hidden/x.parquet",
        "notes.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pl.DataFrame({"x": [1]}).write_parquet(tmp_path / name)

    assert [file.relative_to(tmp_path).as_posix() for file in find_files(str(tmp_path)).files] == [
        "b.parquet",
        "sub/a.parquet",
    ]


def test_a_file_is_the_same_from_wherever_it_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "t.parquet")
    (tmp_path / "elsewhere").mkdir()

    found = find_files(str(tmp_path / "t.parquet"))
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert find_files("../t.parquet") == found
    assert find_files("../*.parquet") == found
    assert find_files("..").files == found.files
    (tmp_path / "elsewhere" / "deep").mkdir()
    (tmp_path / "shortcut").symlink_to(tmp_path / "elsewhere" / "deep")
    pl.DataFrame({"x": [2]}).write_parquet(tmp_path / "elsewhere" / "t.parquet")
    assert find_files(str(tmp_path / "shortcut" / ".." / "t.parquet")).files == (
        tmp_path / "elsewhere" / "t.parquet",
    )


def _nothing(folder: pathlib.Path) -> str:
    return str(folder / "missing.parquet")


def _no_match(folder: pathlib.Path) -> str:
    return str(folder / "*.parquet")


def _empty_folder(folder: pathlib.Path) -> str:
    return str(folder)


def _no_rows(folder: pathlib.Path) -> str:
    pl.DataFrame({"x": []}, schema={"x": pl.Int64}).write_parquet(folder / "t.parquet")
    return str(folder / "t.parquet")


def _no_columns(folder: pathlib.Path) -> str:
    pl.DataFrame().write_parquet(folder / "t.parquet")
    return str(folder / "t.parquet")


def _duplicate_names(folder: pathlib.Path) -> str:
    pq.write_table(pa.table([[1], [2]], names=["twice", "twice"]), folder / "t.parquet")
    return str(folder / "t.parquet")


def _empty_name(folder: pathlib.Path) -> str:
    pq.write_table(pa.table([[1], [2]], names=["x", ""]), folder / "t.parquet")
    return str(folder / "t.parquet")


def _no_parquet(folder: pathlib.Path) -> str:
    (folder / "t.parquet").write_text("x,y\n1,2\n")
    return str(folder / "t.parquet")


def _cut_parquet(folder: pathlib.Path) -> str:
    pl.DataFrame({"x": range(1000)}).write_parquet(folder / "t.parquet")
    whole = (folder / "t.parquet").read_bytes()
    (folder / "t.parquet").write_bytes(whole[: len(whole) // 2])
    return str(folder / "t.parquet")


def _several_formats(folder: pathlib.Path) -> str:
    pl.DataFrame({"x": [1]}).write_parquet(folder / "a.parquet")
    pl.DataFrame({"x": [1]}).write_csv(folder / "b.csv")
    return str(folder)


def _unknown_format(folder: pathlib.Path) -> str:
    (folder / "t.xlsx").write_bytes(b"PK")
    return str(folder / "t.xlsx")


def _different_types(folder: pathlib.Path) -> str:
    pl.DataFrame({"x": [1]}).write_parquet(folder / "a.parquet")
    pl.DataFrame({"x": ["1"]}).write_parquet(folder / "b.parquet")
    return str(folder)


def _missing_column(folder: pathlib.Path) -> str:
    pl.DataFrame({"x": [1], "y": [1]}).write_parquet(folder / "a.parquet")
    pl.DataFrame({"x": [1]}).write_parquet(folder / "b.parquet")
    return str(folder)


def _empty_csv(folder: pathlib.Path) -> str:
    (folder / "t.csv").write_text("")
    return str(folder / "t.csv")


def _csv_without_rows(folder: pathlib.Path) -> str:
    (folder / "t.csv").write_text("x,y\n")
    return str(folder / "t.csv")


def _csv_with_duplicate_names(folder: pathlib.Path) -> str:
    (folder / "t.csv").write_text("twice,twice\n1,2\n")
    return str(folder / "t.csv")


def _csv_with_an_empty_name(folder: pathlib.Path) -> str:
    (folder / "t.csv").write_text("x,\n1,2\n")
    return str(folder / "t.csv")


def _ragged_csv(folder: pathlib.Path) -> str:
    (folder / "t.csv").write_text("x,y\n1,2\n1,2,3,4\n")
    return str(folder / "t.csv")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_nothing, "does not exist"),
        (_no_match, "does not exist"),
        (_empty_folder, "holds no Parquet or CSV file"),
        (_no_rows, "has no rows"),
        (_no_columns, "has no rows"),
        (_duplicate_names, "several columns of the same name: 'twice'"),
        (_empty_name, "a column without a name at position 2"),
        (_no_parquet, "cannot be read as Parquet"),
        (_cut_parquet, "cannot be read as Parquet"),
        (_several_formats, "several or unknown formats: .csv, .parquet"),
        (_unknown_format, "unknown formats: .xlsx"),
        (_empty_csv, "CSV cannot be read"),
        (_csv_without_rows, "has no rows"),
        (_csv_with_duplicate_names, "several columns of the same name: 'twice'"),
        (_csv_with_an_empty_name, "a column without a name at position 2"),
        (_ragged_csv, "CSV cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_what_is_wrong_and_what_to_do(
    tmp_path: pathlib.Path, make: Callable[[pathlib.Path], str], says: str
) -> None:
    (tmp_path / "input").mkdir()
    source = make(tmp_path / "input")

    with pytest.raises(SourceError) as refused:
        open_table(source, tmp_path / "staging")

    assert says in str(refused.value)
    assert refused.value.remedy
    assert not list(tmp_path.glob("staging/.*")), "a partial file stayed behind"


@pytest.mark.parametrize(
    ("make", "column", "says"),
    [
        (
            _different_types,
            "x",
            "files of one table differ: type int64 in a.parquet, large_string in b.parquet",
        ),
        (
            _missing_column,
            "y",
            "files of one table differ: type int64 in a.parquet, missing in b.parquet",
        ),
    ],
)
def test_a_column_that_the_files_do_not_agree_on_is_refused_alone(
    tmp_path: pathlib.Path, make: Callable[[pathlib.Path], str], column: str, says: str
) -> None:
    table = open_table(make(tmp_path), tmp_path / "staging")

    with pytest.raises(SourceError) as refused:
        table.column(column)

    assert str(refused.value).startswith(f"column {column!r}: {says}")
    assert refused.value.remedy
    for other in set(table.schema.names) - {column}:
        assert sum(map(len, table.column(other).arrays(range(table.rows)))) == table.rows


@given(
    rows=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    batch_rows=st.integers(1, 3),
    data=st.data(),
)
def test_a_column_that_came_later_is_null_before(
    rows: tuple[int, int], batch_rows: int, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, size, columns in (("a", rows[0] + 1, ["x"]), ("b", rows[1] + 1, ["x", "new"])):
            frame = pl.DataFrame({column: range(size) for column in columns})
            frame.write_parquet(f"{folder}/{name}.parquet")
        table = open_table(folder, pathlib.Path(folder) / ".staging")
        start = data.draw(st.integers(0, table.rows))
        wanted = range(start, data.draw(st.integers(start, table.rows)))

        found = [
            value
            for array in table.column("new", batch_rows).arrays(wanted)
            for value in array.to_pylist()
        ]

    assert found == [*[None] * (rows[0] + 1), *range(rows[1] + 1)][wanted.start : wanted.stop]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pa.table({"x": pa.array([], pa.int64())}), "no rows"),
        (
            pa.table([[1], [2]], names=["twice", "twice"]),
            "several columns of the same name: 'twice'",
        ),
        (pa.table([[1]], names=[""]), "a column without a name at position 1"),
    ],
)
def test_a_table_in_memory_is_refused_for_the_same_reasons(table: pa.Table, says: str) -> None:
    with pytest.raises(SourceError, match=says) as refused:
        MemoryTable.of(table)

    assert refused.value.remedy


def test_an_unknown_column_is_answered_with_the_closest_name(in_pieces: LocalTable) -> None:
    with pytest.raises(SourceError, match=r"no column 'X'. Choose from: x"):
        in_pieces.column("X")


def test_csv_types_come_from_all_rows_of_all_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n" + "1,NA\n" * 5000 + "1,7\n")
    (tmp_path / "b.csv").write_text("x,y\n" + "1,7\n" * 5000 + "1.5,NA\n")

    table = open_table(
        str(tmp_path / "*.csv"), tmp_path / "staging", Known(CsvDialect(nulls=("NA",)))
    )

    assert table.schema == pa.schema({"x": pa.float64(), "y": pa.int64()})
    assert table.rows == 10_002


def test_csv_numbers_stay_numbers_when_one_file_holds_none_of_them(tmp_path: pathlib.Path) -> None:
    (tmp_path / "january.csv").write_text("x,y\n1,NA\n2,NA\n")
    (tmp_path / "february.csv").write_text("x,y\n3,7\n4,8\n")

    table = open_table(
        str(tmp_path / "*.csv"), tmp_path / "staging", Known(CsvDialect(nulls=("NA",)))
    )

    assert table.schema == pa.schema({"x": pa.int64(), "y": pa.int64()})


def test_csv_is_converted_once_and_again_when_it_changes(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("x\n1\n")
    first = open_table(str(source), tmp_path / "staging").files[0]
    written = first.stat().st_mtime_ns

    again = open_table(str(source), tmp_path / "staging").files[0]
    source.write_text("x\n1\n2\n")
    changed = open_table(str(source), tmp_path / "staging")

    assert (again, again.stat().st_mtime_ns) == (first, written)
    assert changed.rows == 2


def batches_of(folder: pathlib.Path, *texts: str) -> list[SourceFiles]:
    for number, text in enumerate(texts):
        (folder / f"{number}.csv").write_text(text)
    return [SourceFiles.of([folder / f"{number}.csv"]) for number in range(len(texts))]


def test_csv_files_that_came_later_are_converted_on_their_own(tmp_path: pathlib.Path) -> None:
    batches = batches_of(tmp_path, "x,y\n1.5,a\n2.5,b\n", "x,y\n3,7\n")

    first = open_batches("t", batches[:1], tmp_path / "staging")
    both = open_batches("t", batches, tmp_path / "staging")

    assert both.files[0] == first.files[0]
    assert both.schema == first.schema
    assert [array.to_pylist() for array in both.column("x").arrays(range(3))] == [[1.5, 2.5], [3.0]]
    assert [array.to_pylist() for array in both.column("y").arrays(range(3))] == [["a", "b"], ["7"]]


def test_csv_files_whose_values_need_another_type_change_it_for_all(tmp_path: pathlib.Path) -> None:
    batches = batches_of(tmp_path, "x\n1\n2\n", "x\n2.5\n")

    table = open_batches("t", batches, tmp_path / "staging")

    assert table.schema.field("x").type == pa.float64()
    assert [
        value for array in table.column("x").arrays(range(3)) for value in array.to_pylist()
    ] == [1.0, 2.0, 2.5]


def test_a_csv_file_without_a_column_leaves_the_others_alone(tmp_path: pathlib.Path) -> None:
    batches_of(tmp_path, "x,y\n1,a\n", "x,y\n2,b\n", "x\n3\n")

    table = open_table(str(tmp_path / "*.csv"), tmp_path / "staging")

    assert [
        value for array in table.column("x").arrays(range(3)) for value in array.to_pylist()
    ] == [1, 2, 3]
    with pytest.raises(SourceError, match=r"column 'y': .* in 0.csv, missing in 2.csv"):
        table.column("y")

"""Cells become the values that they are written for, or stay text, with a reason."""

import datetime as dt
import pathlib

import pyarrow as pa
import pytest
from csv_files import Read, read

from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.files import SourceFiles
from gmm_pipeline.tables.open_table import open_batches, open_table


@pytest.mark.parametrize(
    "cells",
    [
        ["00501", "10001"],
        ["007", "123"],
        ["3e7", "12"],
        ["+491701234567", "491701234567"],
        ["00.5", "1.5"],
        ['"501"', '"10001"'],
        ["12345678901234567890", "1"],
        ["18446744073709551615", "300"],
        ["9007199254740993", "1.5"],
    ],
)
def test_codes_stay_as_they_are_written(tmp_path: pathlib.Path, cells: list[str]) -> None:
    found = read(tmp_path, "code,x\n" + "".join(f"{cell},1\n" for cell in cells))

    assert found.values == {"code": [cell.strip('"') for cell in cells], "x": [1, 1]}
    assert found.why("code") != "text"


def test_numbers_beyond_those_of_float64_stay_text(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, "n,x\n1e400,1\n1.5,1\n").values["n"] == ["1e400", "1.5"]


def test_a_code_far_down_makes_its_column_text(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, "code,x\n" + "501,1\n" * 200_000 + "00501,1\n")

    assert found.values["code"][-1] == "00501"
    assert "1 of 200,001 cells start with 0" in found.why("code")


def test_a_code_is_a_number_if_that_is_told(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, "n,x\n007,1\n", "n=integer").values == {"n": [7], "x": [1]}


def test_one_bad_cell_is_told_with_its_row_and_what_to_do(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, "x,y\n" + "1,2\n" * 5000 + "oops,2\n")

    assert found.types == {"x": "large_string", "y": "int64"}
    assert "1 of 5,001 cells are not written as integer, the first in row 5,001" in found.doubt("x")
    assert "--csv nulls=TEXT" in found.doubt("x")


def test_the_words_of_others_for_null_are_told(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, "x,y\nNA,2\n1,2\nNaT,2\nNULL,2\n")

    assert "--csv nulls=NA --csv nulls=NULL --csv nulls=NaT" in found.doubt("x")


def test_a_cell_that_is_not_of_the_type_that_is_told_fails_its_column_alone(
    tmp_path: pathlib.Path,
) -> None:
    found = read(tmp_path, "x,y\n1,2\noops,3\n", "x=integer")

    assert found.values == {"y": [2, 3]}
    with pytest.raises(SourceError, match=r"column 'x': .* first in row 2 \(1 row\)") as refused:
        found.table.column("x")
    assert "--csv nulls=TEXT" in str(refused.value)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["12/31/2023", "09/01/2023"], [(2023, 12, 31), (2023, 9, 1)]),
        (["31/12/2023", "09/01/2023"], [(2023, 12, 31), (2023, 1, 9)]),
        (["12/31/2023", "9/1/2023"], [(2023, 12, 31), (2023, 9, 1)]),
        (["31.12.2023", "01.09.2023"], [(2023, 12, 31), (2023, 9, 1)]),
        (["2023-12-31", "2023-09-01"], [(2023, 12, 31), (2023, 9, 1)]),
        (["20231231", "20230901"], [(2023, 12, 31), (2023, 9, 1)]),
        (["31-Dec-2023", "01-Sep-2023"], [(2023, 12, 31), (2023, 9, 1)]),
        (["Dec 31, 2023", "Sep 1, 2023"], [(2023, 12, 31), (2023, 9, 1)]),
    ],
)
def test_dates_are_recognised_from_the_column_as_a_whole(
    tmp_path: pathlib.Path, cells: list[str], values: list[tuple[int, int, int]]
) -> None:
    found = read(tmp_path, "day;x\n" + "".join(f"{cell};1\n" for cell in cells))

    assert found.values["day"] == [dt.date(*value) for value in values]


def test_dates_that_may_be_read_in_two_ways_stay_text_and_are_told(tmp_path: pathlib.Path) -> None:
    text = "day,x\n09/01/2023,1\n10/02/2023,2\n"
    found = read(tmp_path, text)

    assert found.values["day"] == ["09/01/2023", "10/02/2023"]
    assert "--csv 'day=%m/%d/%Y' or --csv 'day=%d/%m/%Y'" in found.doubt("day")
    told = read(tmp_path, text, "day=%d/%m/%Y", name="told.csv")
    assert told.values["day"] == [dt.date(2023, 1, 9), dt.date(2023, 2, 10)]


def test_another_column_tells_the_order_of_day_and_month(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, "a,b\n12/31/2023,09/01/2023\n01/05/2023,10/02/2023\n")

    assert found.values["b"] == [dt.date(2023, 9, 1), dt.date(2023, 10, 2)]
    assert "as in other columns" in found.why("b")


@pytest.mark.parametrize("cells", [["Dec-21", "Jan-22"], ["12/31/23", "01/05/23"], ["23-01-05"]])
def test_dates_without_a_day_or_a_century_stay_text(
    tmp_path: pathlib.Path, cells: list[str]
) -> None:
    found = read(tmp_path, "day,x\n" + "".join(f"{cell},1\n" for cell in cells))

    assert found.values["day"] == cells


@pytest.mark.parametrize(
    ("cells", "kind", "first"),
    [
        (
            ["2023-01-05T10:00:00Z"],
            "timestamp[us, tz=UTC]",
            dt.datetime(2023, 1, 5, 10, tzinfo=dt.UTC),
        ),
        (
            ["2023-01-05T10:00:00+02:00"],
            "timestamp[us, tz=UTC]",
            dt.datetime(2023, 1, 5, 8, tzinfo=dt.UTC),
        ),
        (
            ["2023-01-05 10:00:00", "2023-01-05 10:00:00.5"],
            "timestamp[us]",
            dt.datetime.fromisoformat("2023-01-05 10:00"),
        ),
        (["1/13/2023 9:05 PM"], "timestamp[us]", dt.datetime.fromisoformat("2023-01-13 21:05")),
        (["13.01.2023 21:05"], "timestamp[us]", dt.datetime.fromisoformat("2023-01-13 21:05")),
        (["10:05:00"], "time64[ns]", dt.time(10, 5)),
        (["10:05"], "time64[ns]", dt.time(10, 5)),
        (["TRUE", "FALSE"], "bool", True),
        (["$1234.50"], "double", 1234.5),
        (["-$12.30"], "double", -12.3),
        (["4.5%"], "double", 4.5),
        (["12.30 €"], "double", 12.3),
        (["1", "2.5"], "double", 1.0),
        (["nan", "2.5", "inf", "1e-3"], "double", None),
    ],
)
def test_cells_have_the_usual_forms(
    tmp_path: pathlib.Path, cells: list[str], kind: str, first: object
) -> None:
    found = read(tmp_path, "v,x\n" + "".join(f"{cell},1\n" for cell in cells))

    assert found.types["v"] == kind
    assert first is None or found.values["v"][0] == first


def test_nanoseconds_are_kept(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, "t,x\n2023-01-05 10:00:00.123456789,1\n")

    assert found.types["t"] == "timestamp[ns]"
    assert next(found.table.column("t").arrays(range(1))).cast(pa.int64()).to_pylist() == [
        1672912800123456789
    ]


def test_words_are_booleans_if_that_is_told(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, "s,x\nyes,1\nno,2\n,3\n", "s=yes/no")

    assert found.values["s"] == [True, False, None]


def test_new_rows_are_read_in_the_types_of_the_fitted_ones(tmp_path: pathlib.Path) -> None:
    (tmp_path / "new.csv").write_text("n,b,f,d\n1.0,1,1,2023-01-05\n2e1,false,2.5,2023-01-06\n")
    schema = pa.schema(
        {"n": pa.int64(), "b": pa.bool_(), "f": pa.float32(), "d": pa.timestamp("us")}
    )

    table = open_table(str(tmp_path / "new.csv"), tmp_path / "staging", Known(schema=schema))

    values = {
        name: [
            value for array in table.column(name).arrays(range(2)) for value in array.to_pylist()
        ]
        for name in "nbf"
    }
    assert values == {"n": [1, 20], "b": [True, False], "f": [1.0, 2.5]}


@pytest.mark.parametrize(
    ("kind", "cell"),
    [(pa.int64(), "1.5"), (pa.bool_(), "2"), (pa.decimal128(10, 2), "1.239"), (pa.date32(), "x")],
)
def test_a_new_cell_that_is_no_value_of_the_type_fails_its_column_by_row(
    tmp_path: pathlib.Path, kind: pa.DataType, cell: str
) -> None:
    (tmp_path / "new.csv").write_text(f"n,x\n,1\n{cell},2\n")
    schema = pa.schema({"n": kind, "x": pa.int64()})

    table = open_table(str(tmp_path / "new.csv"), tmp_path / "staging", Known(schema=schema))

    with pytest.raises(SourceError, match=r"column 'n': cells of new.csv are not .* row 2"):
        table.column("n")


def test_a_form_that_was_found_holds_for_files_that_do_not_show_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "1.csv").write_text("day,zip\n12/31/2023,00501\n")
    (tmp_path / "2.csv").write_text("day,zip\n01/02/2024,10001\n")
    batches = [SourceFiles.of([tmp_path / name]) for name in ("1.csv", "2.csv")]

    table = open_batches("t", batches, tmp_path / "staging")

    assert Read(table).values == {
        "day": [dt.date(2023, 12, 31), dt.date(2024, 1, 2)],
        "zip": ["00501", "10001"],
    }


def test_forms_of_a_fit_hold_for_its_changed_source_but_text_is_looked_at_again(
    tmp_path: pathlib.Path,
) -> None:
    first = read(tmp_path, "day,x\n12/31/2023,1\n12/30/2023,oops\n")
    (tmp_path / "t.csv").write_text("day,x\n01/02/2024,1\n02/03/2024,2\n")

    known = Known(CsvDialect(), first.table.dialect)
    changed = Read(open_table(str(tmp_path / "t.csv"), tmp_path / "staging", known))

    assert first.types["x"] == "large_string"
    assert changed.values == {"day": [dt.date(2024, 1, 2), dt.date(2024, 2, 3)], "x": [1, 2]}

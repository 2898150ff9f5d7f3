"""Delimiters, marks, headers, encodings and compression of CSV are found, or told."""

import bz2
import datetime as dt
import gzip
import lzma
import pathlib
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pytest
from csv_files import read

from gmm_pipeline.errors import SettingsError, SourceError
from gmm_pipeline.tables.open_table import open_table

NUMBERS = {"id": [1, 2], "qty": [1.5, 2.25], "city": ["Köln", "Bonn"]}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("id,qty,city\n1,1.5,Köln\n2,2.25,Bonn\n", "t.csv"),
        ("id;qty;city\n1;1,5;Köln\n2;2,25;Bonn\n", "t.csv"),
        ("id\tqty\tcity\n1\t1.5\tKöln\n2\t2.25\tBonn\n", "t.tsv"),
        ("id|qty|city\r\n1|1.5|Köln\r\n2|2.25|Bonn", "t.txt"),
        ("sep=;\nid;qty;city\n1;1,5;Köln\n2;2,25;Bonn\n", "t.csv"),
        ("# who made it\n# when\nid,qty,city\n1,1.5,Köln\n# a note\n2,2.25,Bonn\n", "t.csv"),
        ("Sales of May\n\nid,qty,city\n1,1.5,Köln\n2,2.25,Bonn\n", "t.csv"),
        ("id, qty, city\n1, 1.5, Köln\n2, 2.25, Bonn\n", "t.csv"),
        ('id, qty, city\n1, 1.5, "Köln"\n2, 2.25, "Bonn"\n', "t.csv"),
        ("id,qty,city,\n1,1.5,Köln,\n2,2.25,Bonn,\n", "t.csv"),
        ("id,qty,city\n1,1.5,Köln,\n2,2.25,Bonn,\n", "t.csv"),
        ("id,qty,city\n\n1,1.5,Köln\n\n\n2,2.25,Bonn\n\n   \n", "t.csv"),
        ('"id","qty","city"\n"1","1.5","Köln"\n"2","2.25","Bonn"\n', "t.csv"),
    ],
    ids=[
        "commas",
        "semicolons and decimal commas",
        "tabs",
        "bars",
        "sep=",
        "comments",
        "a title",
        "blanks",
        "blanks and quotes",
        "a comma at each line's end",
        "a comma at each row's end",
        "blank lines",
        "all quoted",
    ],
)
def test_the_same_table_is_found_however_it_is_written(
    tmp_path: pathlib.Path, text: str, name: str
) -> None:
    assert read(tmp_path, text, name=name).values == NUMBERS


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id:qty:city\n1:1.5:Köln\n2:2.25:Bonn\n", ["delimiter=:"]),
        ("id,qty,city\n1,1.5,'Köln'\n2,2.25,'Bonn'\n", ["quote='"]),
        ("id;qty;city\n1;1,500;Köln\n2;2,250;Bonn\n", ["decimal=,"]),
        ("%x\nid,qty,city\n1,1.5,Köln\n%y\n2,2.25,Bonn\n", ["comment=%"]),
        ("a\nb,c,d,e\nid,qty,city\n1,1.5,Köln\n2,2.25,Bonn\n", ["skip=2"]),
        (b"id,qty,city\n1,1.5,K\xf6ln\n2,2.25,Bonn\n", ["encoding=latin-1"]),
        ("id,qty,city\n1,1.5,Köln\n2,2.25,Bonn\n".encode("utf-16-le"), ["encoding=utf-16-le"]),
    ],
    ids=["delimiter", "quote", "decimal", "comment", "skip", "latin-1", "utf-16-le"],
)
def test_what_is_told_holds(tmp_path: pathlib.Path, text: str | bytes, told: list[str]) -> None:
    assert read(tmp_path, text, *told).values == NUMBERS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_encoding_is_found_by_the_mark_at_the_start(
    tmp_path: pathlib.Path, encoding: str
) -> None:
    text = "id\tqty\tcity\n1\t1.5\tKöln\n2\t2.25\tBonn\n".encode(encoding)

    assert read(tmp_path, text).values == NUMBERS


def _zipped(content: bytes, folder: pathlib.Path) -> bytes:
    with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        archive.writestr("t.csv", content)
    return (folder / "made.zip").read_bytes()


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv.zst"])
@pytest.mark.parametrize(
    "compress",
    [
        lambda content, _: gzip.compress(content, mtime=0),
        lambda content, _: bz2.compress(content),
        lambda content, _: lzma.compress(content),
        lambda content, _: pa.compress(content, "zstd", asbytes=True),
        _zipped,
    ],
    ids=["gzip", "bzip2", "xz", "zstandard", "zip"],
)
def test_compressed_files_are_known_by_what_they_hold(
    tmp_path: pathlib.Path, compress: Callable[[bytes, pathlib.Path], bytes], name: str
) -> None:
    content = compress("id,qty,city\n1,1.5,Köln\n2,2.25,Bonn\n".encode(), tmp_path)

    assert read(tmp_path, content, name=name).values == NUMBERS


def test_a_folder_gives_its_compressed_files_but_no_other_text(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n1,2\n", mtime=0))
    (source / "notes.txt").write_text("by hand")

    assert open_table(str(source), tmp_path / "staging").rows == 1


def test_rows_without_a_header_are_rows(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, "39, State-gov, 77516\n50, Private, 83311\n38, Private, 215646\n")

    assert found.values == {
        "column_1": [39, 50, 38],
        "column_2": ["State-gov", "Private", "Private"],
        "column_3": [77516, 83311, 215646],
    }
    assert "no header" in found.remarks
    letters = read(tmp_path, "p,x,s\ne,x,s\ne,b,y\np,x,y\n", name="letters.csv")
    assert letters.values["column_1"] == ["p", "e", "e", "p"]
    told = read(tmp_path, "a,b\nc,d\n", "header=none", name="told.csv")
    assert told.values == {"column_1": ["a", "c"], "column_2": ["b", "d"]}


@pytest.mark.parametrize(
    ("header", "row"), [("country,2019,2020", "DE,1.5,2.5"), ("0,1,2", "0.5,1.5,2.5")]
)
def test_years_and_running_numbers_are_names(tmp_path: pathlib.Path, header: str, row: str) -> None:
    found = read(tmp_path, f"{header}\n{row}\n")

    assert ",".join(found.values) == header


@pytest.mark.parametrize(
    "text",
    [
        ",a,b\n0,1.5,x\n1,2.5,y\n",
        '"","a","b"\n"0",1.5,"x"\n"1",2.5,"y"\n',
        "a,b\n0,1.5,x\n1,2.5,y\n",
    ],
    ids=["pandas", "R write.csv", "R write.table"],
)
def test_row_names_are_the_column_index(tmp_path: pathlib.Path, text: str) -> None:
    found = read(tmp_path, text)

    assert list(found.values) == ["index", "a", "b"]
    assert found.values["a"] == [1.5, 2.5]
    assert "'index'" in found.remarks


def test_commas_group_digits_or_mark_decimals_as_the_whole_file_shows(
    tmp_path: pathlib.Path,
) -> None:
    us = read(tmp_path, 'n,x\n"1,234","1,234.5"\n56,7.25\n', name="us.csv")
    german = read(tmp_path, "n;x\n1.234;1.234,5\n56;7,25\n", name="german.csv")
    swiss = read(tmp_path, "n;x\n1'234;1'234.5\n56;7.25\n", name="swiss.csv")

    assert us.values == german.values == swiss.values == {"n": [1234, 56], "x": [1234.5, 7.25]}


@pytest.mark.parametrize("cells", ["1,234;x\n2,345;y\n", "1.234;x\n2.345;y\n"])
def test_a_mark_that_may_be_either_is_told(tmp_path: pathlib.Path, cells: str) -> None:
    found = read(tmp_path, "n;k\n" + cells)

    assert "a decimal or a thousands mark" in found.doubt("n")
    assert "--csv decimal=" in found.doubt("n")


def test_blank_lines_are_no_rows_but_nulls_where_there_is_one_column(
    tmp_path: pathlib.Path,
) -> None:
    found = read(tmp_path, "x\n1\n\n3\n")

    assert found.values == {"x": [1, None, 3]}
    assert "blank lines are nulls, as there is a single column (1 nulls)" in found.remarks


def test_a_comment_mark_within_quotes_starts_no_comment(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, '# by hand\nk,x\n"a\n# b",1\n# c\nd,2\n')

    assert found.values == {"k": ["a\n# b", "d"], "x": [1, 2]}


def test_a_wrong_byte_far_down_is_told_in_files_with_comments_too(tmp_path: pathlib.Path) -> None:
    content = b"# by hand\nx,y\n" + b"1,2\n" * 100_000 + b"3,\xe9\n"

    with pytest.raises(SourceError, match="is not UTF-8 in line 100,003"):
        read(tmp_path, content)


def test_blanks_around_cells_stay_where_only_some_text_has_them(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, "k,x\n a,1\nb ,2\nc,3\n")

    assert found.values == {"k": [" a", "b ", "c"], "x": [1, 2, 3]}


def test_blanks_around_some_numbers_are_told(tmp_path: pathlib.Path) -> None:
    text = "name,amount,x\nBob,  12.5,1\nAnn,   3.0,2\n"

    assert "--csv blanks=strip" in read(tmp_path, text).doubt("amount")
    told = read(tmp_path, text, "blanks=strip", name="told.csv")
    assert told.values["amount"] == [12.5, 3.0]


def test_blanks_in_quotes_belong_to_the_cell(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, 'x, k\n1, " a, b "\n2, c \n')

    assert found.values["k"] == [" a, b ", "c"]


def test_question_marks_are_null_if_that_is_told(tmp_path: pathlib.Path) -> None:
    text = "x, k\n1, ?\n?, a\n3, b\n"

    assert read(tmp_path, text, "nulls=?").values == {"x": [1, None, 3], "k": [None, "a", "b"]}
    assert "--csv nulls=?" in read(tmp_path, text, name="u.csv").doubt("x")


def test_quoted_empty_text_is_no_null(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, 'x,k\n1,""\n"",\n3,a\n')

    assert found.values == {"x": [1, None, 3], "k": ["", None, "a"]}


def test_what_the_first_files_show_holds_for_later_ones(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "1.csv").write_text("d;x\n31.12.2023;1.234,5\n")
    (source / "2.csv").write_text("d;x\n01.02.2024;2\n")
    table = open_table(str(source), tmp_path / "staging")

    days = [day for array in table.column("d").arrays(range(2)) for day in array.to_pylist()]
    assert days == [dt.date(2023, 12, 31), dt.date(2024, 2, 1)]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("delimeter=;", "'delimeter'.*Did you mean 'delimiter'"),
        ("delimiter=;;", "delimiter = ';;' is not allowed: it should be one character"),
        ("decimal=x", "decimal = 'x' is not allowed"),
        ("encoding=latin-99", "no encoding has this name"),
        ("x=whole", "column 'x': 'whole' is no type of CSV cells"),
        ("nulls", "Write --csv KEY=VALUE"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_right(
    tmp_path: pathlib.Path, told: str, says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        read(tmp_path, "x,y\n1,2\n", told)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x,y\n1,2\n1\n", "line 3 of .*t.csv has too few cells, 1 instead of 2"),
        ('x,y\n"1\n2",2\n\n1,2,3\n', "line 5 of .*t.csv has too many cells, 3 instead of 2"),
        ('x,y\n1,"a\n2,b\n3,c\n', "a quote of the last 3 lines of .*t.csv is never closed"),
        (b"x,y\n1,2\n3,\xe9\n", "t.csv is not UTF-8 in line 3.*--csv encoding=latin-1"),
        (b"x,y\n1,\x93a\x94\n", "t.csv is not UTF-8 in line 2.*--csv encoding=cp1252"),
        ("x,y\n1,é\n".encode("utf-16-le"), "zero byte.*--csv encoding=utf-16-le"),
        (b"x,y\n" + b"1,2\n" * 100_000 + b"3,\xe9\n", "is not UTF-8 in line 100,002"),
        (gzip.compress(b"x\n1\n" * 9, mtime=0)[:-9], "t.csv cannot be read"),
        ("", "t.csv holds no line"),
    ],
    ids=[
        "too few cells",
        "too many cells",
        "an open quote",
        "latin-1",
        "cp1252",
        "UTF-16 without a mark",
        "latin-1 far down",
        "cut gzip",
        "empty",
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name_and_line(
    tmp_path: pathlib.Path, text: str | bytes, says: str
) -> None:
    with pytest.raises(SourceError, match=says) as refused:
        read(tmp_path, text)

    assert refused.value.remedy


def test_the_named_file_is_read_whatever_its_name(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "in [1]"
    folder.mkdir()
    (folder / "data1.csv").write_text("x\n1\n")
    (folder / "a_b.csv").write_text("x\n2\n")

    assert read(folder, "x\n3\n", name="data[1].csv").values == {"x": [3]}
    assert read(folder, "x\n4\n", name="a*b.csv").values == {"x": [4]}

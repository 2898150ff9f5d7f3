"""Which files of a folder or a glob are a table, and which are there for another reason."""

import pathlib

import polars as pl
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.files import find_files, looks_complete
from gmm_pipeline.tables.folders import would_be_found
from gmm_pipeline.tables.open_table import open_table

FRAME = pl.DataFrame({"x": ["a", "b"]})


def found(source: pathlib.Path | str, folder: pathlib.Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in find_files(str(source)).files]


def write(*paths: pathlib.Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        FRAME.write_parquet(path)


def test_a_glob_finds_the_files_in_the_folders_that_it_matches(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "day=1/part-0.parquet", tmp_path / "day=2/part-0.parquet")
    (tmp_path / "day=1" / "_SUCCESS").touch()

    wanted = ["day=1/part-0.parquet", "day=2/part-0.parquet"]

    assert found(tmp_path / "day=*", tmp_path) == wanted
    assert found(tmp_path / "**", tmp_path) == wanted


@pytest.mark.parametrize("name", ["part-00000-1f3a-c000", "part-00000.c000", "000000_0"])
def test_part_files_are_known_by_their_content(tmp_path: pathlib.Path, name: str) -> None:
    write(tmp_path / "sales" / name)
    (tmp_path / "sales" / "README").write_text("mine")

    for source in (tmp_path / "sales", tmp_path / "sales" / name):
        assert open_table(str(source), tmp_path / "staging").rows == len(FRAME)
    assert looks_complete(tmp_path / "sales" / name)


def test_a_store_within_a_folder_is_no_part_of_the_table(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "t.parquet")
    TableEncoder().fit(FRAME).save(tmp_path / "store" / "t")
    write(tmp_path / "store" / "t" / "x" / "raw" / "part-000000.parquet")

    assert found(tmp_path, tmp_path) == ["t.parquet"]
    assert found(tmp_path / "**/*.parquet", tmp_path) == ["t.parquet"]
    with pytest.raises(SourceError, match="holds no Parquet or CSV file"):
        find_files(str(tmp_path / "store"))


def test_a_folder_with_a_file_fit_json_of_somebody_else_is_read(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "gym" / "t.parquet")
    (tmp_path / "gym" / "fit.json").write_text("{}")

    assert found(tmp_path, tmp_path) == ["gym/t.parquet"]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_an_encoded_table_among_other_files_is_refused(tmp_path: pathlib.Path, ending: str) -> None:
    encoded = TableEncoder().fit(FRAME).transform(FRAME).collect()
    wide = encoded.rename({"x.rank": "x.rank_0"})
    for frame, name in ((FRAME, "a"), (encoded, "b"), (wide, "c")):
        if ending == "csv":
            frame.write_csv(tmp_path / f"{name}.csv")
        else:
            frame.write_parquet(tmp_path / f"{name}.parquet")

    with pytest.raises(SourceError, match=rf"b.{ending} holds encoded rows") as refused:
        open_table(str(tmp_path), tmp_path / ".staging")
    assert refused.value.remedy
    assert open_table(str(tmp_path / f"[bc].{ending}"), tmp_path / ".staging").rows == 4


@pytest.mark.parametrize(
    ("source", "out", "is_found"),
    [
        ("data", "data/out.parquet", True),
        ("data", "data/deep/out.csv", True),
        ("data", "data/.hidden/out.parquet", False),
        ("data", "out.parquet", False),
        ("data/t.parquet", "data/out.parquet", False),
        ("data/*.parquet", "data/out.parquet", True),
        ("data/*.parquet", "data/out.csv", False),
        ("data/day=*", "data/day=3/out.parquet", True),
        ("data/day=*", "data/week=3/out.parquet", False),
        ("data/**/*.parquet", "data/a/b/out.parquet", True),
        ("gone", "out.parquet", False),
    ],
)
def test_it_is_known_before_a_file_is_written_whether_a_source_would_find_it(
    tmp_path: pathlib.Path, source: str, out: str, *, is_found: bool
) -> None:
    write(tmp_path / "data" / "t.parquet")

    assert would_be_found(str(tmp_path / source), tmp_path / out) is is_found

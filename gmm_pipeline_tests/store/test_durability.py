"""What is published is on the disk first: a power failure leaves the old content or the new one."""

import os
import pathlib

import polars as pl
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.atomic_write import atomic_write, replace_folder

FRAME = pl.DataFrame({"x": ["a", "b"]})


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of files and folders that were brought to the disk, in order."""
    inodes: list[int] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        inodes.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    return inodes


def test_the_bytes_of_a_file_are_on_the_disk_before_its_name(
    tmp_path: pathlib.Path, flushed: list[int]
) -> None:
    with atomic_write(tmp_path / "x.json") as partial:
        partial.write_text("{}")

    assert flushed == [(tmp_path / "x.json").stat().st_ino, tmp_path.stat().st_ino]


def test_an_error_leaves_the_old_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x").write_text("old")

    def write_on_a_full_disk() -> None:
        with atomic_write(tmp_path / "x") as partial:
            partial.write_text("ne")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write_on_a_full_disk()

    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("exists", [False, True])
def test_the_name_of_a_folder_is_brought_to_the_disk(
    tmp_path: pathlib.Path, flushed: list[int], *, exists: bool
) -> None:
    for name in ["new", *(["old"] if exists else [])]:
        (tmp_path / name).mkdir()

    replace_folder(tmp_path / "new", tmp_path / "old")

    assert tmp_path.stat().st_ino in flushed


def test_every_file_of_a_saved_fit_and_every_folder_on_its_way_is_on_the_disk(
    tmp_path: pathlib.Path, flushed: list[int]
) -> None:
    TableEncoder().fit(FRAME).save(tmp_path / "store" / "t")

    paths = [tmp_path / "store", *(tmp_path / "store").rglob("*")]
    # Empty files are locks.
    wanted = [path for path in paths if path.is_dir() or path.stat().st_size]
    assert {path for path in wanted if path.stat().st_ino not in flushed} == set()


def test_parts_of_a_table_are_on_the_disk(tmp_path: pathlib.Path, flushed: list[int]) -> None:
    TableEncoder().fit(FRAME).transform_to(FRAME, tmp_path / "encoded")

    paths = [tmp_path, tmp_path / "encoded", *(tmp_path / "encoded").iterdir()]
    assert {path.stat().st_ino for path in paths} <= set(flushed)

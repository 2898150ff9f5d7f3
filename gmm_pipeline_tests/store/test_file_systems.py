"""Results on file systems that cannot do all that others can."""

import os
import pathlib
import subprocess
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
from workplace import flip_a_byte

from gmm_pipeline import atomic_write as writing
from gmm_pipeline.arrow.parquet import write_table
from gmm_pipeline.atomic_write import atomic_write, remove_leftovers, replace_folder
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.manifest import Origin
from gmm_pipeline.store.result import Product, Result, StageOutput

A_DAY = 86_400


def part(number: int, keeps: Result | None = None) -> Product:
    """A part of rows, beside those of the result that is kept."""

    def write(folder: pathlib.Path) -> StageOutput:
        write_table(folder / f"part-{number:05d}.parquet", pa.table({"x": [number] * 100}))
        return StageOutput({})

    origin = Origin(inputs={"source": str(number)}, settings={})
    return Product("x", "raw", origin, 100 * (number + 1), write, {"x": "int64"}, keeps)


@pytest.fixture
def lower(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with a damaged result, and a table that is to be replaced."""
    folder = tmp_path / "lower"
    column = ColumnFolder(folder / "column")
    column.publish(part(0))
    column.link({"raw": column.require("raw").manifest.content_id})
    flip_a_byte(column.require("raw").tables()[0])
    (folder / "out").mkdir()
    (folder / "out" / "part-00000.parquet").write_text("old")
    return folder


@pytest.fixture
def merged(lower: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """An overlay file system in whose lower layer these are."""
    for name in ("upper", "work", "merged"):
        (tmp_path / name).mkdir()
    layers = f"lowerdir={lower},upperdir={tmp_path / 'upper'},workdir={tmp_path / 'work'}"
    mount = ["mount", "-t", "overlay", "overlay", "-o", layers, tmp_path / "merged"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting an overlay needs Linux and root, as in CI: run the tests as root")
    yield tmp_path / "merged"
    subprocess.run(["umount", tmp_path / "merged"], check=True)


def check_that_results_are_published(column: ColumnFolder) -> None:
    """Replace a damaged result by the same, add rows to it, and compute another one."""
    column.publish(part(0))
    assert column.require("raw").is_undamaged()
    column.publish(part(1, column.require("raw")))
    assert len(column.require("raw").tables()) == 2
    column.link({"raw": column.require("raw").manifest.content_id})
    assert len(list((column.path / "raw").iterdir())) == 2
    column.publish(part(2))
    assert column.require("raw").is_undamaged()
    assert not list(column.path.glob(".drafts/*"))


def test_results_in_the_lower_layer_of_an_overlay_are_replaced(merged: pathlib.Path) -> None:
    check_that_results_are_published(ColumnFolder(merged / "column"))


def test_a_folder_in_the_lower_layer_of_an_overlay_is_replaced(merged: pathlib.Path) -> None:
    (merged / "new").mkdir()
    (merged / "new" / "part-00000.parquet").write_text("new")

    replace_folder(merged / "new", merged / "out")

    assert (merged / "out" / "part-00000.parquet").read_text() == "new"
    assert sorted(path.name for path in merged.iterdir()) == ["column", "out"]


@pytest.mark.parametrize("lacks_exchange", [False, True])
def test_a_result_whose_folder_is_a_link_is_replaced_and_the_link_not_followed(
    lower: pathlib.Path, *, lacks_exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lacks_exchange:
        monkeypatch.setattr(writing, "_exchange", lambda *_: False)
    column = ColumnFolder(lower / "column")
    content = column.require("raw").folder
    content.rename(lower / "elsewhere")
    content.symlink_to(lower / "elsewhere")

    check_that_results_are_published(column)

    assert len(list((lower / "elsewhere").iterdir())) == 1


def test_results_are_published_without_hard_links_or_exchange(
    lower: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("this file system has no hard links")

    monkeypatch.setattr(writing, "_exchange", lambda *_: False)
    monkeypatch.setattr(pathlib.Path, "hardlink_to", refuse)

    check_that_results_are_published(ColumnFolder(lower / "column"))


def draft_of(target: pathlib.Path, *, age: float) -> pathlib.Path:
    """Leave a draft behind, as a killed process does."""
    draft = target.with_name(f".{target.name}.{'0123456789abcdef' * 2}")
    draft.write_text("half")
    then = time.time() - age
    os.utime(draft, (then, then))
    return draft


def test_who_writes_a_file_removes_drafts_of_it_that_are_a_day_old(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "out.parquet"
    other = draft_of(tmp_path / "other.parquet", age=2 * A_DAY)
    draft_of(target, age=2 * A_DAY)

    with atomic_write(target) as partial:
        partial.write_text("complete")

    assert sorted(tmp_path.iterdir()) == [other, target]


def test_a_draft_that_somebody_may_be_writing_stays(tmp_path: pathlib.Path) -> None:
    file, folder = draft_of(tmp_path / "fit.json", age=60), tmp_path / f".out.{'0' * 32}"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "part-00000.parquet").write_text("half")
    os.utime(folder, (0, 0))

    remove_leftovers(tmp_path)

    assert file.exists()
    assert folder.exists(), "a file in it was written just now"

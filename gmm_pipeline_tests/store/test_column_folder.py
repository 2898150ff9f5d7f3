import contextlib
import os
import pathlib
import threading
from collections.abc import Callable
from typing import Self

import polars as pl
import pyarrow as pa
import pytest
from workplace import flip_a_byte, states

from gmm_pipeline.arrow.parquet import batches, write_table
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store import draft
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.manifest import FileFacts, Origin
from gmm_pipeline.store.result import Product, StageOutput

PARTS, ROWS = 3, 500


def product(
    content: int, stage: str = "raw", *, before: Callable[[], None] = lambda: None
) -> Product:
    """A table of several parts whose rows all hold the same number."""

    def write(folder: pathlib.Path) -> StageOutput:
        for part in range(PARTS):
            write_table(folder / f"part-{part:05d}.parquet", pa.table({"x": [content] * ROWS}))
        before()
        return StageOutput({"content": content})

    origin = Origin(inputs={"source": str(content)}, settings={})
    return Product(
        column="x",
        stage=stage,
        origin=origin,
        rows=PARTS * ROWS,
        write=write,
        columns={"x": "int64"},
    )


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> ColumnFolder:
    return ColumnFolder(tmp_path / "column")


def show(folder: ColumnFolder) -> None:
    """Let the plain folders show the newest results, as a commit does."""
    folder.link({stage: each.content_id for stage, each in folder.manifests().items()})


def drafts(folder: ColumnFolder) -> list[pathlib.Path]:
    return list(folder.path.glob(".drafts/*"))


def test_a_published_result_has_a_manifest_that_matches_its_files(folder: ColumnFolder) -> None:
    manifest = folder.publish(product(1)).manifest

    result = folder.require("raw")
    assert result.manifest == manifest
    assert [file.name for file in result.tables()] == [
        f"part-{part:05d}-{manifest.content_id}.parquet" for part in range(PARTS)
    ]
    assert {name: FileFacts.of(result.file(name)) for name in manifest.files} == manifest.files
    assert manifest.rows == PARTS * ROWS
    assert manifest.summary == {"content": 1}
    assert not drafts(folder)


def test_a_folder_without_results_has_none_and_says_how_to_make_them(folder: ColumnFolder) -> None:
    assert folder.result("raw") is None
    with pytest.raises(StoreError, match=r"no complete result of stage 'raw'.*gmm-pipeline run"):
        folder.require("raw")


def test_plain_polars_reads_a_result_as_one_table(folder: ColumnFolder) -> None:
    folder.publish(product(1))
    show(folder)
    folder.publish(product(2))
    assert pl.scan_parquet(folder.path / "raw").collect()["x"].to_list() == [1] * PARTS * ROWS
    show(folder)

    assert pl.scan_parquet(folder.path / "raw").collect()["x"].to_list() == [2] * PARTS * ROWS


def test_collecting_leaves_one_content_and_one_manifest(folder: ColumnFolder) -> None:
    for content in (1, 2, 1, 3):
        folder.publish(product(content))
    folder.collect((), ())

    assert len(list((folder.path / ".contents").iterdir())) == 1
    assert len(list((folder.path / "manifests").iterdir())) == 1
    assert folder.require("raw").manifest.summary == {"content": 3}


def test_publishing_the_same_content_again_leaves_its_files_alone(folder: ColumnFolder) -> None:
    folder.publish(product(1))
    before = states(folder.require("raw").folder)

    folder.publish(product(1))

    assert states(folder.require("raw").folder) == before


def test_a_writer_that_fails_leaves_the_old_result_and_no_draft(folder: ColumnFolder) -> None:
    def fail() -> None:
        assert drafts(folder), "it fails after its files were written"
        raise OSError("no space left on device")

    folder.publish(product(1))
    with pytest.raises(OSError, match="no space left"):
        folder.publish(product(2, before=fail))

    assert folder.require("raw").manifest.summary == {"content": 1}
    assert set(pl.read_parquet(folder.require("raw").tables())["x"]) == {1}
    assert not drafts(folder)
    folder.publish(product(3))
    assert folder.require("raw").manifest.summary == {"content": 3}


def test_a_disk_that_fills_up_at_the_manifest_leaves_the_old_result_and_nothing_else(
    folder: ColumnFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(path: pathlib.Path) -> None:
        raise OSError(f"no space left for {path.suffix}")

    folder.publish(product(1))
    before = states(folder.path)
    monkeypatch.setattr(draft, "flush", fill_up)
    with pytest.raises(OSError, match=r"no space left for \.manifest"):
        folder.publish(product(2))

    assert states(folder.path) == before


def test_a_second_writer_is_turned_away_while_the_first_one_writes(folder: ColumnFolder) -> None:
    refused: list[StoreError] = []

    def write_meanwhile() -> None:
        with pytest.raises(StoreError, match="another run is writing") as error:
            ColumnFolder(folder.path).publish(product(2, "sketch"))
        refused.append(error.value)

    def in_a_thread() -> None:
        thread = threading.Thread(target=write_meanwhile)
        thread.start()
        thread.join()

    folder.publish(product(1, before=in_a_thread))

    assert len(refused) == 1
    assert refused[0].remedy
    assert folder.require("raw").manifest.summary == {"content": 1}
    assert folder.result("sketch") is None


def test_what_a_killed_writer_left_is_cleared_by_the_next(folder: ColumnFolder) -> None:
    left = folder.path / ".drafts" / "raw-killed"
    left.mkdir(parents=True)
    (left / "part-00000.parquet").write_bytes(b"half")

    folder.publish(product(1))

    assert not drafts(folder)
    assert folder.require("raw").manifest.summary == {"content": 1}


def test_what_a_killed_writer_left_is_removed_but_nothing_of_a_living_one(
    folder: ColumnFolder,
) -> None:
    def tidied() -> None:
        folder.tidy()
        assert drafts(folder)

    folder.publish(product(1, before=tidied))
    (folder.path / ".drafts" / "raw-killed").mkdir(parents=True)
    folder.tidy()

    assert not drafts(folder)
    assert folder.require("raw").manifest.summary == {"content": 1}


@pytest.mark.parametrize("lost", ["part-00001", "manifest", "the end of part-00001"])
def test_a_result_that_lost_a_file_or_a_part_of_one_is_none(
    folder: ColumnFolder, lost: str
) -> None:
    manifest = folder.publish(product(1)).manifest
    part = folder.require("raw").file("part-00001.parquet")
    if lost == "manifest":
        (folder.path / "manifests" / manifest.file_name).unlink()
    elif lost == "part-00001":
        part.unlink()
    else:
        os.truncate(part, part.stat().st_size - 1)

    assert folder.result("raw") is None
    folder.publish(product(1))
    assert folder.require("raw").manifest.content == manifest.content
    assert folder.require("raw").is_undamaged()


def test_publishing_the_same_content_again_replaces_damaged_files(folder: ColumnFolder) -> None:
    folder.publish(product(1))
    part = folder.require("raw").file("part-00001.parquet")
    flip_a_byte(part)
    assert not folder.require("raw").is_undamaged()

    folder.publish(product(1))

    assert folder.require("raw").is_undamaged()


class Readers:
    """Threads that read a result again and again, and note what should not be."""

    def __init__(self, folder: ColumnFolder) -> None:
        self.folder = folder
        self.looks = self.reads = 0
        self.problems: list[str] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=[work])
            for work in (self.look, self.look, self.read)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._ended.is_set():
            # Who opens files while they are replaced may find them gone, and reads again.
            with contextlib.suppress(FileNotFoundError):
                work()

    def look(self) -> None:
        self.looks += 1
        result = self.folder.result("raw")
        if result is None:
            self.problems.append("there was no result")
        elif len(result.tables()) != PARTS:
            self.problems.append(f"there were {len(result.tables())} parts")

    def read(self) -> None:
        result = self.folder.result("raw")
        if result is not None:
            rows = [value.as_py() for batch in batches(result.tables()) for value in batch["x"]]
            if rows != [result.manifest.summary["content"]] * PARTS * ROWS:
                self.problems.append("the rows did not belong to the manifest")
        rows = pl.scan_parquet(self.folder.path / "raw").collect()["x"].to_list()
        if len(rows) != PARTS * ROWS or len(set(rows)) != 1:
            self.problems.append(f"there were {len(rows)} rows of the contents {set(rows)}")
        self.reads += 1


def test_readers_see_the_old_result_or_the_new_one_while_it_is_replaced(
    folder: ColumnFolder,
) -> None:
    folder.publish(product(0))

    show(folder)
    with Readers(folder) as readers:
        for number in range(40):
            folder.publish(product(number % 2))
            show(folder)
            folder.collect((), ())

    assert not readers.problems
    assert readers.looks > 40
    assert readers.reads > 10


def test_failures_are_remembered_until_they_are_cleared(folder: ColumnFolder) -> None:
    assert folder.failure() is None

    folder.record_failure("sketch", ValueError("3 rows are wrong"))

    failure = folder.failure()
    assert failure is not None
    assert (failure.stage, failure.error, failure.message) == (
        "sketch",
        "ValueError",
        "3 rows are wrong",
    )
    folder.clear_failure()
    assert folder.failure() is None

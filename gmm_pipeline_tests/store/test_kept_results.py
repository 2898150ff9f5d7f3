"""Results that keep files of those before them."""

import pathlib
import threading
from itertools import pairwise

import polars as pl
import pyarrow as pa
import pytest
from workplace import contents, states

from gmm_pipeline.arrow.parquet import write_table
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.manifest import FileFacts, Manifest, Origin
from gmm_pipeline.store.result import Product, Result, StageOutput

ROWS = 50


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> ColumnFolder:
    return ColumnFolder(tmp_path / "column")


def part(number: int, keeps: Result | None = None) -> Product:
    """One more part of rows that hold a number, beside those of the result that is kept."""

    def write(folder: pathlib.Path) -> StageOutput:
        write_table(folder / f"part-{number:05d}.parquet", pa.table({"x": [number] * ROWS}))
        return StageOutput({})

    return Product(
        column="x",
        stage="raw",
        origin=Origin(inputs={"source": str(number)}, settings={}),
        rows=ROWS * (number + 1),
        write=write,
        columns={"x": "int64"},
        keeps=keeps,
        continues=() if keeps is None else (*keeps.manifest.continues, keeps.manifest.content),
    )


def grown(folder: ColumnFolder, parts: int) -> list[Manifest]:
    return [folder.publish(part(number, folder.result("raw"))).manifest for number in range(parts)]


def test_parts_that_are_kept_keep_their_files_and_names(folder: ColumnFolder) -> None:
    folder.publish(part(0))
    before = states(folder.require("raw").folder)

    folder.publish(part(1, folder.require("raw")))

    after = states(folder.require("raw").folder)
    assert len(after) == 2
    assert {name: after[name] for name in before} == before


def test_a_result_that_grew_three_times_reads_back_whole(folder: ColumnFolder) -> None:
    manifests = grown(folder, 4)

    result = folder.require("raw")
    assert result.manifest == manifests[-1]
    assert result.manifest.continues == tuple(manifest.content for manifest in manifests[:-1])
    assert {name: FileFacts.of(result.file(name)).sha256 for name in result.manifest.files} == {
        name: facts.sha256 for name, facts in result.manifest.files.items()
    }
    assert [pl.read_parquet(file)["x"].unique().to_list() for file in result.tables()] == [
        [0],
        [1],
        [2],
        [3],
    ]
    assert pl.read_parquet(result.folder)["x"].to_list() == [
        number for number in range(4) for _ in range(ROWS)
    ]
    assert len(list(result.folder.iterdir())) == 4


def test_a_grown_result_knows_how_many_of_its_files_each_earlier_content_had(
    folder: ColumnFolder,
) -> None:
    manifests = grown(folder, 3)

    assert [manifests[-1].leading_files(manifest.content) for manifest in manifests] == [1, 2, 3]
    assert manifests[0].leading_files(manifests[-1].content) is None


def test_who_listed_a_result_before_it_grew_can_still_read_it(folder: ColumnFolder) -> None:
    folder.publish(part(0))
    listed = folder.require("raw").tables()

    folder.publish(part(1, folder.require("raw")))

    assert set(pl.read_parquet(listed)["x"]) == {0}


def test_a_result_is_whole_while_it_grows(folder: ColumnFolder) -> None:
    folder.publish(part(0))
    seen: list[Result | None] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            seen.append(folder.result("raw"))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(1, 20):
        folder.publish(part(number, folder.require("raw")))
    ended.set()
    reader.join()

    sizes = [len(result.manifest.files) for result in seen if result]
    assert None not in seen
    assert all(before <= after for before, after in pairwise(sizes))


def test_what_is_to_be_kept_has_to_be_there_still(folder: ColumnFolder) -> None:
    folder.publish(part(0))
    kept = folder.require("raw")
    folder.publish(part(5))
    before = contents(folder.path)

    with pytest.raises(StoreError, match="another run is writing"):
        folder.publish(part(1, kept))

    assert contents(folder.path) == before


def test_a_result_that_keeps_all_and_adds_nothing_stays_as_it_is(folder: ColumnFolder) -> None:
    made = grown(folder, 2)[-1]
    before = states(folder.require("raw").folder)
    kept = folder.require("raw")
    again = Product(
        "x",
        "raw",
        Origin(inputs={"source": "b"}, settings={}),
        2 * ROWS,
        lambda _: StageOutput({}),
        {},
        kept,
    )

    manifest = folder.publish(again).manifest

    assert (manifest.content, manifest.created) == (made.content, made.created)
    assert manifest.origin.inputs == {"source": "b"}
    assert states(folder.require("raw").folder) == before
    assert folder.require("raw").manifest == manifest
    folder.publish(part(2, folder.require("raw")))
    assert [
        number
        for file in folder.require("raw").tables()
        for number in set(pl.read_parquet(file)["x"])
    ] == [
        0,
        1,
        2,
    ]

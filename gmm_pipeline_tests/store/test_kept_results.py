"""Results that keep files of those before them, and fits that others have taken the place of."""

import datetime as dt
import pathlib
import threading
from itertools import pairwise

import polars as pl
import pyarrow as pa
import pytest
from workplace import contents, states

from gmm_pipeline import TableEncoder
from gmm_pipeline.arrow.parquet import write_table
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.manifest import FileFacts, Manifest, Origin
from gmm_pipeline.store.result import Made, Product, Result
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store

ROWS = 50


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> ColumnFolder:
    return ColumnFolder(tmp_path / "column")


def part(number: int, keeps: Result | None = None) -> Product:
    """One more part of rows that hold a number, beside those of the result that is kept."""

    def write(folder: pathlib.Path) -> Made:
        write_table(folder / f"part-{number:05d}.parquet", pa.table({"x": [number] * ROWS}))
        return Made({})

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
    before = states(folder.path / "raw")

    folder.publish(part(1, folder.require("raw")))

    after = states(folder.path / "raw")
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
    assert pl.read_parquet(folder.path / "raw")["x"].to_list() == [
        number for number in range(4) for _ in range(ROWS)
    ]
    assert len(list((folder.path / "raw").iterdir())) == 4
    assert len(list((folder.path / "manifests").iterdir())) == 1


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
    before = states(folder.path / "raw")
    kept = folder.require("raw")
    again = Product(
        "x",
        "raw",
        Origin(inputs={"source": "b"}, settings={}),
        2 * ROWS,
        lambda _: Made({}),
        {},
        kept,
    )

    manifest = folder.publish(again).manifest

    assert (manifest.content, manifest.created) == (made.content, made.created)
    assert manifest.origin.inputs == {"source": "b"}
    assert states(folder.path / "raw") == before
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


def text(stage: str, content: str, inputs: dict[str, str] | None = None) -> Product:
    def write(folder: pathlib.Path) -> Made:
        (folder / f"{stage}.json").write_text(content)
        (folder / "data").mkdir()
        (folder / "data" / "part-0.txt").write_text(content)
        return Made({})

    return Product("x", stage, Origin(inputs=inputs or {}, settings={}), 1, write, {})


def fit(folder: ColumnFolder, content: str) -> Manifest:
    """Publish a model and the ranking that belongs to it."""
    model = folder.publish(text("model", content)).manifest
    folder.publish(text("feature_rank", content, {"model": model.content}))
    return model


def kept(folder: ColumnFolder) -> list[str]:
    """Read the models of the earlier fits, after seeing that their rankings belong to them."""
    found = []
    for earlier in folder.earlier():
        model, ranking = earlier.require("model"), earlier.require("feature_rank")
        assert ranking.manifest.origin.inputs == {"model": model.manifest.content}
        found.append(model.file("model.json").read_text())
        assert [
            model.file("data/part-0.txt").read_text(),
            ranking.file("feature_rank.json").read_text(),
        ] == found[-1:] * 2
    return found


def test_a_fit_is_kept_when_another_takes_its_place(folder: ColumnFolder) -> None:
    for content in "abc":
        fit(folder, content)

    assert kept(folder) == ["a", "b"]
    assert folder.require("model").file("model.json").read_text() == "c"


def test_a_fit_is_not_kept_when_the_same_takes_its_place(folder: ColumnFolder) -> None:
    fit(folder, "a")
    fit(folder, "a")

    assert kept(folder) == []


def test_a_fit_that_came_back_is_kept_once(folder: ColumnFolder) -> None:
    for content in "abab":
        fit(folder, content)

    assert sorted(kept(folder)) == ["a", "b"]


def test_a_model_without_its_own_ranking_is_not_kept(folder: ColumnFolder) -> None:
    fit(folder, "a")
    folder.publish(text("model", "b"))
    folder.publish(text("model", "c"))

    assert kept(folder) == ["a"]


def test_other_results_are_not_kept(folder: ColumnFolder) -> None:
    fit(folder, "a")
    for content in "ab":
        folder.publish(text("sketch", content))
        folder.publish(text("feature_rank", content))

    assert kept(folder) == []


def test_what_a_killed_run_left_of_an_earlier_fit_is_not_taken_for_one(
    folder: ColumnFolder,
) -> None:
    fit(folder, "a")
    fit(folder, "b")
    (earlier,) = (folder.path / "earlier").iterdir()
    half = earlier.with_name(f".{earlier.name}-0123")
    (half / "model").mkdir(parents=True)
    (earlier.with_name("nothing") / "model").mkdir(parents=True)

    assert kept(folder) == ["a"]
    fit(folder, "c")
    assert kept(folder) == ["a", "b"]


@pytest.fixture
def sales(tmp_path: pathlib.Path) -> FitFolder:
    """Three columns: one fitted three times, one twice, one once; none at the time of another."""
    found = FitFolder(tmp_path / "sales")
    for moment in ("often 1", "seldom 1", "once 1", "often 2", "seldom 2", "often 3"):
        name, number = moment.split()
        fit(found.column(name), f"{name} {number}")
    found.spec_path.write_text("{}")
    return found


def fitted_at(sales: FitFolder, moment: dt.datetime) -> list[str | None]:
    at = FitFolder(sales.path, moment)
    columns = [at._fit_of(sales.column(name)) for name in ("often", "seldom", "once")]
    return [column and column.require("model").file("model.json").read_text() for column in columns]


def test_every_fit_is_named_by_a_moment_at_which_it_was_whole(sales: FitFolder) -> None:
    moments = sales.moments(["often", "seldom", "once"])

    assert [fitted_at(sales, moment) for moment in moments] == [
        ["often 1", "seldom 1", "once 1"],
        ["often 2", "seldom 2", "once 1"],
    ]
    assert fitted_at(sales, dt.datetime.now(dt.UTC)) == ["often 3", "seldom 2", "once 1"]
    assert fitted_at(sales, dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) == [None, None, None]


def test_a_model_that_a_refit_gives_once_more_still_belongs_to_the_earlier_fits(
    sales: FitFolder,
) -> None:
    moments = sales.moments(["often", "seldom", "once"])
    fit(sales.column("once"), "once 1")

    assert sales.moments(["often", "seldom", "once"]) == moments
    assert [fitted_at(sales, moment)[2] for moment in moments] == ["once 1", "once 1"]


def test_a_fit_whose_models_were_never_replaced_has_no_moments(tmp_path: pathlib.Path) -> None:
    found = FitFolder(tmp_path / "sales")
    fit(found.column("a"), "a")

    assert found.moments(["a", "b"]) == []


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("sales", None),
        ("sales@2026-11-24T03:00:00", dt.datetime(2026, 11, 24, 3, tzinfo=dt.UTC)),
        ("sales@2026-11-24T03:00:00.25", dt.datetime(2026, 11, 24, 3, 0, 0, 250_000, dt.UTC)),
        ("sales@2026-11-24T03:00:00Z", dt.datetime(2026, 11, 24, 3, tzinfo=dt.UTC)),
        ("sales@2026-11-24T05:00:00+02:00", dt.datetime(2026, 11, 24, 3, tzinfo=dt.UTC)),
        ("sales@2026-11-24", dt.datetime(2026, 11, 24, tzinfo=dt.UTC)),
    ],
)
def test_a_fit_is_named_by_itself_or_with_a_time(
    sales: FitFolder, name: str, at: dt.datetime | None
) -> None:
    found = Store(sales.path.parent).require_fit(name)

    assert (found.path, found.at) == (sales.path, at)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sale", r"has no fit 'sale'\. Did you mean 'sales'\?"),
        ("sale@2026-11-24", r"has no fit 'sale'\. Did you mean 'sales'\?"),
        ("sales@monday", r"'monday' is no time\. Write it as in sales@2026-11-24T03:00:00"),
    ],
)
def test_a_name_that_stands_for_no_fit_is_refused(sales: FitFolder, name: str, told: str) -> None:
    with pytest.raises(StoreError, match=told):
        Store(sales.path.parent).require_fit(name)


def test_an_encoder_of_a_time_before_all_fits_is_refused(tmp_path: pathlib.Path) -> None:
    TableEncoder().fit(pl.DataFrame({"x": [1, 2]})).save(tmp_path / "sales")

    with pytest.raises(
        StoreError, match=r"sales has no model of 2000-01-01T00:00:00\. See .*gmm-pipeline fits"
    ):
        TableEncoder.load(tmp_path / "sales", at=dt.datetime(2000, 1, 1))  # noqa: DTZ001 - UTC by default
    for at in (now := dt.datetime.now(dt.UTC), now.isoformat()):
        assert TableEncoder.load(tmp_path / "sales", at=at).columns == ("x",)

"""What readers of a fit see, whatever writers do meanwhile."""

import os
import pathlib
import threading
from datetime import UTC, datetime

import polars as pl
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.legacy_snapshots import entry_of
from gmm_pipeline.store.manifest import Manifest, Origin
from gmm_pipeline.store.reading import reading
from gmm_pipeline.store.result import Product, StageOutput
from gmm_pipeline.store.snapshot import ColumnEntry, Snapshot, belonging
from gmm_pipeline.store.store import Store


def text(stage: str, content: str, inputs: dict[str, str] | None = None) -> Product:
    """A result of one file; every name in `inputs` is one that it was made from."""

    def write(folder: pathlib.Path) -> StageOutput:
        (folder / f"{stage}.json").write_text(content)
        (folder / "data").mkdir()
        (folder / "data" / "part-0.txt").write_text(content)
        return StageOutput({})

    return Product("x", stage, Origin(inputs=inputs or {}, settings={}), 1, write, {})


def fit(column: ColumnFolder, content: str, source: str = "s") -> Manifest:
    """Publish a copy of a source, a model and the ranking that belongs to it."""
    raw = column.publish(text("raw", f"rows of {source}", {"source": source})).manifest
    sketch = column.publish(text("sketch", f"counts of {source}", {"raw": raw.content})).manifest
    model = column.publish(text("model", content, {"sketch": sketch.content})).manifest
    column.publish(text("feature_rank", f"ranks {content}", {"model": model.content}))
    return model


@pytest.fixture
def sales(tmp_path: pathlib.Path) -> FitFolder:
    folder = FitFolder(tmp_path / "sales")
    folder.path.mkdir()
    folder.spec_path.write_text('{"columns": ["a", "b"]}')
    return folder


def commit(folder: FitFolder, *columns: str) -> Snapshot:
    def update(name: str, before: ColumnEntry | None) -> ColumnEntry | None:
        manifests = belonging(folder.column(name).manifests())
        incomplete = before is not None and not before.results.keys() <= manifests.keys()
        return before if incomplete else entry_of(manifests)

    return folder.commit({"columns": list(columns)}, columns, update)


def models(folder: FitFolder, generation: int | None = None) -> dict[str, str]:
    """Read the models of a generation, after seeing that their rankings belong to them."""
    view = FitFolder(folder.path, generation).newest_view()
    assert view is not None
    found = {}
    for name in view.fitted:
        model, ranking = view.require(name, "model"), view.require(name, "feature_rank")
        assert ranking.manifest.origin.inputs == {"model": model.manifest.content}
        found[name] = model.file("model.json").read_text()
        assert ranking.file("feature_rank.json").read_text() == f"ranks {found[name]}"
        assert (folder.column(name).path / "model" / "data").is_dir()
    return found


def test_readers_see_nothing_of_a_run_before_it_commits(sales: FitFolder) -> None:
    for name in "ab":
        fit(sales.column(name), f"{name} 1")
    assert sales.view() is None
    commit(sales, "a", "b")
    fit(sales.column("a"), "a 2")

    assert models(sales) == {"a": "a 1", "b": "b 1"}
    shown = sales.column("a").path / "model"
    assert (shown / "data" / "part-0.txt").read_text() == "a 1"
    commit(sales, "a", "b")
    assert models(sales) == {"a": "a 2", "b": "b 1"}
    assert (shown / "data" / "part-0.txt").read_text() == "a 2"


def test_a_model_is_not_shown_before_its_ranking_is_there(sales: FitFolder) -> None:
    first = fit(sales.column("a"), "a 1")
    commit(sales, "a")
    sketch = sales.column("a").require("sketch").manifest.content
    model = sales.column("a").publish(text("model", "a 2", {"sketch": sketch})).manifest

    assert commit(sales, "a").generation == 1
    assert models(sales) == {"a": "a 1"}
    sales.column("a").publish(text("feature_rank", "ranks a 2", {"model": model.content}))
    commit(sales, "a")
    assert models(sales) == {"a": "a 2"}
    assert first.content != model.content


def test_a_commit_of_nothing_new_makes_no_generation(sales: FitFolder) -> None:
    fit(sales.column("a"), "a 1")
    assert commit(sales, "a").generation == 1
    fit(sales.column("a"), "a 1")
    sales.column("a").collect((), ())

    assert [commit(sales, "a").generation for _ in range(2)] in ([1, 1], [2, 2])
    assert models(sales) == {"a": "a 1"}


def test_every_generation_can_be_read_by_its_number(sales: FitFolder) -> None:
    for number in (1, 2, 3):
        for name in "ab" if number != 2 else "a":
            fit(sales.column(name), f"{name} {number}")
        commit(sales, "a", "b")

    assert sales.snapshots.generations() == [1, 2, 3]
    assert [models(sales, number) for number in (1, 2, 3, None)] == [
        {"a": "a 1", "b": "b 1"},
        {"a": "a 2", "b": "b 1"},
        {"a": "a 3", "b": "b 3"},
        {"a": "a 3", "b": "b 3"},
    ]
    with pytest.raises(StoreError, match=r"no generation 4\. Choose one of 1, 2, 3"):
        sales.snapshots.get(4)


def test_generations_go_by_number_whatever_the_clock_says(
    sales: FitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(sales.column("a"), "a 1")
    commit(sales, "a")
    for module in ("snapshot_log", "draft"):

        class Earlier(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:  # noqa: ARG003
                return datetime(1999, 1, 1, tzinfo=UTC)

        monkeypatch.setattr(f"gmm_pipeline.store.{module}.datetime", Earlier)
    fit(sales.column("a"), "a 2")
    commit(sales, "a")

    assert models(sales) == {"a": "a 2"}
    assert models(sales, 1) == {"a": "a 1"}


def test_generations_whose_models_are_all_in_the_next_one_are_dropped(sales: FitFolder) -> None:
    for source in "123":
        fit(sales.column("a"), "a 1", source)
        commit(sales, "a")

    assert sales.snapshots.generations() == [3]


def contents(folder: FitFolder, column: str) -> list[str]:
    found = (folder.column(column).path / ".contents").iterdir()
    return sorted(path.name.split("-")[0] for path in found)


def test_what_no_snapshot_needs_is_collected(sales: FitFolder) -> None:
    for number in "123":
        fit(sales.column("a"), f"a {number}", number)
        commit(sales, "a")

    assert contents(sales, "a") == sorted(["raw", "sketch", *["model", "feature_rank"] * 3])
    assert len(list((sales.column("a").path / "manifests").iterdir())) == 8


def test_nothing_is_collected_while_somebody_reads(sales: FitFolder) -> None:
    fit(sales.column("a"), "a 1", "1")
    commit(sales, "a")
    with sales.reading() as view:
        fit(sales.column("a"), "a 2", "2")
        commit(sales, "a")
        assert view.require("a", "raw").file("raw.json").read_text() == "rows of 1"
    commit(sales, "a")

    assert contents(sales, "a").count("raw") == 1


def test_a_reader_that_died_holds_nothing(sales: FitFolder) -> None:
    fit(sales.column("a"), "a 1", "1")
    commit(sales, "a")
    with reading(sales.path):
        pass
    fit(sales.column("a"), "a 2", "2")
    commit(sales, "a")

    assert contents(sales, "a").count("raw") == 1


def test_readers_of_the_whole_table_get_columns_of_one_version_of_the_source(
    sales: FitFolder,
) -> None:
    for name in "ab":
        fit(sales.column(name), f"{name} 1", "monday")
    commit(sales, "a", "b")
    fit(sales.column("a"), "a 2", "tuesday")
    mixed = commit(sales, "a", "b")

    assert not mixed.is_consistent
    assert mixed.columns_by_source() == {"tuesday": ["a"], "monday": ["b"]}
    view = sales.view()
    assert view is not None
    assert view.snapshot.generation == 1
    assert view.require("a", "raw").file("raw.json").read_text() == "rows of monday"
    assert models(sales) == {"a": "a 2", "b": "b 1"}
    fit(sales.column("b"), "b 2", "tuesday")
    commit(sales, "a", "b")
    view = sales.view()
    assert view is not None
    assert view.snapshot.generation == 3


def test_a_snapshot_of_a_newer_version_is_refused_by_name(sales: FitFolder) -> None:
    fit(sales.column("a"), "a 1")
    commit(sales, "a")
    path = sales.path / "snapshots" / "000001.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99', 1))

    with pytest.raises(StoreError, match=r"newer gmm-pipeline wrote .*format 99.* reads up to 1"):
        sales.view()


def test_a_manifest_of_a_newer_version_is_refused_by_name(sales: FitFolder) -> None:
    fit(sales.column("a"), "a 1")
    (path,) = (sales.column("a").path / "manifests").glob("model-*")
    path.write_text(path.read_text().replace('"format": 2', '"format": 99', 1))

    with pytest.raises(StoreError, match=r"newer gmm-pipeline wrote .*format 99"):
        sales.column("a").result("model")


def test_a_manifest_that_names_files_outside_is_not_taken(sales: FitFolder) -> None:
    fit(sales.column("a"), "a 1")
    (path,) = (sales.column("a").path / "manifests").glob("model-*")
    path.write_text(path.read_text().replace("data/part-0.txt", "../../../../etc/passwd"))

    assert sales.column("a").result("model") is None


def test_a_damaged_snapshot_is_named(sales: FitFolder) -> None:
    fit(sales.column("a"), "a 1")
    commit(sales, "a")
    (sales.path / "snapshots" / "000001.json").write_bytes(b"\xff{")

    with pytest.raises(StoreError, match=r"000001\.json is damaged\. Remove the file"):
        sales.view()


def test_a_model_that_is_gone_is_an_error_and_no_missing_column(sales: FitFolder) -> None:
    for name in "ab":
        fit(sales.column(name), name)
    commit(sales, "a", "b")
    sales.column("b").require("model").file("model.json").unlink()

    view = sales.view()
    assert view is not None
    assert view.fitted == ["a", "b"]
    with pytest.raises(StoreError, match=r"'b'.*'model' in generation 1 are missing"):
        view.column_fit("b")


def test_columns_whose_names_differ_in_case_alone_have_folders_of_their_own(
    tmp_path: pathlib.Path,
) -> None:
    folder = FitFolder(tmp_path / "sales")
    fit(folder.column("Price"), "Price")
    # A file system that ignores case finds the one folder under both names.
    (folder.path / "price").symlink_to("Price")
    fit(folder.column("price"), "price")
    commit(folder, "Price", "price")

    assert models(folder) == {"Price": "Price", "price": "price"}
    assert folder.column("price").path.name.startswith("price~~")


@pytest.mark.parametrize("missing", [["symlink_to"], ["symlink_to", "hardlink_to"]])
def test_where_there_are_no_links_the_plain_folders_hold_the_files(
    sales: FitFolder, monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Operation not permitted")

    for name in missing:
        monkeypatch.setattr(pathlib.Path, name, refuse)
    for number in "12":
        fit(sales.column("a"), f"a {number}")
        commit(sales, "a")
    shown = sales.column("a").path / "model"

    assert not shown.is_symlink()
    assert (shown / "data" / "part-0.txt").read_text() == "a 2"
    assert models(sales) == {"a": "a 2"}
    assert models(sales, 1) == {"a": "a 1"}


def test_a_commit_removes_what_killed_processes_left_a_day_ago(sales: FitFolder) -> None:
    fit(sales.column("a"), "a 1")
    places = (sales.path, sales.path / "snapshots", sales.staging, sales.column("a").path)
    left = [place / f".fit.json.{'0' * 32}" for place in places]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
        os.utime(path, (0, 0))
    (now := sales.path / f".fit.json.{'1' * 32}").write_text("half")

    commit(sales, "a")

    assert not any(path.exists() for path in left)
    assert now.exists()


@pytest.mark.parametrize(("name", "generation"), [("sales", None), ("sales@12", 12)])
def test_a_fit_is_named_by_itself_or_with_a_generation(
    sales: FitFolder, name: str, generation: int | None
) -> None:
    found = Store(sales.path.parent).require_fit(name)

    assert (found.path, found.generation) == (sales.path, generation)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sale@12", r"has no fit 'sale'\. Did you mean 'sales'\?"),
        ("sales@monday", r"invalid generation 'monday'\. Write a number, as in sales@12"),
    ],
)
def test_a_name_that_stands_for_no_fit_is_refused(
    sales: FitFolder, name: str, message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        Store(sales.path.parent).require_fit(name)


SAVES, LOADS = 60, 1000


def test_a_load_beside_saves_sees_one_fit_of_all_columns(tmp_path: pathlib.Path) -> None:
    numbers = list(range(40))
    encoders = [
        TableEncoder(columns={"a": {"seed": seed}, "b": {"seed": seed}}).fit(
            pl.DataFrame({"a": numbers, "b": [str(number % (seed + 2)) for number in numbers]})
        )
        for seed in (0, 1)
    ]
    encoders[0].save(tmp_path / "sales")
    ended = threading.Event()

    def save() -> None:
        for number in range(SAVES):
            encoders[number % 2].save(tmp_path / "sales")
        ended.set()

    writer = threading.Thread(target=save)
    writer.start()
    seen: list[tuple[int, ...]] = []
    while not ended.is_set() or len(seen) < LOADS:
        loaded = TableEncoder.load(tmp_path / "sales")
        model, modes = loaded.model("b"), loaded.modes("b")
        assert len(modes) == model.n_modes
        seen.append((loaded.model("a").rules.seed, model.rules.seed, model.n_modes - 2))
    writer.join()

    assert set(seen) == {(0, 0, 0), (1, 1, 1)}
    assert len(seen) >= LOADS

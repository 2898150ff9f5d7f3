import json
from collections.abc import Callable

import polars as pl
import pytest
from workplace import Finished, Workplace

from gmm_pipeline import TableEncoder

NAMES = [
    "../x",
    "a/b",
    ".",
    "..",
    "x" * 300,
    "ünïcödé 漢字 🙂",
    "Case",
    "case",
    ".lock",
    "manifests",
    "a,b[c]{d}*?\\:|e\n",
    "-rf",
]
FRAME = pl.DataFrame({name: [number, None, number + 1] for number, name in enumerate(NAMES)})


@pytest.fixture(scope="module")
def done(new_workplace: Callable[[], Workplace]) -> tuple[Workplace, Finished]:
    workplace = new_workplace()
    (workplace.path / "input").mkdir()
    FRAME.write_parquet(workplace.path / "input" / "t.parquet")
    return workplace, workplace.call("run", "input/t.parquet", "--fit", "t", "--json")


def test_a_run_does_all_of_them(done: tuple[Workplace, Finished]) -> None:
    workplace, run = done

    assert run.status == 0, run.err
    assert [entry["column"] for entry in run.json()["columns"]] == NAMES
    status = workplace.call("status", "--fit", "t", "--json").json()
    assert [entry["column"] for entry in status["columns"]] == NAMES
    assert {
        stage["state"] for entry in status["columns"] for stage in entry["stages"].values()
    } == {"done"}


def test_nothing_is_written_outside_of_the_fit(done: tuple[Workplace, Finished]) -> None:
    workplace, _ = done

    assert {path.name for path in workplace.path.iterdir()} == {"input", "store", "dagster_home"}
    assert [path.name for path in (workplace.path / "input").iterdir()] == ["t.parquet"]
    assert [path.name for path in workplace.store.iterdir()] == ["t"]
    folders = {path.name for path in (workplace.store / "t").iterdir()} - {
        "fit.json",
        "source.json",
        "run.json",
        "snapshots",
        ".lock",
        ".readers",
    }
    assert len(folders) == len(NAMES)
    assert not any(name.startswith((".", "-")) for name in folders)


def test_they_are_decoded_by_the_fit(done: tuple[Workplace, Finished]) -> None:
    workplace, _ = done

    encoder = TableEncoder.load(workplace.store / "t")

    assert encoder.columns == tuple(NAMES)
    assert encoder.inverse_transform(encoder.transform(FRAME)).collect().equals(FRAME)


def test_they_are_exported_wide_and_decoded_from_there(done: tuple[Workplace, Finished]) -> None:
    workplace, _ = done

    assert workplace.call("export", "--fit", "t", "--out", "wide.parquet", "--wide").status == 0
    assert (
        workplace.call("inverse", "wide.parquet", "--fit", "t", "--out", "back.parquet").status == 0
    )

    assert pl.read_parquet(workplace.path / "back.parquet").equals(FRAME)


@pytest.mark.parametrize("name", ["-rf", "a,b[c]{d}*?\\:|e\n", ".."])
def test_their_modes_are_shown(done: tuple[Workplace, Finished], name: str) -> None:
    workplace, _ = done

    shown = workplace.call("show", "--fit", "t", "--json", "--", name)

    assert json.loads(shown.out)["column"] == name
    assert [mode["value"] for mode in json.loads(shown.out)["modes"]].count(None) == 1


@pytest.mark.parametrize("name", ["[/red]", "[red]", "a[0]"])
def test_names_are_printed_as_they_are(workplace: Workplace, name: str) -> None:
    pl.DataFrame({name: [1, 2]}).write_parquet(workplace.path / "t.parquet")
    TableEncoder().fit(workplace.path / "t.parquet").save(workplace.store / "t")

    for command in (
        ["plan", "t.parquet"],
        ["status", "--fit", "t"],
        ["show", "--fit", "t", "--", name],
    ):
        finished = workplace.call(*command)
        assert finished.status == 0
        assert name in finished.out


def test_a_column_may_be_named_like_the_file_of_the_fit(workplace: Workplace) -> None:
    frame = pl.DataFrame({"fit.json": [1, 2], "x": [3, 4]})
    frame.write_parquet(workplace.path / "t.parquet")

    run = workplace.call("run", "t.parquet")

    assert run.status == 0, run.err
    encoder = TableEncoder.load(workplace.store / "t")
    assert encoder.inverse_transform(encoder.transform(frame)).collect().equals(frame)

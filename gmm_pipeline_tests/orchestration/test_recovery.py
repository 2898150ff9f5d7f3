"""What a run does after another: nothing, what is missing or stale, or what failed."""

import json
import os
import pathlib
import re
import shutil
from collections.abc import Callable

import polars as pl
import pytest
from workplace import (
    Workplace,
    flip_a_byte,
    remove_result,
    result_files,
    results,
    states,
)

STAGES = ["raw", "sketch", "model", "feature_rank", "transformed"]
FRAME = pl.DataFrame(
    {
        "amount": [0.1 * (number % 97) ** 2 for number in range(1000)],
        "colour": ["red", "green", None, "blue"] * 250,
    }
)


@pytest.fixture(scope="module")
def pristine(new_workplace: Callable[[], Workplace]) -> Workplace:
    workplace = new_workplace()
    FRAME.write_parquet(workplace.path / "t.parquet")
    run = workplace.call("run", "t.parquet")
    assert run.status == 0, run.err
    return workplace


@pytest.fixture
def source(pristine: Workplace) -> pathlib.Path:
    return pristine.path / "t.parquet"


@pytest.fixture
def done(pristine: Workplace, workplace: Workplace) -> Workplace:
    """A workplace of its own with the results of a run over the source."""
    shutil.copytree(pristine.store, workplace.store, symlinks=True)
    return workplace


def state_of(workplace: Workplace) -> dict[tuple[str, str], str]:
    status = workplace.call("status", "--fit", "t", "--json").json()
    return {
        (entry["column"], stage): facts["state"]
        for entry in status["columns"]
        for stage, facts in entry["stages"].items()
    }


def stages_changed(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]
) -> set[tuple[str, str]]:
    """The columns and stages whose manifests were written anew."""
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {
        (path.split("/")[0], path.split("/")[-1].split("-", 1)[0])
        for path in changed
        if "/manifests/" in path
    }


def test_a_second_run_does_nothing(done: Workplace, source: pathlib.Path) -> None:
    before = states(done.store)

    again = done.call("run", source)

    assert again.status == 0
    assert "nothing was done" in again.err
    assert states(done.store) == before
    assert done.runs() == 0


def test_what_a_killed_run_left_of_a_column_that_is_done_is_removed(
    done: Workplace, source: pathlib.Path
) -> None:
    replaced = done.store / "t" / "amount" / ".drafts" / "raw-killed"
    replaced.mkdir(parents=True)

    again = done.call("run", source)

    assert "nothing was done" in again.err
    assert not replaced.parent.exists()


@pytest.mark.parametrize("stage", STAGES)
def test_a_deleted_result_is_made_again_and_nothing_else(
    done: Workplace, source: pathlib.Path, stage: str
) -> None:
    fit = done.store / "t"
    made, before = results(fit), states(fit)
    remove_result(fit / "amount", stage)
    assert state_of(done)["amount", stage] == "missing"

    assert done.call("run", source).status == 0

    assert results(fit) == made
    assert set(state_of(done).values()) == {"done"}
    assert stages_changed(before, states(fit)) == {("amount", stage)}
    touched = {
        path
        for path, state in states(fit).items()
        if before.get(path) != state and "/manifests/" not in path
    }
    own = f"amount/.contents/{stage}-"
    files = {path for path in touched if path.startswith(own)}
    assert len(files) == len([path for path in made if path.startswith(f"amount/{stage}/")])
    others = {path for path in touched - files if not path.endswith((".lock", ".readers"))}
    assert others <= {"run.json", "amount/results.json", "snapshots/000002.json"}


def test_a_changed_setting_redoes_the_model_of_its_column_and_what_follows(
    done: Workplace, source: pathlib.Path
) -> None:
    before = states(done.store / "t")

    planned = done.call("plan", source, "--set", "amount.max_modes=3", "--json").json()["columns"]
    run = done.call("run", source, "--set", "amount.max_modes=3")

    assert [entry["to_do"] for entry in planned] == [STAGES[2:], []]
    assert "max_modes: 10 → 3" in planned[0]["why"]
    assert run.status == 0
    assert done.runs() == 1
    assert stages_changed(before, states(done.store / "t")) == {
        ("amount", stage) for stage in STAGES[2:]
    }
    model = done.call("show", "amount", "--fit", "t", "--json").json()
    assert len(model["modes"]) <= 3


def test_refit_redoes_everything_and_gets_the_same(done: Workplace, source: pathlib.Path) -> None:
    made, before = results(done.store), states(done.store / "t")

    assert done.call("run", source, "--refit").status == 0

    assert done.runs() == 1
    assert stages_changed(before, states(done.store / "t")) == {
        (column, stage) for column in FRAME.columns for stage in STAGES
    }
    assert results(done.store) == made


def test_refit_makes_damaged_files_whole(done: Workplace, source: pathlib.Path) -> None:
    made = results(done.store)
    for name, path in result_files(done.store).items():
        if not name.endswith("_SUCCESS"):  # those of Spark's format are empty
            flip_a_byte(path)
    assert set(state_of(done).values()) == {"done"}, "what is in files is not looked at"
    export = done.call("export", "--fit", "t", "--out", "out.parquet")
    assert export.status != 0
    assert "`gmm-pipeline run --refit`" in export.err

    assert done.call("run", source, "--refit").status == 0

    assert results(done.store) == made
    assert done.call("export", "--fit", "t", "--out", "out.parquet").status == 0


def test_truncated_files_are_missing_and_made_again(done: Workplace, source: pathlib.Path) -> None:
    made = results(done.store)
    for path in result_files(done.store).values():
        os.truncate(path, path.stat().st_size // 2)
    assert set(state_of(done).values()) == {"missing"}

    assert done.call("run", source).status == 0

    assert results(done.store) == made


def test_another_source_makes_everything_stale(done: Workplace) -> None:
    source = done.path / "t.parquet"
    FRAME.reverse().write_parquet(source)

    status = done.call("plan", source, "--fit", "t", "--json").json()

    assert [entry["to_do"] for entry in status["columns"]] == [STAGES, STAGES]
    assert "source changed" in status["columns"][0]["why"]


def with_trouble(folder: pathlib.Path, *, repaired: bool = False) -> pathlib.Path:
    """A table with a good column and two that fail, one before its copy is made and one after."""
    frame = pl.DataFrame(
        {
            "when": [1, 2, 3] if repaired else [[1], [2], [3]],
            "id": pl.Series([1, 2, 3 if repaired else 2**63], dtype=pl.UInt64),
            "good": [1.5, 2.5, None],
        }
    )
    frame.write_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def test_a_failing_column_fails_alone_and_says_why(workplace: Workplace) -> None:
    source = with_trouble(workplace.path)

    run = workplace.call("run", source, "--json")

    assert run.status == 1
    errors = {entry["column"]: entry.get("error") for entry in run.json()["columns"]}
    assert errors["good"] is None
    assert re.search(r"column 'when': type .*list<.*> cannot be encoded", errors["when"])
    assert "column 'id': numbers beyond those of int64 cannot be encoded (1 row)" in errors["id"]
    for column in ("when", "id"):
        assert errors[column] in run.err
    state = state_of(workplace)
    assert [state["good", stage] for stage in STAGES] == ["done"] * 5
    assert [state["when", stage] for stage in STAGES] == ["failed"] + ["missing"] * 4
    assert [state["id", stage] for stage in STAGES] == ["done", "failed"] + ["missing"] * 3
    status = workplace.call("status", "--fit", "t", "--json").json()
    reasons = {
        entry["column"]: [stage["reason"] for stage in entry["stages"].values()]
        for entry in status["columns"]
    }
    assert re.search(r"type .*list<.*> cannot be encoded", reasons["when"][0])
    assert "numbers beyond those of int64" in reasons["id"][1]


def test_what_failed_is_done_alone_once_its_settings_allow_it(workplace: Workplace) -> None:
    source = with_trouble(workplace.path)
    patterns = "--columns=!when"
    assert workplace.call("run", source, patterns).status == 1
    before = states(workplace.store / "t")
    runs = workplace.runs()

    again = workplace.call("run", source, patterns, "--set", "id.kind=categorical")

    assert again.status == 0, again.err
    assert workplace.runs() == runs + 1
    assert {column for column, _ in stages_changed(before, states(workplace.store / "t"))} == {"id"}
    assert set(state_of(workplace).values()) == {"done"}
    assert not list(workplace.store.rglob("failure.json"))


def test_a_repaired_source_completes_what_failed_and_keeps_the_other_results(
    workplace: Workplace,
) -> None:
    source = with_trouble(workplace.path)
    assert workplace.call("run", source).status == 1
    before = states(workplace.store / "t" / "good")

    with_trouble(workplace.path, repaired=True)
    again = workplace.call("run", source)

    assert again.status == 0, again.err
    assert set(state_of(workplace).values()) == {"done"}
    after = states(workplace.store / "t" / "good")
    # What the copy was last compared with is all that there is to write down.
    changed = {path for path in after if after[path] != before.get(path)}
    assert {path.split("-")[0] for path in changed} - {".lock"} == {"manifests/raw", "results.json"}


def test_an_unsupported_column_can_be_left_out(workplace: Workplace) -> None:
    source = with_trouble(workplace.path)

    run = workplace.call("run", source, "--columns", "!when,!id", "--json")

    assert run.status == 0
    assert [entry["column"] for entry in json.loads(run.out)["columns"]] == ["good"]


def test_a_run_that_meets_another_one_fails_without_harm(
    done: Workplace, source: pathlib.Path
) -> None:
    from filelock import FileLock

    before = results(done.store)
    with FileLock(done.store / "t" / "amount" / ".lock"):
        run = done.call("run", source, "--set", "max_modes=4")

    assert run.status == 1
    assert "another run is writing" in run.err
    assert {path: digest for path, digest in results(done.store).items() if "/amount/" in path} == {
        path: digest for path, digest in before.items() if "/amount/" in path
    }
    assert done.call("run", source, "--set", "max_modes=4").status == 0
    assert set(state_of(done).values()) == {"done"}

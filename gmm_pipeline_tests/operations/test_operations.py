"""What is done every day, with the real webserver and daemon: in the web UI, by commands, and
without a hand.
"""

import os
import pathlib
import shutil
import signal
import time
from dataclasses import dataclass

import polars as pl
import pytest
import yaml
from browser import Browser
from machine_processes import commands
from playwright.sync_api import expect
from running_dagster import MODULE, Run, RunningDagster, wait_for
from workplace import results, states

from gmm_pipeline.fits.spec import load_spec
from gmm_pipeline.orchestration.assets import job_name
from gmm_pipeline.orchestration.columns_job import columns_job_name
from gmm_pipeline.store.names import encode_key, encode_name
from gmm_pipeline.store.store import Store

FOLDERS = ["raw", "sketch", "model", "feature_rank", "transformed"]
SOUND = ("one", "two")
PATIENCE = 180_000.0
"""Milliseconds."""


@dataclass(frozen=True)
class Backfilled:
    """The runs that two backfills ended with: of the button of the web UI, and of the command."""

    of_ui: tuple[Run, ...]
    of_command: tuple[Run, ...]


@pytest.fixture(scope="module")
def backfilled(running_dagster: RunningDagster, hostile_names: tuple[str, ...]) -> Backfilled:
    """Backfill all columns of two fits at the same time, and wait for the last run to end."""
    keys = [encode_key(name) for name in hostile_names]
    backfill = running_dagster.backfill("repaired", [*SOUND, "broken"])
    job = ("-m", MODULE, "-j", job_name("named"))
    submitted = running_dagster.call(
        "dagster", "job", "backfill", *job, "--partitions", ",".join(keys), "--noprompt"
    )
    assert submitted.status == 0, submitted.err

    def found() -> Backfilled:
        of_command = [run for key in keys for run in running_dagster.runs_of(partition=key)]
        return Backfilled(tuple(running_dagster.runs_of(backfill=backfill)), tuple(of_command))

    def are_ended() -> bool:
        now = found()
        complete = len(now.of_ui) == len(SOUND) + 1 and len(now.of_command) == len(keys)
        return complete and all(run.is_ended for run in (*now.of_ui, *now.of_command))

    wait_for(are_ended, "the backfills to end")
    return found()


def made(dagster: RunningDagster, fit: str, column: str) -> list[str]:
    """Name the stages of a column whose results are there and whole."""
    folder = Store(dagster.store).fit(fit).column(column)
    return [stage for stage in FOLDERS if folder.result(stage) is not None]


def drafts(dagster: RunningDagster, fit: str, column: str) -> list[pathlib.Path]:
    return list((dagster.store / fit / encode_name(column)).glob(".drafts/*/*"))


def test_a_column_that_cannot_be_processed_fails_alone_and_is_repaired_alone(
    running_dagster: RunningDagster, backfilled: Backfilled
) -> None:
    runs = {run.partition: run for run in backfilled.of_ui}
    assert {key: run.status for key, run in runs.items()} == {
        **dict.fromkeys(SOUND, "SUCCESS"),
        "broken": "FAILURE",
    }
    assert "'broken'" in running_dagster.told(runs["broken"].run_id)
    assert all(made(running_dagster, "repaired", column) == FOLDERS for column in SOUND)
    assert made(running_dagster, "repaired", "broken") == []
    others = [running_dagster.store / "repaired" / column for column in SOUND]
    before = [(results(folder), states(folder)) for folder in others]

    source = running_dagster.folder / "repaired.parquet"
    pl.read_parquet(source).with_columns(pl.col("broken").list.first()).write_parquet(source)
    again = running_dagster.ended(running_dagster.reexecute(runs["broken"].run_id))

    assert again.status == "SUCCESS", running_dagster.told(again.run_id)
    assert again.tags["dagster/parent_run_id"] == runs["broken"].run_id
    assert made(running_dagster, "repaired", "broken") == FOLDERS
    assert [(results(folder), states(folder)) for folder in others] == before


def test_backfills_never_have_more_runs_at_once_than_the_instance_allows(
    running_dagster: RunningDagster, backfilled: Backfilled
) -> None:
    config = yaml.safe_load((running_dagster.store / ".dagster" / "dagster.yaml").read_text())
    bound = config["concurrency"]["runs"]["max_concurrent_runs"]

    runs = [*backfilled.of_ui, *backfilled.of_command]
    spans = [
        (run.started, run.ended)
        for run in runs
        if run.started is not None and run.ended is not None
    ]
    assert len(spans) == len(runs) > bound
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) <= bound


def test_columns_of_any_name_are_backfilled_by_the_documented_command(
    running_dagster: RunningDagster, backfilled: Backfilled, hostile_names: tuple[str, ...]
) -> None:
    assert [run.status for run in backfilled.of_command] == ["SUCCESS"] * len(hostile_names)
    assert all("dagster/backfill" in run.tags for run in backfilled.of_command)
    assert running_dagster.partitions("named") == [encode_key(name) for name in hostile_names]
    assert all(made(running_dagster, "named", name) == FOLDERS for name in hostile_names)


@pytest.mark.usefixtures("backfilled")
def test_a_column_of_any_name_is_launched_by_the_documented_command(
    running_dagster: RunningDagster, hostile_names: tuple[str, ...]
) -> None:
    key = encode_key(hostile_names[0])
    before = len(running_dagster.runs_of(partition=key))

    launched = running_dagster.call(
        "dg", "launch", "--assets", "key:named/raw", "--partition", key, "-m", MODULE
    )

    assert launched.status == 0, launched.err + launched.out
    latest, *earlier = running_dagster.runs_of(partition=key)
    assert latest.status == "SUCCESS"
    assert len(earlier) == before


@pytest.mark.usefixtures("backfilled")
def test_a_column_of_any_name_is_materialised_from_the_ui(
    running_dagster: RunningDagster, hostile_names: tuple[str, ...]
) -> None:
    run = running_dagster.ended(running_dagster.launch("named", hostile_names[-1]))

    assert run.status == "SUCCESS", running_dagster.told(run.run_id)
    assert run.partition == encode_key(hostile_names[-1])


@pytest.mark.usefixtures("backfilled")
def test_each_run_of_a_backfill_on_spark_has_one_session_which_ends_with_it_and_so_does_its_jvm(
    running_dagster: RunningDagster,
) -> None:
    name = str(
        load_spec(Store(running_dagster.store).fit("sparked")).spark_config["spark.app.name"]
    )

    def jvms() -> list[str]:
        return [command for command in commands().values() if name in command and "java" in command]

    backfill = running_dagster.backfill("sparked", ["one", "two"])
    wait_for(lambda: bool(jvms()), "a JVM to start")

    def runs() -> list[Run]:
        return running_dagster.runs_of(backfill=backfill)

    wait_for(lambda: len(runs()) == 2 and all(run.is_ended for run in runs()), "the runs to end")
    assert {run.partition: run.status for run in runs()} == {"one": "SUCCESS", "two": "SUCCESS"}
    assert all(made(running_dagster, "sparked", column) == FOLDERS for column in ("one", "two"))
    wait_for(lambda: not jvms(), "the JVMs to end")
    sessions = [
        path.name
        for path in (running_dagster.folder / "sessions").iterdir()
        if path.name.startswith("local-")
    ]
    assert len(sessions) == len(runs())
    assert not [session for session in sessions if session.endswith(".inprogress")]


def test_a_run_that_is_killed_is_told_of_and_run_again_and_meanwhile_another_of_its_column_is_turned_away(
    running_dagster: RunningDagster,
) -> None:
    left: list[pathlib.Path] = []

    def process_that_drafts(run_id: str) -> int:
        wait_for(
            lambda: bool(set(drafts(running_dagster, "heavy", "contested")) - set(left)),
            f"a draft of {run_id}",
        )
        return running_dagster.process_of(run_id)

    killed = running_dagster.launch("heavy", "contested")
    os.kill(process_that_drafts(killed), signal.SIGKILL)

    assert running_dagster.ended(killed).status == "FAILURE"
    assert made(running_dagster, "heavy", "contested") != FOLDERS

    left += drafts(running_dagster, "heavy", "contested")
    again = running_dagster.reexecute(killed)
    process = process_that_drafts(again)
    os.kill(process, signal.SIGSTOP)
    try:
        other = running_dagster.ended(running_dagster.launch("heavy", "contested"))
    finally:
        os.kill(process, signal.SIGCONT)

    assert other.status == "FAILURE"
    assert "another run is writing" in running_dagster.told(other.run_id)
    assert running_dagster.ended(again).status == "SUCCESS", running_dagster.told(again)
    assert made(running_dagster, "heavy", "contested") == FOLDERS
    assert not drafts(running_dagster, "heavy", "contested")


@pytest.mark.usefixtures("backfilled")
def test_a_dropped_file_is_encoded_without_a_hand_once_it_is_whole(
    running_dagster: RunningDagster, hostile_names: tuple[str, ...]
) -> None:
    fit, folder = Store(running_dagster.store).fit("incoming"), running_dagster.folder / "incoming"
    whole = running_dagster.folder / "whole.parquet"
    pl.DataFrame({name: [0, 1, 2] * 10 for name in hostile_names}).write_parquet(whole)
    keys = {encode_key(name) for name in hostile_names}

    def seen(what: str) -> bool:
        return any(
            what in (tick["skipReason"] or "") for tick in running_dagster.ticks("incoming")[:1]
        )

    def rows() -> set[int]:
        copies = [fit.column(name).result("transformed") for name in hostile_names]
        return {0 if copy is None else copy.manifest.rows for copy in copies}

    wait_for(lambda: seen("does not exist"), "a look at a source that is not there")
    folder.mkdir()
    (folder / "1.parquet").write_bytes(whole.read_bytes()[:-1])
    wait_for(lambda: seen("1.parquet is still being written"), "a look at half a file")
    assert not running_dagster.runs(pipelineName=columns_job_name("incoming"))
    shutil.copy(whole, folder / "1.parquet")
    wait_for(lambda: rows() == {30}, "all columns to be encoded")
    assert set(running_dagster.partitions("incoming")) == keys
    (run,) = running_dagster.runs(pipelineName=columns_job_name("incoming"))
    assert running_dagster.ended(run.run_id).status == "SUCCESS", running_dagster.told(run.run_id)

    wait_for(lambda: seen("nothing is new"), "a look that finds nothing new")
    shutil.copy(whole, folder / "1.parquet")
    copied = time.time()
    wait_for(
        lambda: running_dagster.ticks("incoming")[0]["timestamp"] > copied,
        "a look at the same file",
    )
    assert seen("nothing is new")
    assert len(running_dagster.runs(pipelineName=columns_job_name("incoming"))) == 1

    pl.read_parquet(whole).head(3).write_parquet(folder / "0.parquet")
    wait_for(lambda: rows() == {33}, "the added rows to be encoded")
    for name in hostile_names:
        decisions = fit.column(name).require("model").manifest.summary["decision"]
        assert str(decisions).startswith("kept: drift")
    added, _ = running_dagster.runs(pipelineName=columns_job_name("incoming"))
    assert added.tags["gmm_pipeline/because"] == "raw stale: files were added to the source"


def test_a_column_of_the_demo_is_materialised_by_clicks_and_its_picture_is_seen(
    running_dagster: RunningDagster, browser: Browser
) -> None:
    with browser.visit() as visit:
        page = visit.page
        page.set_default_timeout(PATIENCE)
        page.goto(f"{running_dagster.url}/locations/{MODULE}/jobs/flights_job")
        page.get_by_role("button", name="Materialize all").click()
        page.get_by_text("Select a partition").click()
        page.keyboard.type("arr_delay")
        page.get_by_role("menuitem", name="arr_delay").click()
        page.get_by_text("Launch runs to materialize").click()  # which closes the list
        visit.screenshot("ui-1-launch")
        page.get_by_role("button", name="Launch 1 run").click()
        page.get_by_role("link", name="View", exact=True).click()

        expect(page.get_by_text("RUN_SUCCESS")).to_be_visible(timeout=PATIENCE)
        visit.screenshot("ui-2-run")

        page.goto(
            f"{running_dagster.url}/assets/flights/gmm_model?view=partitions&partition=arr_delay"
        )
        expect(page.get_by_text("Materialized", exact=True)).to_be_visible(timeout=PATIENCE)
        visit.screenshot("ui-3-column")
        page.get_by_role("row", name="picture").get_by_text("Show Markdown").click()
        picture = page.locator("img[src^='data:image/']")
        expect(picture).to_be_visible(timeout=PATIENCE)
        visit.screenshot("ui-4-picture")

        assert picture.evaluate("image => image.complete && image.naturalWidth") > 0
        assert visit.errors == []
    assert results(running_dagster.store / "flights" / "arr_delay")

"""Dagster's history, as the instance that we write ourselves keeps it."""

import os
import pathlib
import sqlite3
import subprocess
import sys
import threading

import dagster as dg
import pytest
from gmm_pipeline.orchestration.history import EventHistory, RunHistory

from gmm_pipeline.orchestration.instance import open_instance

KEY = dg.AssetKey(["t", "raw"])
REPORT = """
import sys
import dagster as dg
instance = dg.DagsterInstance.get()
for number in range(int(sys.argv[1])):
    instance.report_runless_asset_event(dg.AssetMaterialization(dg.AssetKey(["t", "raw"]), partition=sys.argv[2]))
"""


@dg.op
def say_hello(context: dg.OpExecutionContext) -> None:
    context.log.info("hello")


@dg.job
def greeting() -> None:
    say_hello()


@pytest.fixture
def instance(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> "dg.DagsterInstance":
    monkeypatch.setenv("DAGSTER_HOME", "")
    with open_instance(tmp_path / "store") as instance:
        yield instance


def test_runs_of_one_instance_are_found_by_the_next(instance: dg.DagsterInstance) -> None:
    done = [greeting.execute_in_process(instance=instance).run_id for _ in range(2)]

    with dg.DagsterInstance.get() as later:
        assert {run.run_id for run in later.get_runs()} == set(done)
        assert all(run.is_success for run in later.get_runs())
        told = [
            [entry.user_message for entry in later.all_logs(run_id)].count("hello")
            for run_id in done
        ]
    assert told == [1, 1]


def test_both_storages_keep_their_connections(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, EventHistory)
    assert isinstance(instance.run_storage, RunHistory)


def test_all_runs_are_kept_in_two_files_with_a_write_ahead_log(
    instance: dg.DagsterInstance,
) -> None:
    for _ in range(2):
        greeting.execute_in_process(instance=instance)

    home = pathlib.Path(os.environ["DAGSTER_HOME"])
    kept = sorted(
        path.relative_to(home).as_posix()
        for path in home.rglob("*.db")
        if path.parent.name != "schedules"
    )
    assert kept == ["event_log.db", "runs.db"]
    for name in kept:
        with sqlite3.connect(home / name) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


def test_processes_that_write_at_once_lose_nothing(instance: dg.DagsterInstance) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", REPORT, "20", name]) for name in ("a", "b")
    ]
    for number in range(20):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(KEY, partition=f"c{number % 2}")
        )
    assert [process.wait() for process in processes] == [0, 0]

    records = instance.fetch_materializations(KEY, limit=100).records
    assert len(records) == 60
    assert {record.partition_key for record in records} == {"a", "b", "c0", "c1"}


def test_who_watches_a_run_is_told_of_events_of_other_processes(
    instance: dg.DagsterInstance,
) -> None:
    heard = threading.Event()
    instance.watch_event_logs("", None, lambda *_: heard.set())

    with subprocess.Popen([sys.executable, "-c", REPORT, "1", "a"]) as process:
        assert process.wait() == 0

    assert heard.wait(60)

"""Dagster's history, as the instance that we write ourselves keeps it."""

import os
import pathlib
import subprocess
import sys
import threading

import dagster as dg
import pytest
import yaml

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


def test_the_history_is_in_dagsters_own_storage(instance: dg.DagsterInstance) -> None:
    greeting.execute_in_process(instance=instance)

    storages = [instance.event_log_storage, instance.run_storage, instance.schedule_storage]
    assert {type(storage).__module__.split(".")[0] for storage in storages} == {"dagster"}
    home = pathlib.Path(os.environ["DAGSTER_HOME"])
    assert (home / "history" / "runs.db").exists()
    assert "gmm_pipeline" not in yaml.safe_dump(yaml.safe_load((home / "dagster.yaml").read_text()))


EARLIER = """\
# Written by gmm-pipeline, once; change what does not suit your machine.
concurrency:
  runs:
    max_concurrent_runs: 7
run_launcher:
  module: {launcher}
event_log_storage:
  module: {events}
  config: {{base_dir: {{env: DAGSTER_HOME}}}}
run_storage:
  module: {runs}
  config: {{base_dir: {{env: DAGSTER_HOME}}}}
"""
THEIRS = {
    "launcher": "dagster\n  class: DefaultRunLauncher",
    "events": "dagster._core.storage.event_log\n  class: ConsolidatedSqliteEventLogStorage",
    "runs": "dagster._core.storage.runs\n  class: SqliteRunStorage",
}
OURS = {
    "launcher": "gmm_pipeline.orchestration.run_launcher\n  class: LocalRunLauncher",
    "events": "gmm_pipeline.orchestration.history\n  class: EventHistory",
    "runs": "gmm_pipeline.orchestration.history\n  class: RunHistory",
}


def test_an_instance_that_an_earlier_version_wrote_opens_with_its_history(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "store" / ".dagster"
    home.mkdir(parents=True)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    # The classes of earlier versions derived from these, and kept the same files.
    (home / "dagster.yaml").write_text(EARLIER.format(**THEIRS))
    with dg.DagsterInstance.get() as before:
        done = greeting.execute_in_process(instance=before).run_id
        before.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="a"))
        before.add_dynamic_partitions("t_columns", ["a"])
    written = EARLIER.format(**OURS)
    (home / "dagster.yaml").write_text(written)

    for _ in range(2):
        with open_instance(tmp_path / "store") as now:
            assert [run.run_id for run in now.get_runs()] == [done]
            assert now.get_materialized_partitions(KEY) == {"a"}
            assert now.get_dynamic_partitions("t_columns") == ["a"]
            queue = now.get_concurrency_config().run_queue_config
            assert queue is not None
            assert queue.max_concurrent_runs == 7
            greeting.execute_in_process(instance=now)
            assert now.get_runs_count() == 2
            now.delete_run(now.get_runs(limit=1)[0].run_id)
    assert (home / "dagster.yaml.old").read_text() == written
    assert capsys.readouterr().err.count("moved to Dagster's own storage") == 1


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

"""The Dagster instance of a store: how many runs at once, and runs whose process has died."""

import os
import pathlib
import subprocess
import sys
import time

import dagster as dg
import pytest
from gmm_pipeline.orchestration.run_launcher import LocalRunLauncher, Worker

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.orchestration.instance import open_instance, prepare_home

GIGABYTE = 1 << 30


@pytest.fixture
def instance(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> "dg.DagsterInstance":
    monkeypatch.setenv("DAGSTER_HOME", "")
    with open_instance(tmp_path / "store") as instance:
        yield instance


def test_the_instance_of_a_store_bounds_runs_and_watches_them(instance: dg.DagsterInstance) -> None:
    queue = instance.get_concurrency_config().run_queue_config

    assert 1 <= queue.max_concurrent_runs <= (os.cpu_count() or 1) // 2 + 1
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_poll_interval_seconds == 10
    assert isinstance(instance.run_launcher, LocalRunLauncher)
    assert instance.run_launcher.supports_check_run_worker_health
    assert not instance.run_retries_enabled
    assert not instance.telemetry_enabled


def test_what_is_set_by_hand_is_left_alone(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    config = prepare_home(tmp_path) / "dagster.yaml"
    config.write_text("telemetry: {enabled: true}\n")

    assert prepare_home(tmp_path) == tmp_path / ".dagster"
    assert config.read_text() == "telemetry: {enabled: true}\n"


def test_an_instance_of_ones_own_is_used_as_it_is(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    assert prepare_home(tmp_path / "store") == tmp_path
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("home", ["relative", "/no/such/folder"])
def test_a_home_that_is_no_folder_is_told(
    home: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", home)

    with pytest.raises(SettingsError, match=rf"DAGSTER_HOME is {home}, .* unset the variable"):
        open_instance(tmp_path / "store")


def test_a_home_that_cannot_be_used_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "history").touch()

    with pytest.raises(SettingsError, match=r"cannot be used: .*history.* DAGSTER_HOME to another"):
        open_instance(tmp_path / "store")


OPENS = """
import pathlib, sys
import dagster as dg
from gmm_pipeline.orchestration.instance import open_instance
print("ready", flush=True)
sys.stdin.read()
with open_instance(pathlib.Path("store")) as instance:
    instance.add_dynamic_partitions("t_columns", sys.argv[1:])
"""


def test_processes_may_open_a_new_instance_at_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")

    def start(column: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", OPENS, column]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    with start("a") as first, start("b") as second, start("c") as third:
        processes = (first, second, third)
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
        for process in processes:
            process.stdin.close()
        errors = [process.stderr.read() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors

    with open_instance(tmp_path / "store") as instance:
        assert set(instance.get_dynamic_partitions("t_columns")) == {"a", "b", "c"}


def test_a_process_is_known_by_its_number_and_its_start() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        worker = Worker(process.pid, time.time())
        before_it_started = Worker(process.pid, time.time() - 3600)
        assert worker.is_running()
        assert not before_it_started.is_running()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not worker.is_running(), "a zombie does not run"
    assert not worker.is_running()


KILLED = """
import os, pathlib, sys
import dagster as dg
from gmm_pipeline.orchestration.instance import open_instance

@dg.op
def dies():
    os.kill(os.getpid(), 9)

@dg.op
def waits():
    open("waiting", "w").close()
    input()

@dg.job(executor_def=dg.in_process_executor)
def killed():
    dies()

@dg.job(executor_def=dg.in_process_executor)
def waiting():
    waits()

{"killed": killed, "waiting": waiting}[sys.argv[1]].execute_in_process(instance=open_instance(pathlib.Path("store")))
"""


def test_a_run_of_the_command_line_that_was_killed_is_known_to_be_gone(
    tmp_path: pathlib.Path, instance: dg.DagsterInstance
) -> None:
    def start(job: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-c", KILLED, job], cwd=tmp_path, stdin=subprocess.PIPE
        )

    with start("killed") as killed, start("waiting") as waiting:
        assert killed.wait() == -9
        while not (tmp_path / "waiting").exists():
            assert waiting.poll() is None
            time.sleep(0.05)
        by_job = {run.job_name: run for run in instance.get_runs()}
        assert {run.status for run in by_job.values()} == {dg.DagsterRunStatus.STARTED}
        health = {
            name: instance.run_launcher.check_run_worker_health(run) for name, run in by_job.items()
        }
        waiting.communicate(b"\n")

    assert health["waiting"].status.value == "RUNNING"
    assert health["killed"].status.value == "NOT_FOUND"
    assert str(killed.pid) in health["killed"].msg

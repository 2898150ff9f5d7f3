"""The Dagster instance of a store: how many runs at once, and runs whose process died."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import dagster as dg
import polars as pl
import psutil
import pytest
from workplace import Workplace

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.orchestration.instance import open_instance, prepare_home
from gmm_pipeline.orchestration.lost_runs import PROCESS_TAG, process_tag, report_lost_runs

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
    assert type(instance.run_launcher) is dg.DefaultRunLauncher
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 0, "a run's tag says how often it is retried"
    assert not instance.run_retries_retry_on_asset_or_op_failure
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


def test_a_home_whose_path_is_a_glob_is_refused_as_dagster_would_not_read_its_settings(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")

    with pytest.raises(SettingsError, match=r"for a glob.*\[1\]/store.* Give a --store"):
        open_instance(tmp_path / "data[1]" / "store")

    assert not list(tmp_path.iterdir())


def test_a_home_that_cannot_be_used_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "history").touch()

    with pytest.raises(SettingsError, match=r"cannot be used: .*history.* DAGSTER_HOME to another"):
        open_instance(tmp_path / "store")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "run_storage: {module: no_such_module, class: Storage}",
            r"cannot be used: No module named 'no_such_module'.*gmm-pipeline\[postgres\]",
        ),
        ("run_storage: {no_such_key: 1}", r"cannot be used: .*no_such_key.*correct that"),
    ],
)
def test_a_file_of_settings_that_names_what_is_not_there_is_told(
    settings: str, message: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(settings)

    with pytest.raises(SettingsError, match=message):
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


KILLED = """
import os, pathlib, sys
import dagster as dg
from gmm_pipeline.orchestration.instance import open_instance
from gmm_pipeline.orchestration.lost_runs import tag_with_process

@dg.op
def dies(context):
    tag_with_process(context.instance, context.run)
    os.kill(os.getpid(), 9)

@dg.op
def waits(context):
    tag_with_process(context.instance, context.run)
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


def test_a_run_whose_process_was_killed_is_reported_as_failed(
    tmp_path: pathlib.Path, instance: dg.DagsterInstance
) -> None:
    def start(job: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-c", KILLED, job], cwd=tmp_path, stdin=subprocess.PIPE
        )

    def by_job() -> dict[str, dg.DagsterRunStatus]:
        return {run.job_name: run.status for run in instance.get_runs()}

    with start("killed") as killed, start("waiting") as waiting:
        assert killed.wait() == -9
        while not (tmp_path / "waiting").exists():
            assert waiting.poll() is None
            time.sleep(0.05)
        assert set(by_job().values()) == {dg.DagsterRunStatus.STARTED}
        (message,) = report_lost_runs(instance)
        now = by_job()
        waiting.communicate(b"\n")

    assert str(killed.pid) in message
    assert now == {
        "killed": dg.DagsterRunStatus.FAILURE,
        "waiting": dg.DagsterRunStatus.STARTED,
    }
    assert report_lost_runs(instance) == []


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job
def idle() -> None:
    nothing()


def test_a_run_of_another_machine_or_container_is_not_judged_but_told(
    instance: dg.DagsterInstance,
) -> None:
    _, host, pid, started, namespace = json.loads(process_tag("a run")[PROCESS_TAG])
    for place in (("elsewhere", namespace), (host, "pid:[1]")):
        run = instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED)
        tag = json.dumps([run.run_id, place[0], pid, started - 3600, place[1]])
        instance.add_run_tags(run.run_id, {PROCESS_TAG: tag})

        (message,) = report_lost_runs(instance)

        assert f"process {pid} of {place[0]}, which cannot be seen from here" in message
        assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTED
        instance.delete_run(run.run_id)


def test_a_live_run_in_its_own_process_namespace_goes_on(
    tmp_path: pathlib.Path, instance: dg.DagsterInstance
) -> None:
    isolate = ["unshare", "--pid", "--fork", "--mount-proc"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*isolate, "true"], check=False).returncode
    ):
        pytest.skip("`unshare --pid` needs Linux and root, as in CI: run the tests as root")
    with subprocess.Popen(
        [*isolate, sys.executable, "-c", KILLED, "waiting"], cwd=tmp_path, stdin=subprocess.PIPE
    ) as waiting:
        while not (tmp_path / "waiting").exists():
            assert waiting.poll() is None
            time.sleep(0.05)
        (message,) = report_lost_runs(instance)
        waiting.communicate(b"\n")

    assert "cannot be seen from here" in message
    (run,) = instance.get_runs()
    assert run.is_success


def lost(instance: dg.DagsterInstance, *process: object, run_id: str | None = None) -> bool:
    """Whether a run of a process, given by host, number and start, is taken for lost."""
    run = instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED)
    tag = json.dumps([run_id or run.run_id, *process])
    instance.add_run_tags(run.run_id, {PROCESS_TAG: tag})
    messages = report_lost_runs(instance)
    instance.delete_run(run.run_id)
    return bool(messages)


def test_a_process_is_known_by_its_machine_its_number_and_its_start(
    instance: dg.DagsterInstance,
) -> None:
    run_id, host, pid, started, namespace = json.loads(process_tag("a run")[PROCESS_TAG])

    assert (run_id, pid) == ("a run", os.getpid())
    assert not lost(instance, host, pid, started)
    assert lost(instance, host, pid, started - 3600, namespace), "another process has its number"
    assert lost(instance, host, pid, started - 3600), "as earlier versions wrote it"
    assert not lost(instance, host, pid, started - 3600, run_id="executed again, with old tags")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        there = psutil.Process(process.pid).create_time()
        assert not lost(instance, host, process.pid, there)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert lost(instance, host, process.pid, there), "a zombie does not run"
    assert lost(instance, host, process.pid, there)


@pytest.mark.parametrize(
    "name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"]
)
@pytest.mark.parametrize("content", ["empty", "tables without an end", "damaged"])
def test_a_database_that_was_never_finished_is_made_again(
    name: str,
    content: str,
    tmp_path: pathlib.Path,
    instance: dg.DagsterInstance,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = pathlib.Path(instance.root_directory)
    database = home / name
    instance.dispose()
    if content == "tables without an end":
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("DELETE FROM alembic_version")
            connection.commit()
    else:
        for file in database.parent.glob(f"{database.name}-*"):
            file.unlink()
        database.write_bytes(b"" if content == "empty" else database.read_bytes()[:5000])

    with open_instance(tmp_path / "store") as opened:
        opened.add_dynamic_partitions("t_columns", ["a"])
        assert idle.execute_in_process(instance=opened).success
        assert opened.get_dynamic_partitions("t_columns") == ["a"]
    err = capsys.readouterr().err
    assert str(database) in err
    assert "made again" in err or f"{database.name}.damaged" in err
    with open_instance(tmp_path / "store"):
        pass
    assert "database" not in capsys.readouterr().err


def test_a_history_of_an_earlier_dagster_without_marks_is_kept(
    tmp_path: pathlib.Path, instance: dg.DagsterInstance
) -> None:
    run = idle.execute_in_process(instance=instance).run_id
    instance.dispose()
    with closing(sqlite3.connect(pathlib.Path(instance.root_directory, "history/runs.db"))) as db:
        db.execute("DELETE FROM alembic_version")
        db.commit()

    with open_instance(tmp_path / "store") as opened:
        assert [each.run_id for each in opened.get_runs()] == [run]


HOLDS = """
import pathlib, sys
from filelock import FileLock
with FileLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_waits_for_a_stopped_process_hears_of_it(
    tmp_path: pathlib.Path, instance: dg.DagsterInstance
) -> None:
    lock = pathlib.Path(instance.root_directory, ".lock")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, lock], stdin=pipe, stdout=pipe, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        with subprocess.Popen(
            [sys.executable, "-c", OPENS, "a"], cwd=tmp_path, stdin=pipe, stderr=pipe, text=True
        ) as waiting:
            waiting.stdin.close()
            told = waiting.stderr.readline()
            holder.send_signal(signal.SIGCONT)
            holder.communicate("")
            assert waiting.wait() == 0

    assert f"Waiting for the lock {lock}" in told
    assert f"process {holder.pid}" in told
    assert "stopped" in told


def test_a_launcher_that_cannot_see_runs_of_commands_is_told(
    workplace: Workplace,
) -> None:
    pl.DataFrame({"x": [1, 2, 3]}).write_parquet(workplace.path / "t.parquet")
    settings = workplace.dagster_home / "dagster.yaml"
    assert "cannot see" not in workplace.call("run", "t.parquet").err
    settings.write_text(
        "run_launcher: {module: dagster_docker, class: DockerRunLauncher, config: {image: any}}\n"
        "run_monitoring: {enabled: true}\n"
    )

    done = workplace.call("run", "t.parquet", "--refit")

    assert done.status == 0, done.err
    assert "DockerRunLauncher cannot see runs of this command" in done.err

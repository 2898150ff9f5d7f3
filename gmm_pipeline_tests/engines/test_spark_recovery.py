"""What becomes of a run on a real cluster when a part of it is killed, and what a run leaves behind."""

import contextlib
import os
import pathlib
import signal
import time
import uuid
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl
import pytest
from clusters import commands, family, running_cluster
from workplace import Workplace, results

from gmm_pipeline.engines.spark.cluster import Cluster, resources
from gmm_pipeline.storage.column_folder import ColumnFolder

# Parts (2**22 rows each) enough that a worker can be killed between the first and the last.
ROWS = 22_000_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster") / "cluster") as started:
        yield started


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("source") / "t.parquet"
    pl.DataFrame({"x": np.random.default_rng(0).standard_t(3, ROWS).astype(np.float32)}).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def undisturbed(new_workplace: Callable[[], Workplace], source: pathlib.Path) -> dict[str, str]:
    """Give the digests of all results, as the local engine makes them."""
    workplace = new_workplace()
    finished = workplace.call("run", source, "--fit", "t")
    assert finished.status == 0, finished.err
    return results(workplace.store / "t")


def on(cluster: Cluster, name: str) -> list[str]:
    settings = {"spark.master": cluster.master, "spark.app.name": name}
    return ["--engine", "spark", *(f"--spark-config={key}={value}" for key, value in settings.items())]


def kill(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def wait_until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.01)


def attempts(store: pathlib.Path, stage: str) -> list[pathlib.Path]:
    """Return the parts that tasks are writing or have written, of a draft that is not published."""
    return list(store.glob(f"t/x/.drafts/.{stage}-*-attempts-*/*.parquet"))


def completed(cluster: Cluster) -> list[str]:
    """Return the names of the applications that have run on a cluster."""
    return [app["name"] for app in resources(cluster.web)["completedapps"]]


def test_a_killed_driver_leaves_nothing_half_visible_and_a_rerun_completes(
    cluster: Cluster, workplace: Workplace, source: pathlib.Path, undisturbed: dict[str, str]
) -> None:
    name = f"killed-{uuid.uuid4().hex}"
    with workplace.start("gmm-pipeline", "run", source, "--fit", "t", *on(cluster, name)) as process:
        wait_until(lambda: bool(attempts(workplace.store, "transformed")), "encoding")
        process.send_signal(signal.SIGKILL)
        process.communicate()

    folder = ColumnFolder(workplace.store / "t" / "x")
    assert folder.result("transformed") is None
    assert not (folder.path / "transformed").exists()
    wait_until(lambda: not any(name in command for command in commands().values()), "the end of the driver's JVM")
    finished = workplace.finish("gmm-pipeline", "run", source, "--fit", "t", *on(cluster, name))
    assert finished.status == 0, finished.err
    assert results(workplace.store / "t") == undisturbed
    assert not list(folder.path.glob(".drafts"))


def test_a_run_leaves_no_jvm_and_no_executor_behind(cluster: Cluster, workplace: Workplace) -> None:
    pl.DataFrame({"x": np.arange(1000) % 7}).write_parquet(workplace.path / "small.parquet")
    name = f"quiet-{uuid.uuid4().hex}"

    finished = workplace.finish("gmm-pipeline", "run", "small.parquet", *on(cluster, name))

    assert finished.status == 0, finished.err
    assert not any(name in command for command in commands().values())
    wait_until(lambda: not resources(cluster.web)["activeapps"], "the end of the application")
    assert [app["state"] for app in resources(cluster.web)["completedapps"] if app["name"] == name] == ["FINISHED"]


def test_a_worker_that_is_killed_during_encoding_changes_nothing(
    cluster: Cluster, workplace: Workplace, source: pathlib.Path, undisturbed: dict[str, str]
) -> None:
    with workplace.start("gmm-pipeline", "run", source, "--fit", "t", *on(cluster, "survivor")) as process:
        wait_until(lambda: bool(attempts(workplace.store, "transformed")), "encoding")
        kill(family(cluster.processes[1]))
        still_encoding = not (workplace.store / "t" / "x" / "transformed").exists()
        _, err = process.communicate()

    assert still_encoding
    assert process.returncode == 0, err
    # The application of a driver that was killed may be listed later than this one.
    wait_until(lambda: "survivor" in completed(cluster), "the end of the application")
    assert results(workplace.store / "t") == undisturbed

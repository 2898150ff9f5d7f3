"""What becomes of a run on a real cluster when a part of it is killed, and what a run leaves
behind.
"""

import os
import pathlib
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from machine_processes import commands, family
from spark_cluster import Cluster, running_cluster
from workplace import Finished, Workplace, results

from gmm_pipeline.store.column_folder import ColumnFolder

# Three parts (2**21 rows each) for two workers: when the first is being written, others are still
# to come.
ROWS = 5_000_000


@dataclass(frozen=True)
class Disturbed:
    """A fit whose driver was killed while rows were encoded, and a worker while the next run
    encoded them.

    Parameters
    ----------
    visible : list of str
        The stages that had results when the driver had been killed.
    drafts : list of Path
        What was not published at that time.
    finished : Finished
        The next run.
    encoding : bool
        Whether that run was encoding when the worker was killed.
    name : str
        Of the application that it was.
    """

    store: pathlib.Path
    visible: list[str]
    drafts: list[pathlib.Path]
    finished: Finished
    encoding: bool
    name: str


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster") / "cluster") as started:
        yield started


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("source") / "t.parquet"
    pl.DataFrame(
        {"x": np.random.default_rng(0).normal(size=ROWS).astype(np.float32)}
    ).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def undisturbed(new_workplace: Callable[[], Workplace], source: pathlib.Path) -> dict[str, str]:
    """Give the digests of all results, as the local engine makes them."""
    workplace = new_workplace()
    finished = workplace.call("run", source, "--fit", "t")
    assert finished.status == 0, finished.err
    return results(workplace.store / "t")


@pytest.fixture(scope="module")
def disturbed(
    new_workplace: Callable[[], Workplace], cluster: Cluster, source: pathlib.Path
) -> Disturbed:
    workplace, names = new_workplace(), [f"disturbed-{uuid.uuid4().hex}" for _ in range(2)]
    folder = ColumnFolder(workplace.store / "t" / "x")
    workers = cluster.processes[1:]

    def run(name: str) -> tuple[object, ...]:
        settings = {"spark.master": cluster.master, "spark.app.name": name}
        config = [f"--spark-config={key}={value}" for key, value in settings.items()]
        return ("gmm-pipeline", "run", source, "--fit", "t", "--engine", "spark", *config)

    with workplace.start(*run(names[0])) as driver:
        stop_when_encoding(workplace.store, workers)
        assert any(names[0] in command for command in commands().values())
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
    tell(workers, signal.SIGCONT)
    wait_until(
        lambda: not any(names[0] in command for command in commands().values()),
        "the end of the driver's JVM",
    )
    visible = [
        stage
        for stage in ("raw", "sketch", "model", "feature_rank", "transformed")
        if folder.result(stage)
    ]
    drafts = list(folder.path.glob(".drafts/*"))

    with workplace.start(*run(names[1])) as driver:
        stop_when_encoding(workplace.store, workers)
        encoding = not (folder.path / "transformed").exists()
        tell(workers[:1], signal.SIGKILL)
        tell(workers[1:], signal.SIGCONT)
        out, err = driver.communicate()
    return Disturbed(
        workplace.store, visible, drafts, Finished(driver.returncode, out, err), encoding, names[1]
    )


def stop_when_encoding(store: pathlib.Path, workers: tuple[int, ...]) -> None:
    """Wait until a task writes encoded rows, and stop the workers and all that they have
    started.
    """
    written: set[pathlib.Path] = set(store.glob(ATTEMPTS))
    wait_until(lambda: bool(set(store.glob(ATTEMPTS)) - written), "encoding")
    tell(workers, signal.SIGSTOP)


ATTEMPTS = "t/x/.drafts/.transformed-*-attempts-*/*.parquet"
"""Parts that tasks are writing or have written, of a draft that is not published."""


def tell(workers: tuple[int, ...], what: signal.Signals) -> None:
    """Send a signal to workers and all that they have started."""
    for process in [member for worker in workers for member in family(worker)]:
        os.kill(process, what)


def wait_until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.01)


def test_a_killed_driver_leaves_nothing_half_visible(disturbed: Disturbed) -> None:
    assert disturbed.visible == ["raw", "sketch", "model", "feature_rank"]
    assert disturbed.drafts


def test_the_next_run_completes_with_the_same_output_though_a_worker_is_killed_while_it_encodes(
    disturbed: Disturbed, undisturbed: dict[str, str]
) -> None:
    assert disturbed.encoding
    assert disturbed.finished.status == 0, disturbed.finished.err
    assert results(disturbed.store / "t") == undisturbed
    assert not list((disturbed.store / "t" / "x").glob(".drafts"))


def test_a_run_leaves_no_jvm_and_no_executor_behind(cluster: Cluster, disturbed: Disturbed) -> None:
    def state() -> list[str]:
        return [
            app["state"]
            for app in cluster.state()["completedapps"]
            if app["name"] == disturbed.name
        ]

    assert not any(disturbed.name in command for command in commands().values())
    wait_until(lambda: not cluster.state()["activeapps"], "the end of the applications")
    wait_until(lambda: state() == ["FINISHED"], "the end of the application to be listed")

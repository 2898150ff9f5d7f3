"""`ui` and `config` as they are called."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest
from workplace import Workplace

from gmm_pipeline.interfaces.cli import startup_watch

FRAME = pl.DataFrame(
    {"amount": [0.1 * (number % 97) ** 2 for number in range(300)], "kind": ["x", None] * 150}
)
COMMAND = pathlib.Path(sys.executable).with_name("gmm-pipeline")
LONGEST = 120
DIES = """
import os, pathlib
import dagster as dg
from gmm_pipeline.orchestration.instance import open_instance
from gmm_pipeline.orchestration.lost_runs import tag_with_process

@dg.op
def dies(context):
    tag_with_process(context.instance, context.run)
    os.kill(os.getpid(), 9)

@dg.job(executor_def=dg.in_process_executor)
def killed():
    dies()

killed.execute_in_process(instance=open_instance(pathlib.Path("store")))
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def until(found: Callable[[], Any], process: "subprocess.Popen[bytes]") -> Any:
    """Return what is found at last, while a process runs."""
    ends = time.monotonic() + LONGEST
    while time.monotonic() < ends:
        assert process.poll() is None
        with contextlib.suppress(OSError):
            value = found()
            if value:
                return value
        time.sleep(0.3)
    raise TimeoutError


def processes_of(session: int) -> set[int]:
    """Return the processes of a session that have not ended."""
    found = set()
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.add(int(stat.parent.name))
    return found


class Served:
    """A web UI that was started in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.log = folder / "ui.log"
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [COMMAND, "ui", "--config", "datasets.yaml", "--port", str(port)],
                cwd=folder,
                env={**self.environment, "GMM_PIPELINE_STORE": "store"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def get(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def all_ended(self) -> bool:
        """Wait until no process of it is left, and say whether that came to be."""
        ends = time.monotonic() + LONGEST
        while processes_of(self.process.pid) and time.monotonic() < ends:
            time.sleep(0.2)
        return not processes_of(self.process.pid)

    def kill(self) -> None:
        for process in processes_of(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()

    def query(self, query: str) -> Any:
        return self.get("/graphql", {"query": query})["data"]


@pytest.fixture(scope="module")
def served(new_workplace: Callable[[], Workplace]) -> Iterator[Served]:
    """A web UI on a dataset, in whose history a run was killed before it could say so."""
    folder = new_workplace().path
    FRAME.write_parquet(folder / "t.parquet")
    (folder / "datasets.yaml").write_text(
        "store: elsewhere\ndatasets:\n  sales:\n    source: t.parquet\n    watch: false\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("DAGSTER")
    }
    assert (
        subprocess.run(
            [sys.executable, "-c", DIES], cwd=folder, env=environment, check=False
        ).returncode
        == -9
    )
    (other := folder / "other_history").mkdir()
    subprocess.run(
        [COMMAND, "run", "t.parquet", "--fit", "finished", "--store", "store"],
        cwd=folder,
        env={**environment, "DAGSTER_HOME": str(other)},
        check=True,
        capture_output=True,
    )
    served = Served(folder)
    try:
        until(lambda: served.get("/server_info"), served.process)
        yield served
    finally:
        served.kill()


def test_ui_shows_the_datasets_of_the_file(served: Served) -> None:
    assets = served.query("{ assetNodes { assetKey { path } } }")["assetNodes"]

    assert {asset["assetKey"]["path"][0] for asset in assets} == {
        "finished",
        "finished_source",
        "sales",
        "sales_source",
    }
    assert served.url in served.log.read_text()
    assert (served.log.parent / "store" / ".dagster" / "dagster.yaml").exists()
    assert not (served.log.parent / "elsewhere").exists()


def test_columns_are_known_without_a_hand(served: Served) -> None:
    query = '{ assetNodeOrError(assetKey: {path: ["sales", "raw"]}) { ... on AssetNode { partitionKeys } } }'

    keys = until(lambda: served.query(query)["assetNodeOrError"]["partitionKeys"], served.process)

    assert set(keys) == set(FRAME.columns)


def test_a_run_that_was_killed_is_reported_as_failed(served: Served) -> None:
    query = (
        '{ runsOrError(filter: {pipelineName: "killed"}) { ... on Runs { results { status } } } }'
    )

    def ended() -> bool:
        (run,) = served.query(query)["runsOrError"]["results"]
        return bool(run["status"] == "FAILURE")

    assert until(ended, served.process)


def test_ui_shows_results_that_another_history_recorded(served: Served) -> None:
    query = """{ assetNodes { assetKey { path } assetMaterializations { partition } } }"""
    nodes = served.query(query)["assetNodes"]

    shown = {
        tuple(node["assetKey"]["path"]): {
            each["partition"] for each in node["assetMaterializations"]
        }
        for node in nodes
        if node["assetKey"]["path"][0] == "finished"
    }
    assert len(shown) == 5
    assert all(partitions == set(FRAME.columns) for partitions in shown.values())
    assert "finished: 2 columns registered, 10 results reported" in served.log.read_text()


def test_all_processes_end_with_ui(served: Served) -> None:
    assert len(processes_of(served.process.pid)) > 3

    served.process.send_signal(signal.SIGTERM)

    assert served.process.wait(timeout=LONGEST) == 0
    assert served.all_ended()
    with pytest.raises(OSError, match="refused"):
        served.get("/server_info")


def test_who_starts_ui_hears_what_it_waits_for() -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as starting:
        watch = [sys.executable, "-m", startup_watch.__name__, "127.0.0.1", str(port)]
        with subprocess.Popen([*watch, str(starting.pid), "0.1"], stderr=subprocess.PIPE) as said:
            assert b"Dagster is still starting" in said.stderr.readline()
            with socket.create_server(("127.0.0.1", port)):
                said.stderr.read()
        starting.communicate(b"\n")


def test_no_process_is_left_when_ui_is_interrupted_as_it_starts(workplace: Workplace) -> None:
    (workplace.path / "datasets.yaml").write_text("datasets: {}\n")
    starting = Served(workplace.path)
    try:
        until(lambda: len(processes_of(starting.process.pid)) > 1, starting.process)
        os.killpg(starting.process.pid, signal.SIGINT)
        assert starting.all_ended()
    finally:
        starting.kill()


def test_ui_names_a_taken_port_before_anything_is_started(workplace: Workplace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = workplace.call("ui", "--port", port)

    assert refused.status == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in refused.err
    assert "--port" in refused.err
    assert not workplace.store.exists()


def test_ui_says_how_to_install_what_is_missing(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dagster_webserver", None)

    refused = workplace.call("ui", "--port", free_port())

    assert refused.status == 2
    assert "pip install 'gmm-pipeline[ui]'" in refused.err


def test_ui_refuses_a_file_with_mistakes(workplace: Workplace) -> None:
    (workplace.path / "datasets.yaml").write_text("datasets:\n  sales: {}\n")

    refused = workplace.call("ui", "--config", "datasets.yaml", "--port", free_port())

    assert refused.status == 2
    assert "datasets.yaml, line 2: datasets.sales: 'source' is missing" in refused.err


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    FRAME.write_parquet(workplace.path / "t.parquet")
    FRAME.write_csv(workplace.path / "c.csv")
    return workplace


def test_config_check_says_what_datasets_would_be(place: Workplace) -> None:
    (place.path / "datasets.toml").write_text(
        '[datasets.sales]\nsource = "t.parquet"\ncolumns = ["amount"]\nschedule = "@daily"\n'
        '[datasets.visits]\nsource = "c.csv"\nwatch = false\n'
    )

    checked = place.call("config", "check", "datasets.toml", "--json")
    shown = place.call("config", "check", "datasets.toml")

    assert checked.status == 0, checked.err
    sales, visits = checked.json()["datasets"]
    assert sales == {
        "name": "sales",
        "source": str(place.path / "t.parquet"),
        "files": 1,
        "rows": len(FRAME),
        "columns": 1,
        "left_out": {},
        "watch": True,
        "schedule": "@daily",
    }
    assert (visits["files"], visits["rows"], visits["columns"], visits["watch"]) == (
        1,
        len(FRAME),
        2,
        False,
    )
    assert all(text in shown.out for text in ("sales", "visits", "t.parquet", "@daily"))
    assert not place.store.exists()


def test_config_check_names_columns_that_cannot_be_computed_and_those_that_are_gone(
    place: Workplace,
) -> None:
    configuration = "store: store\ndatasets:\n  sales:\n    source: t.parquet\n"
    (place.path / "datasets.yaml").write_text(configuration)
    assert place.call("run", "t.parquet", "--fit", "sales").status == 0
    gone, *left = FRAME.columns
    changed = FRAME.select(*left, pl.lit([1.0]).alias("tags"))
    changed.write_parquet(place.path / "t.parquet")

    checked = place.call("config", "check", "datasets.yaml", "--json")
    shown = place.call("config", "check", "datasets.yaml")

    assert checked.status == 0, checked.err
    (sales,) = checked.json()["datasets"]
    assert set(sales["left_out"]) == {gone, "tags"}
    assert sales["columns"] == len(left)
    assert f"sales: left out: column {gone!r}: it is gone from the source" in shown.err
    assert "sales: left out: column 'tags': type" in shown.err


def test_config_check_tells_of_all_datasets_that_do_not_fit_their_source(place: Workplace) -> None:
    (place.path / "datasets.yaml").write_text(
        "datasets:\n  right:\n    source: t.parquet\n  gone:\n    source: gone/*.parquet\n"
        "  typo:\n    source: t.parquet\n    column_settings: {amout: {seed: 1}}\n"
        "  none:\n    source: t.parquet\n    columns: [price]\n"
    )

    checked = place.call("config", "check", "datasets.yaml")

    assert checked.status == 2
    assert "right" in checked.out
    for told in (
        "datasets.yaml, line 4: datasets.gone: source",
        "datasets.yaml, line 6: datasets.typo: settings are given for a column 'amout' that does not exist",
        "datasets.yaml, line 9: datasets.none: no column matches 'price'",
    ):
        assert told in checked.err


def test_the_settings_file_of_run_tells_lines_as_well(place: Workplace) -> None:
    (place.path / "settings.yaml").write_text(
        "settings:\n  seed: 1\ncolumns:\n  amount:\n    max_mode: 3\n"
    )

    refused = place.call("plan", "t.parquet", "--config", "settings.yaml")

    assert refused.status == 2
    assert (
        "settings.yaml, line 5: columns.amount.max_mode: unknown setting. Did you mean 'max_modes'?"
        in refused.err
    )

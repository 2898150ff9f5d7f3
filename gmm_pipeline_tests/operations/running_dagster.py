"""A real Dagster webserver and daemon on a store of their own, and what people do in the web UI, by
its GraphQL.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from workplace import Finished

from gmm_pipeline.orchestration.assets import job_name
from gmm_pipeline.store.names import encode_key

MODULE = "gmm_pipeline.definitions"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": MODULE}
STAGES = ("raw", "sketch", "gmm_model", "feature_rank", "transformed")
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
_PATIENCE = 300.0
_PAUSE = 0.02

_HEALTH = """{
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
  workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } }
}"""
_PARTITIONS = """query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } }
}"""
_LAUNCH = """mutation ($parameters: ExecutionParams!) {
  launchPipelineExecution(executionParams: $parameters) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
_REEXECUTE = """mutation ($parameters: ReexecutionParams!) {
  launchPipelineReexecution(reexecutionParams: $parameters) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""
_BACKFILL = """mutation ($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}"""
_RUNS = """query ($filter: RunsFilter) {
  runsOrError(filter: $filter) {
    ... on Runs { results { runId status startTime endTime tags { key value } } }
  }
}"""
_TICKS = """query ($sensor: SensorSelector!) {
  sensorOrError(sensorSelector: $sensor) {
    ... on Sensor { sensorState { ticks(limit: 20) { timestamp status skipReason runIds } } }
  }
}"""
_LOGS = """query ($id: ID!) {
  logsForRun(runId: $id) { ... on EventConnection { events {
    ... on MessageEvent { message }
    ... on DisplayableEvent { metadataEntries {
      label ... on TextMetadataEntry { text } } }
    ... on ExecutionStepFailureEvent { error { message causes { message } } }
  } } }
}"""


@dataclass(frozen=True)
class Run:
    """A run as the web UI shows it; times are seconds since 1970, None where there is none yet."""

    run_id: str
    status: str
    started: float | None
    ended: float | None
    tags: dict[str, str]

    @property
    def partition(self) -> str:
        return self.tags["dagster/partition"]

    @property
    def is_ended(self) -> bool:
        return self.status in _ENDED


@dataclass(frozen=True)
class RunningDagster:
    """The web UI at `url`, which shows the fits of a store and keeps its history there, or else at
    home.
    """

    url: str
    store: pathlib.Path
    folder: pathlib.Path
    home: pathlib.Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What commands need to work with the same store and history."""
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.home or self.store / ".dagster"),
            "GMM_PIPELINE_STORE": str(self.store),
        }

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Answer a GraphQL query."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            answer = json.loads(response.read())
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]

    def is_ready(self) -> bool:
        """Whether the definitions are loaded and all daemons that are needed are well."""
        try:
            answer = self.ask(_HEALTH)
        except OSError:
            return False
        entries = answer["workspaceOrError"].get("locationEntries", [])
        daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
        loaded = [(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries]
        assert "PythonError" not in loaded, "the definitions do not load"
        return loaded == ["RepositoryLocation"] and all(
            each["healthy"] for each in daemons if each["required"]
        )

    def partitions(self, fit: str) -> list[str]:
        """Return the columns of a fit that Dagster knows, by key."""
        keys: list[str] = self.ask(_PARTITIONS, {"key": {"path": [fit, "raw"]}})[
            "assetNodeOrError"
        ]["partitionKeys"]
        return keys

    def launch(self, fit: str, column: str, stages: Sequence[str] = STAGES) -> str:
        """Materialise stages of a column, as the button of an asset does; return the id of the
        run.
        """
        parameters = {
            "selector": {
                **REPOSITORY,
                "pipelineName": job_name(fit),
                "assetSelection": [{"path": [fit, stage]} for stage in stages],
            },
            "mode": "default",
            "executionMetadata": {
                "tags": [{"key": "dagster/partition", "value": encode_key(column)}]
            },
        }
        return self._launched(
            self.ask(_LAUNCH, {"parameters": parameters})["launchPipelineExecution"]
        )

    def reexecute(self, run_id: str) -> str:
        """Re-execute a run from the step that failed; return the id of the new run."""
        parameters = {"parentRunId": run_id, "strategy": "FROM_FAILURE"}
        return self._launched(
            self.ask(_REEXECUTE, {"parameters": parameters})["launchPipelineReexecution"]
        )

    def backfill(self, fit: str, columns: Sequence[str]) -> str:
        """Materialise all stages of several columns, as the dialog of a job does; return the id of
        the backfill.
        """
        parameters = {
            "assetSelection": [{"path": [fit, stage]} for stage in STAGES],
            "partitionNames": [encode_key(column) for column in columns],
        }
        answer = self.ask(_BACKFILL, {"parameters": parameters})["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        backfill_id: str = answer["backfillId"]
        return backfill_id

    def runs(self, **wanted: Any) -> list[Run]:
        """Return the runs that a filter of the web UI finds, the latest first."""
        found = self.ask(_RUNS, {"filter": wanted})["runsOrError"]["results"]
        return [
            Run(
                each["runId"],
                each["status"],
                each["startTime"],
                each["endTime"],
                {tag["key"]: tag["value"] for tag in each["tags"]},
            )
            for each in found
        ]

    def runs_of(self, **tags: str) -> list[Run]:
        return self.runs(
            tags=[{"key": f"dagster/{name}", "value": value} for name, value in tags.items()]
        )

    def ticks(self, fit: str) -> list[dict[str, Any]]:
        """Return the latest looks of a dataset's sensor, the last one first, as far as they have
        ended.
        """
        selector = {**REPOSITORY, "sensorName": f"{fit}_sensor"}
        ticks = self.ask(_TICKS, {"sensor": selector})["sensorOrError"]["sensorState"]["ticks"]
        return [tick for tick in ticks if tick["status"] != "STARTED"]

    def run(self, run_id: str) -> Run:
        (found,) = self.runs(runIds=[run_id])
        return found

    def ended(self, run_id: str) -> Run:
        """Wait for a run to end."""
        wait_for(lambda: self.run(run_id).is_ended, f"run {run_id} to end")
        return self.run(run_id)

    def told(self, run_id: str) -> str:
        """Return all that a run's log says, errors and their causes included."""
        events = self.ask(_LOGS, {"id": run_id})["logsForRun"]["events"]
        return json.dumps(events, ensure_ascii=False)

    def process_of(self, run_id: str) -> int:
        """Return the id of the process that a run's log names."""
        for event in self.ask(_LOGS, {"id": run_id})["logsForRun"]["events"]:
            for entry in event.get("metadataEntries") or []:
                if entry["label"] == "pid":
                    return int(entry["text"])
        raise AssertionError(f"the log of run {run_id} names no process")

    def call(self, program: str, *arguments: str) -> Finished:
        """Run a program of the virtual environment to its end."""
        done = subprocess.run(
            [str(pathlib.Path(sys.executable).with_name(program)), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    @staticmethod
    def _launched(answer: dict[str, Any]) -> str:
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id: str = answer["run"]["runId"]
        return run_id


@contextmanager
def started(
    folder: pathlib.Path,
    store: pathlib.Path,
    config: pathlib.Path,
    fits: Sequence[str],
    home: pathlib.Path | None = None,
) -> Iterator[RunningDagster]:
    """Start the web UI and the daemon as the README says, wait until they are well, and end all of
    their processes.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = pathlib.Path(sys.executable).with_name("gmm-pipeline")
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {} if home is None else {"DAGSTER_HOME": str(home)}
    log = folder / "dagster.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [
                str(program),
                "ui",
                "--config",
                str(config),
                "--store",
                str(store),
                "--port",
                str(port),
            ],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            dagster = RunningDagster(f"http://127.0.0.1:{port}", store, folder, home)
            wait_for(
                lambda: process.poll() is None and dagster.is_ready(),
                f"Dagster to start; see {log}",
            )
            wait_for(
                lambda: all(dagster.partitions(fit) for fit in fits), "columns to be registered"
            )
            yield dagster
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_for(reached: Callable[[], bool], what: str) -> None:
    """Wait until something is so; fail if it takes too long."""
    deadline = time.monotonic() + _PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(_PAUSE)

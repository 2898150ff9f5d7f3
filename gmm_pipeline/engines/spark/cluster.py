"""A standalone Spark cluster on this machine: a master and workers, each a process of its own, on
the loopback address.

It is for trying things out. The programs are those of the PyPI package `pyspark`; all that the
cluster writes is in one folder, with `cluster.json` as the record of its processes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from gmm_pipeline.engines.spark.java import java_variables
from gmm_pipeline.errors import PipelineError

STATE_FILE = "cluster.json"
_HOST = "127.0.0.1"
_PROGRAM = "org.apache.spark.deploy"
_SECONDS_TO_START, _SECONDS_TO_END, _PAUSE = 120.0, 30.0, 0.1
_LAST_LINES = 5


class ClusterError(PipelineError):
    """A cluster does not start, or there is none."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs.

    Parameters
    ----------
    master : str
        Its address, for `spark.master`.
    web : str
        The address of the master's web page.
    processes : tuple of int
        The master's, then those of the workers.
    """

    master: str
    web: str
    processes: tuple[int, ...]

    @classmethod
    def recorded(cls, folder: Path) -> Cluster:
        """Return the cluster of a folder; raise ClusterError if there is none."""
        try:
            state = json.loads((folder / STATE_FILE).read_text())
        except FileNotFoundError:
            raise ClusterError(
                f"{folder} holds no cluster", remedy="Start one with `gmm-pipeline cluster up`"
            ) from None
        return cls(state["master"], state["web"], tuple(state["processes"]))

    def running(self) -> tuple[int, ...]:
        """Return those of its processes that are there."""
        return tuple(process for process in self.processes if _is_spark(process))


def start(folder: Path, *, workers: int, cores: int, memory: str) -> Cluster:
    """Start a cluster.

    Parameters
    ----------
    folder : Path
        Where its record, its logs and the executors' files go; it must be empty, or not be there.
    workers : int
    cores : int
        Of each worker.
    memory : str
        Of each worker, as Spark writes it: 2g.

    Raises
    ------
    JavaMissingError
        If there is no Java.
    ClusterError
        If the folder is in use, or a process ends at once.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ClusterError(
            f"{folder} is in use",
            remedy="Stop the cluster there with `gmm-pipeline cluster down`, or give another folder",
        )
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "SPARK_LOCAL_IP": _HOST, **java_variables(folder)}
    port, web_port = _free_ports(2)
    master, web = f"spark://{_HOST}:{port}", f"http://{_HOST}:{web_port}"
    addresses = ["--host", _HOST, "--port", str(port), "--webui-port", str(web_port)]
    processes = [_started(folder / "master.log", environment, "master.Master", *addresses)]
    shape = ["--host", _HOST, "--cores", str(cores), "--memory", memory, "--webui-port", "0"]
    shape += ["--work-dir", str(folder / "work")]
    processes += [
        _started(folder / f"worker-{number:03d}.log", environment, "worker.Worker", *shape, master)
        for number in range(1, workers + 1)
    ]
    cluster = Cluster(master, web, tuple(processes))
    (folder / STATE_FILE).write_text(json.dumps(asdict(cluster), indent=2))
    try:
        _wait_for(lambda: _all_registered(cluster, folder), _SECONDS_TO_START, "does not get ready")
    except BaseException:
        stop(folder)
        raise
    return cluster


def stop(folder: Path) -> int:
    """End the processes of a folder's cluster and remove the folder; return how many were
    running.
    """
    cluster = Cluster.recorded(folder)
    found = cluster.running()
    for process in reversed(found):
        os.kill(process, signal.SIGTERM)
    try:
        _wait_for(lambda: not cluster.running(), _SECONDS_TO_END, "does not end")
    except ClusterError:
        for process in cluster.running():
            os.kill(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    return len(found)


def resources(web: str) -> dict[str, Any]:
    """Return what a master tells of its cluster on its web page: workers with their cores and
    memory, and more.
    """
    with urllib.request.urlopen(f"{web}/json/", timeout=5) as answer:  # noqa: S310 - http, as made by us or Spark
        told: dict[str, Any] = json.load(answer)
    return told


def _started(log: Path, environment: dict[str, str], program: str, *arguments: str) -> int:
    """Start a program that outlives this process, and return its number."""
    import pyspark

    script = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # A session of its own: an interrupt from the keyboard is not for the cluster.
    return os.posix_spawn(
        script,
        [script, f"{_PROGRAM}.{program}", *arguments],
        environment,
        file_actions=files,
        setsid=True,
    )


def _all_registered(cluster: Cluster, folder: Path) -> bool:
    for process, log in zip(cluster.processes, sorted(folder.glob("*.log")), strict=True):
        if os.waitpid(process, os.WNOHANG)[0]:
            lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            raise ClusterError(
                f"{log.stem} ended at once: {' | '.join(lines)}",
                remedy="Check the Java and the memory",
            )
    try:
        return bool(resources(cluster.web)["aliveworkers"] == len(cluster.processes) - 1)
    except (OSError, ValueError):
        # A master that is starting does not answer at all, and then for a moment with a page for
        # people.
        return False


def _wait_for(reached: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise ClusterError(f"the cluster {otherwise} within {seconds:.0f} s")
        time.sleep(_PAUSE)


def _is_spark(process: int) -> bool:
    """Whether a process is a part of a Spark cluster; another may have been given the number
    since.
    """
    try:
        found = psutil.Process(process)
        return found.status() != psutil.STATUS_ZOMBIE and any(
            _PROGRAM in argument for argument in found.cmdline()
        )
    except psutil.Error:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports

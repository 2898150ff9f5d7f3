"""A standalone Spark cluster on this machine, for benchmarks and tests: a master and workers.

Each is a process of its own, from the programs of the PyPI package `pyspark`, on the loopback
address. The same by hand is in docs/spark.md.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gmm_pipeline.engines.spark.java import java_variables

_HOST = "127.0.0.1"
_SECONDS_TO_START = 300
"""Two JVMs take 5 s on an idle machine, and were seen to take a minute on one with a load of 25."""
_SECONDS_TO_END = 30
"""Spark's own processes end within a second of SIGTERM; after this they are killed."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

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

    def state(self) -> dict[str, Any]:
        """Return what the master's web page says: workers and applications."""
        with urllib.request.urlopen(f"{self.web}/json/", timeout=5) as answer:  # noqa: S310
            state: dict[str, Any] = json.load(answer)
        return state


@contextmanager
def running_cluster(
    folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "1g"
) -> Iterator[Cluster]:
    """Give a cluster that ends with the context, and its folder with it.

    Parameters
    ----------
    folder : Path
        For logs and the executors' files; made if it does not exist.
    workers, cores : int
        Workers, and cores of each.
    memory : str
        Of each worker, as Spark writes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "SPARK_LOCAL_IP": _HOST, **java_variables(folder)}
    port, web_port = _free_ports(2)
    master, web = f"spark://{_HOST}:{port}", f"http://{_HOST}:{web_port}"
    of_master = ["--port", str(port), "--webui-port", str(web_port)]
    of_worker = ["--cores", str(cores), "--memory", memory, "--webui-port", "0"]
    of_worker += ["--work-dir", str(folder / "work"), master]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        programs = [("master.Master", of_master), *[("worker.Worker", of_worker)] * workers]
        processes = [
            stack.enter_context(_program(folder / f"{number}.log", environment, *program))
            for number, program in enumerate(programs)
        ]
        cluster = Cluster(master, web, tuple(process.pid for process in processes))
        _wait_for(lambda: _workers(cluster) == workers, processes, folder)
        yield cluster


@contextmanager
def _program(
    log: Path, environment: dict[str, str], program: str, arguments: list[str]
) -> Iterator[subprocess.Popen[bytes]]:
    import pyspark

    script = Path(pyspark.__file__).parent / "bin" / "spark-class"
    command = [script, f"org.apache.spark.deploy.{program}", "--host", _HOST, *arguments]
    with log.open("wb") as output:
        # A session of its own: an interrupt from the keyboard is not for the cluster.
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _workers(cluster: Cluster) -> int:
    try:
        return int(cluster.state()["aliveworkers"])
    except (OSError, ValueError):
        # A starting master refuses connections, and then answers with HTML for a moment.
        return 0


def _wait_for(
    reached: Callable[[], bool], processes: list[subprocess.Popen[bytes]], folder: Path
) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while not reached():
        if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
            logs = [log.read_text(errors="replace")[-2000:] for log in folder.glob("*.log")]
            raise RuntimeError("The cluster does not start.\n" + "\n".join(logs))
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((_HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports

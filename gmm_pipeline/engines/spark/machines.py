"""What a cluster is made of, as far as it can be known without starting a session."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gmm_pipeline.engines.local.machine import memory
from gmm_pipeline.engines.spark.cluster import Cluster, ClusterError, resources
from gmm_pipeline.engines.spark.session import SparkSettings
from gmm_pipeline.errors import SettingsError

_LOCAL = re.compile(r"local(?:\[(\d+|\*)(?:,\d+)?\])?")
_WEB_PORT = 8080
_INSTANCES, _CORES = 2, 1
"""Of executors, where Spark is told no other and a resource manager gives them."""


@dataclass(frozen=True)
class Machines:
    """The machines that executors run on, as if they were alike.

    Parameters
    ----------
    number : int
    cores : int
        Of each.
    memory : int or None
        Bytes that each has for executors; None if that is not known.
    known_by : str
        What tells so.
    here : bool
        Whether there is none but this process.
    """

    number: int
    cores: int
    memory: int | None
    known_by: str
    here: bool = False


def machines_of(settings: SparkSettings, clusters: Iterable[Path] = ()) -> Machines:
    """Return the machines that settings of Spark lead to.

    Parameters
    ----------
    settings : mapping
    clusters : iterable of Path
        Folders of clusters that `cluster up` may have started.

    Raises
    ------
    SettingsError
        If one that should be is no number.
    ClusterError
        If a standalone master does not tell.
    """
    master = str(settings.get("spark.master", "local[*]"))
    if local := _LOCAL.fullmatch(master):
        cores = (os.cpu_count() or 1) if local[1] == "*" else int(local[1] or 1)
        return Machines(1, cores, memory(), "spark.master", here=True)
    if master.startswith("spark://"):
        return _standalone(master, clusters)
    number = count_of(settings, "spark.executor.instances", _INSTANCES)
    cores = count_of(settings, "spark.executor.cores", _CORES)
    return Machines(
        number,
        cores,
        None,
        "spark.executor.instances and spark.executor.cores, or Spark's defaults",
    )


def count_of(settings: SparkSettings, name: str, otherwise: int) -> int:
    """Return a setting that is a whole number above 0; raise SettingsError if it is another."""
    value = settings.get(name, otherwise)
    if not str(value).isdecimal() or not int(value):
        raise SettingsError(
            f"{name} = {value!r} is no whole number above 0", remedy="Correct it, or leave it out"
        )
    return int(value)


def _standalone(master: str, clusters: Iterable[Path]) -> Machines:
    web = _recorded_pages(clusters).get(master) or f"http://{urlsplit(master).hostname}:{_WEB_PORT}"
    try:
        told = resources(web)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"the master {master} does not tell of its workers at {web}: {error}",
            remedy="Check spark.master and that the cluster is up, and that its web page is at the usual port",
        ) from error
    alive = [worker for worker in told["workers"] if worker["state"] == "ALIVE"]
    if not alive:
        raise ClusterError(f"the master {master} has no workers", remedy="Start some")
    cores, megabytes = (min(int(worker[what]) for worker in alive) for what in ("cores", "memory"))
    return Machines(len(alive), cores, megabytes << 20, f"the master's page {web}")


def _recorded_pages(clusters: Iterable[Path]) -> dict[str, str]:
    pages = {}
    for folder in clusters:
        try:
            recorded = Cluster.recorded(folder)
        except ClusterError:
            continue
        pages[recorded.master] = recorded.web
    return pages

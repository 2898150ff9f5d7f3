"""Clusters that tests start: a master and two workers, each a process of its own, on the loopback address."""

import pathlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gmm_pipeline.engines.spark import cluster
from gmm_pipeline.engines.spark.java import JavaMissingError


@contextmanager
def running_cluster(folder: pathlib.Path) -> Iterator[cluster.Cluster]:
    """Give a cluster that ends with the context; tests that ask for it are skipped where there is no Java."""
    try:
        started = cluster.start(folder, workers=2, cores=1, memory="1g")
    except JavaMissingError as missing:
        pytest.skip(str(missing))
    try:
        yield started
    finally:
        cluster.stop(folder)


def commands() -> dict[int, str]:
    """Return the command line of each process of the machine."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return {int(number): command for number, command in (line.split(maxsplit=1) for line in listed.splitlines())}


def family(process: int) -> list[int]:
    """Return a process and all that it has started, by number."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = dict(tuple(map(int, line.split())) for line in listed.splitlines())
    found = [process]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found

"""Clusters that tests start: a master and two workers, each a process of its own, on the loopback
address.
"""

import pathlib
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from gmm_pipeline.engines.spark import cluster


@contextmanager
def running_cluster(folder: pathlib.Path) -> Iterator[cluster.Cluster]:
    """Give a cluster that ends with the context."""
    started = cluster.start(folder, workers=2, cores=1, memory="1g")
    try:
        yield started
    finally:
        cluster.stop(folder)


def commands() -> dict[int, str]:
    """Return the command line of each process of the machine."""
    return {
        process.pid: " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline"])
    }


def family(process: int) -> list[int]:
    """Return a process and all that it has started, by number."""
    return [process, *(child.pid for child in psutil.Process(process).children(recursive=True))]

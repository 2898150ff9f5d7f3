"""The Dagster resources of a store: its folder, its engines, and how results are published."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gmm_pipeline.orchestration.assets import IO_MANAGER, StoreResource
from gmm_pipeline.orchestration.engines import EngineResource
from gmm_pipeline.orchestration.io_managers import ResultIOManager


def resources_of(store: Path, threads: int, memory: int) -> Mapping[str, Any]:
    """Return the resources of a store.

    The same objects are returned each time, because Dagster merges definitions (here those of
    several files) only if resources of the same name are the same objects. Paths are absolute,
    because executors have another current folder.
    """
    return _resources_of(store.absolute(), threads, memory)


@cache
def _resources_of(store: Path, threads: int, memory: int) -> Mapping[str, Any]:
    return {
        IO_MANAGER: ResultIOManager(store=str(store)),
        "gmm_store": StoreResource(path=str(store)),
        "gmm_engine": EngineResource(threads=threads, memory=memory),
    }

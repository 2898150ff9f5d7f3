"""What the assets of a store are given by Dagster."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gmm_pipeline.orchestration.assets import IO_MANAGER, StoreResource
from gmm_pipeline.orchestration.engines import EngineResource
from gmm_pipeline.orchestration.io_managers import ResultIOManager


@cache
def resources_of(store: Path, threads: int, memory: int) -> Mapping[str, Any]:
    """Return the resources of a store.

    They are the same objects each time: definitions that are made for several files can then be
    merged, which Dagster refuses if resources of one name are not the same. Paths are absolute:
    executors have another current folder.
    """
    return {
        IO_MANAGER: ResultIOManager(store=str(store.absolute())),
        "gmm_store": StoreResource(path=str(store.absolute())),
        "gmm_engine": EngineResource(threads=threads, memory=memory),
    }

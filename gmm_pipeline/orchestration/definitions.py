"""Dagster definitions of fits: for each its assets, two jobs, a sensor and perhaps a schedule."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.orchestration.assets import build_assets, job_name
from gmm_pipeline.orchestration.columns_job import build_columns_job, task_by_state
from gmm_pipeline.orchestration.resources import resources_of
from gmm_pipeline.orchestration.sensors import refit_schedule, watching_sensor
from gmm_pipeline.orchestration.source_asset import source_asset
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gmm_pipeline.orchestration.datasets import Dataset


def build_definitions(
    datasets: Sequence[Dataset], store: Path, *, threads: int = 0, memory: int = 0
) -> dg.Definitions:
    """Return the definitions of datasets.

    Parameters
    ----------
    datasets : sequence of Dataset
    store : Path
    threads : int
        Threads of the local engine, for each column; 0 means one per core.
    memory : int
        Bytes that a run may use; 0 means what suits the machine.
    """
    assets = {dataset.name: build_assets(dataset) for dataset in datasets}
    return dg.Definitions(
        assets=[
            *map(source_asset, datasets),
            *(asset for of_dataset in assets.values() for asset in of_dataset),
        ],
        jobs=[
            *(_column_job(each, assets[each.name]) for each in datasets),
            *(build_columns_job(each, partial(task_by_state, each)) for each in datasets),
        ],
        sensors=[watching_sensor(each, Store(store).fit(each.name)) for each in datasets],
        schedules=[refit_schedule(each) for each in datasets if each.schedule],
        resources=resources_of(store, threads, memory),
    )


def _column_job(
    dataset: Dataset, assets: Sequence[dg.AssetsDefinition]
) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        job_name(dataset.name),
        selection=dg.AssetSelection.assets(*assets),
        description=f"Computes all five results of one column of {dataset.name}.",
        run_tags=dataset.run_tags,
        executor_def=dg.in_process_executor,
    )

"""Dagster definitions of fits: assets, a job, a sensor and a schedule each, over one store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.orchestration.assets import build_assets, job_name
from gmm_pipeline.orchestration.resources import resources_of
from gmm_pipeline.orchestration.sensors import refit_schedule, watching_sensor
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
        Of the local engine; 0 means one per core.
    memory : int
        Bytes that a run may hold; 0 means what suits the machine.
    """
    assets = {dataset.name: build_assets(dataset) for dataset in datasets}
    jobs = {name: _job(name, of_dataset) for name, of_dataset in assets.items()}
    return dg.Definitions(
        assets=[asset for of_dataset in assets.values() for asset in of_dataset],
        jobs=list(jobs.values()),
        sensors=[
            watching_sensor(each, Store(store).fit(each.name), jobs[each.name]) for each in datasets
        ],
        schedules=[refit_schedule(each, jobs[each.name]) for each in datasets if each.schedule],
        resources=resources_of(store, threads, memory),
    )


def _job(fit: str, assets: list[dg.AssetsDefinition]) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        job_name(fit),
        selection=dg.AssetSelection.assets(*assets),
        description=f"All five results of one column of {fit}.",
        executor_def=dg.in_process_executor,
    )

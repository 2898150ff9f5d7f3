"""Dagster definitions of fits: assets, a job and a sensor each, over one store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.orchestration.assets import (
    IO_MANAGER,
    LocalEngineResource,
    SpecSource,
    StoreResource,
    build_assets,
    partitions_of,
)
from gmm_pipeline.orchestration.checks import build_checks
from gmm_pipeline.storage.io_managers import ResultIOManager
from gmm_pipeline.storage.names import encode_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def build_definitions(fits: Mapping[str, SpecSource], store: Path, *, threads: int = 0) -> dg.Definitions:
    """Return the definitions of fits.

    Parameters
    ----------
    fits : mapping of str to callable
        For each fit's name, what returns its spec.
    store : Path
    threads : int
        Of the local engine; 0 means one per core.
    """
    assets = {fit: build_assets(fit, spec_source) for fit, spec_source in fits.items()}
    jobs = {fit: _job(fit, fit_assets) for fit, fit_assets in assets.items()}
    return dg.Definitions(
        assets=[asset for fit_assets in assets.values() for asset in fit_assets],
        asset_checks=[check for fit in fits for check in build_checks(fit)],
        jobs=list(jobs.values()),
        sensors=[_column_sensor(fit, spec_source, jobs[fit]) for fit, spec_source in fits.items()],
        resources={
            IO_MANAGER: ResultIOManager(store=str(store)),
            "store": StoreResource(path=str(store)),
            "engine": LocalEngineResource(threads=threads),
        },
        executor=dg.in_process_executor,
    )


def job_name(fit: str) -> str:
    """Return the name of the job that makes all results of a column."""
    return f"{fit}_job"


def _job(fit: str, assets: list[dg.AssetsDefinition]) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        job_name(fit),
        selection=dg.AssetSelection.assets(*assets),
        description=f"All five results of one column of {fit}.",
    )


def _column_sensor(fit: str, spec_source: SpecSource, job: dg.UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Return a sensor that makes the fit's columns known to Dagster as partitions."""
    partitions = partitions_of(fit)

    @dg.sensor(
        name=f"{fit}_columns",
        job=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Registers the columns of {fit} as partitions.",
    )
    def register(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        keys = [encode_name(column) for column in spec_source().columns]
        known = set(context.instance.get_dynamic_partitions(str(partitions.name)))
        new = [key for key in keys if key not in known]
        if not new:
            return dg.SkipReason(f"all {len(keys)} columns are registered")
        return dg.SensorResult(dynamic_partitions_requests=[partitions.build_add_request(new)])

    return register

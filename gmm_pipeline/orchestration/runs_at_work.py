"""Which columns of a dataset the runs in Dagster's history are for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.fits.stages import RAW
from gmm_pipeline.orchestration.assets import asset_key, job_name
from gmm_pipeline.orchestration.columns_job import columns_job_name, columns_of
from gmm_pipeline.orchestration.partition_keys import columns_with

if TYPE_CHECKING:
    from gmm_pipeline.orchestration.datasets import Dataset

_PARTITION_TAG = "dagster/partition"
_AT_WORK = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def queued_columns(dataset: Dataset, instance: dg.DagsterInstance) -> set[str]:
    """Return the columns that a queued run will copy: as the source is then."""
    copy = asset_key(dataset.name, RAW)
    return {
        name
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
        if not run.asset_selection or copy in run.asset_selection
        for name in _columns_in(run, dataset)
    }


def running_columns(dataset: Dataset, instance: dg.DagsterInstance) -> set[str]:
    """Return the columns that a run works on; it may have read an old source."""
    at_work = instance.get_runs(dg.RunsFilter(statuses=_AT_WORK))
    return {name for run in at_work for name in _columns_in(run, dataset)}


def ended_columns(
    dataset: Dataset, instance: dg.DagsterInstance, how: dg.DagsterRunStatus, since: datetime
) -> set[str]:
    """Return the columns of runs over several that were started since a moment and ended so."""
    runs = instance.get_runs(
        dg.RunsFilter(
            job_name=columns_job_name(dataset.name),
            statuses=[how],
            created_after=since,
        )
    )
    return {name for run in runs for name in _columns_in(run, dataset)}


def _columns_in(run: dg.DagsterRun, dataset: Dataset) -> set[str]:
    """Return the columns of a dataset that a run is for."""
    if run.job_name == columns_job_name(dataset.name):
        return set(columns_of(run, dataset.name) or dataset.spec().columns)
    if run.job_name == job_name(dataset.name):
        keys = [run.tags.get(_PARTITION_TAG, "")]
        return set(columns_with(keys, dataset.spec().columns))
    return set()

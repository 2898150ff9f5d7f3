"""What Dagster does for a dataset by itself: a sensor looks at its source, and a schedule fits again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.errors import SourceError
from gmm_pipeline.orchestration.assets import REFIT_TAG, asset_key, job_name, partitions_of
from gmm_pipeline.orchestration.stages import MODEL, RAW
from gmm_pipeline.orchestration.watching import Sighting, look, nothing_new, reason_of
from gmm_pipeline.storage.manifest import digest
from gmm_pipeline.storage.names import encode_name
from gmm_pipeline.storage.store import FitFolder

if TYPE_CHECKING:
    from gmm_pipeline.orchestration.datasets import Dataset
    from gmm_pipeline.orchestration.planning import ColumnStatus

REASON_TAG = "gmm_pipeline/because"
"""The tag of a run that tells why it was started."""
_LONGEST_TAG = 200


def watching_sensor(dataset: Dataset, folder: FitFolder, job: dg.UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Return a sensor that registers columns as partitions, and starts runs of those with something to do.

    Each change of the source or the settings starts runs once; what fails waits for the next change, or for people.
    """

    @dg.sensor(
        name=f"{dataset.name}_sensor",
        job=job,
        minimum_interval_seconds=dataset.watch_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Registers the columns of {dataset.name}"
        + (" and encodes what is new in its source." if dataset.watch else "."),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            if not dataset.watch:
                return _registered(dataset, dataset.discover().columns, context.instance)
            sighting = look(dataset, folder, _last_state(context.cursor))
            if sighting is None:
                return dg.SkipReason(nothing_new(dataset, folder))
        except SourceError as error:
            return dg.SkipReason(str(error))
        for remark in sighting.remarks:
            context.log.warning(remark)
        return _launched(dataset, sighting, context)

    return sensor


def refit_schedule(dataset: Dataset, job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Return a schedule that fits all columns of a dataset again."""

    @dg.schedule(
        name=f"{dataset.name}_refit",
        job=job,
        cron_schedule=str(dataset.schedule),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Fits all columns of {dataset.name} again.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        moment = context.scheduled_execution_time.isoformat()
        for column in dataset.spec().columns:
            key = encode_name(column)
            yield dg.RunRequest(run_key=f"{key} {moment}", partition_key=key, tags={REFIT_TAG: MODEL.name})

    return schedule


def _registered(
    dataset: Dataset, columns: Sequence[str], instance: dg.DagsterInstance
) -> dg.SensorResult | dg.SkipReason:
    """Make columns known as partitions; runs are started by hand."""
    new = _unknown(dataset, columns, instance)
    if not new:
        return dg.SkipReason(f"all {len(columns)} columns are registered")
    return dg.SensorResult(
        dynamic_partitions_requests=[partitions_of(dataset.name).build_add_request(new)],
        skip_reason=f"{len(new)} of {len(columns)} columns registered",
    )


def _launched(dataset: Dataset, sighting: Sighting, context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Make columns known as partitions, and start runs of what there is to do for them."""
    new = _unknown(dataset, sighting.columns, context.instance)
    queued = _queued(dataset, context.instance)
    to_do = [status for status in sighting.to_do if encode_name(status.column) not in queued]
    for status in to_do:
        context.log.info("%r: %s", status.column, reason_of(status))
    said = [
        f"{len(new)} of {len(sighting.columns)} columns registered, no run to start",
        *sighting.remarks,
    ]
    # Dagster never starts a run of a key that it knows; files and settings can come to be again what they once were.
    history = digest([context.cursor, sighting.state])
    return dg.SensorResult(
        run_requests=[_request(dataset, status, history) for status in to_do],
        skip_reason=None if to_do else "; ".join(said),
        dynamic_partitions_requests=[partitions_of(dataset.name).build_add_request(new)] if new else [],
        cursor=f"{sighting.state} {history}",
    )


def _request(dataset: Dataset, status: ColumnStatus, history: str) -> dg.RunRequest:
    key = encode_name(status.column)
    return dg.RunRequest(
        run_key=f"{key} {history}",
        partition_key=key,
        tags={REASON_TAG: reason_of(status)[:_LONGEST_TAG]},
        asset_selection=[asset_key(dataset.name, stage) for stage in status.to_do],
    )


def _queued(dataset: Dataset, instance: dg.DagsterInstance) -> set[str]:
    """Return the partitions that a run from the copy on waits for, which will see the source as it is then."""
    waiting = dg.RunsFilter(job_name=job_name(dataset.name), statuses=[dg.DagsterRunStatus.QUEUED])
    copy = asset_key(dataset.name, RAW)
    runs = [run for run in instance.get_runs(waiting) if not run.asset_selection or copy in run.asset_selection]
    return {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}


def _last_state(cursor: str | None) -> str | None:
    return None if cursor is None else cursor.split()[0]


def _unknown(dataset: Dataset, columns: Sequence[str], instance: dg.DagsterInstance) -> list[str]:
    """Return the partition keys of columns that Dagster does not know."""
    known = set(instance.get_dynamic_partitions(str(partitions_of(dataset.name).name)))
    return [key for key in map(encode_name, columns) if key not in known]

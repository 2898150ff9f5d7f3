"""What Dagster does for a dataset by itself: a sensor looks at its source, and a schedule fits
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.stages import MODEL, RAW
from gmm_pipeline.orchestration.assets import REFIT_TAG, asset_key, job_name, partitions_of
from gmm_pipeline.orchestration.watching import Sighting, look, nothing_new, reason_of
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.manifest import digest
from gmm_pipeline.store.names import encode_name

if TYPE_CHECKING:
    from gmm_pipeline.fits.plan import ColumnStatus
    from gmm_pipeline.orchestration.datasets import Dataset

REASON_TAG = "gmm_pipeline/because"
"""The tag of a run that tells why it was started."""
_LONGEST_TAG = 200
_AT_WORK = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class _Seen:
    """What a sensor remembers of its last look.

    Parameters
    ----------
    state : str or None
        Of the source and the settings.
    history : str
        A digest of all states so far. Dagster never starts a run of a key that it knows, and files
        and settings can come to be again what they once were.
    waiting : tuple of str
        The partitions that this state calls for runs of, once those that were at work have ended.
    """

    state: str | None = None
    history: str = ""
    waiting: tuple[str, ...] = ()

    @classmethod
    def at(cls, cursor: str | None) -> _Seen:
        state, history, *waiting = (cursor or " ").split(" ")
        return cls(state or None, history, tuple(waiting))

    @property
    def cursor(self) -> str:
        return " ".join([self.state or "", self.history, *self.waiting])

    def followed_by(self, state: str) -> _Seen:
        """Return what there is to remember of a look, for whose runs nothing waits yet; this, if it
        finds the same.
        """
        return self if state == self.state else _Seen(state, digest([self.history, state]))


def watching_sensor(
    dataset: Dataset, folder: FitFolder, job: dg.UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """Return a sensor that registers columns as partitions, and starts runs of those with something
    to do.

    Each change of the source or the settings starts runs once; what fails waits for the next
    change, or for people. A column that is being run waits for that run to end, as two runs of a
    column get in each other's way.
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
            seen = _Seen.at(context.cursor)
            sighting = look(dataset, folder, None if seen.waiting else seen.state)
            if sighting is None:
                return dg.SkipReason(nothing_new(dataset, folder))
        except SourceError as error:
            return dg.SkipReason(str(error))
        for remark in sighting.remarks:
            context.log.warning(remark)
        return _launched(dataset, sighting, seen, context)

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
            yield dg.RunRequest(
                run_key=f"{key} {moment}", partition_key=key, tags={REFIT_TAG: MODEL.name}
            )

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


def _launched(
    dataset: Dataset, sighting: Sighting, seen: _Seen, context: dg.SensorEvaluationContext
) -> dg.SensorResult:
    """Make columns known as partitions, and start runs of what there is to do for them."""
    new = _unknown(dataset, sighting.columns, context.instance)
    now = seen.followed_by(sighting.state)
    queued, running = _queued(dataset, context.instance), _running(dataset, context.instance)
    concerned = [
        status for status in sighting.to_do if now is not seen or status.key in seen.waiting
    ]
    to_do = [status for status in concerned if status.key not in queued | running]
    waiting = tuple(status.key for status in concerned if status.key in running)
    for status in to_do:
        context.log.info("%r: %s", status.column, reason_of(status))
    said = [
        f"{len(new)} of {len(sighting.columns)} columns registered, no run to start",
        *(f"column {key} waits for its run to end" for key in waiting),
        *sighting.remarks,
    ]
    return dg.SensorResult(
        run_requests=[_request(dataset, status, now.history) for status in to_do],
        skip_reason=None if to_do else "; ".join(said),
        dynamic_partitions_requests=[partitions_of(dataset.name).build_add_request(new)]
        if new
        else [],
        cursor=replace(now, waiting=waiting).cursor,
    )


def _request(dataset: Dataset, status: ColumnStatus, history: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{status.key} {history}",
        partition_key=status.key,
        tags={REASON_TAG: reason_of(status)[:_LONGEST_TAG]},
        asset_selection=[asset_key(dataset.name, stage) for stage in status.to_do],
    )


def _queued(dataset: Dataset, instance: dg.DagsterInstance) -> set[str]:
    """Return the partitions that a run from the copy on waits for, which will see the source as it
    is then.
    """
    waiting = dg.RunsFilter(job_name=job_name(dataset.name), statuses=[dg.DagsterRunStatus.QUEUED])
    copy = asset_key(dataset.name, RAW)
    runs = [
        run
        for run in instance.get_runs(waiting)
        if not run.asset_selection or copy in run.asset_selection
    ]
    return {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}


def _running(dataset: Dataset, instance: dg.DagsterInstance) -> set[str]:
    """Return the partitions that a run is at work on: there is no telling which state of the source
    it has read.
    """
    at_work = dg.RunsFilter(job_name=job_name(dataset.name), statuses=_AT_WORK)
    runs = instance.get_runs(at_work)
    return {run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags}


def _unknown(dataset: Dataset, columns: Sequence[str], instance: dg.DagsterInstance) -> list[str]:
    """Return the partition keys of columns that Dagster does not know."""
    known = set(instance.get_dynamic_partitions(str(partitions_of(dataset.name).name)))
    return [key for key in map(encode_name, columns) if key not in known]

"""What Dagster does for a dataset by itself: a sensor watches its source, a schedule fits again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.fits.stages import RAW
from gmm_pipeline.orchestration.assets import REFIT_TAG, asset_key, job_name, partitions_of
from gmm_pipeline.orchestration.columns_job import columns_job_name, columns_of, run_config_of
from gmm_pipeline.orchestration.lost_runs import report_lost_runs
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
"""Characters: about as many as the web UI shows of a tag."""
_PARTITION_TAG = "dagster/partition"
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
        A digest of the source and the settings.
    history : str
        A digest of all states so far. It is part of run keys: Dagster never starts a second run of
        the same key, but files and settings may return to an earlier state.
    waiting : tuple of str
        Partition keys of columns to run in this state, once the runs at work on them have ended.
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
        """Return what to remember of the next look: the same if it finds the same state."""
        return self if state == self.state else _Seen(state, digest([self.history, state]))


def watching_sensor(dataset: Dataset, folder: FitFolder) -> dg.SensorDefinition:
    """Return a sensor that registers columns as partitions, and starts runs of what is to be done.

    A change of the source or the settings starts one run, over all columns that it concerns. A
    column that fails waits for the next change, or for people. A column that another run works on
    waits for that run to end, because two runs of a column get in each other's way.
    """

    @dg.sensor(
        name=f"{dataset.name}_sensor",
        job_name=columns_job_name(dataset.name),
        minimum_interval_seconds=dataset.watch_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Registers the columns of {dataset.name}"
        + (" and encodes what is new in its source." if dataset.watch else "."),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        for message in report_lost_runs(context.instance):
            context.log.warning(message)
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


def refit_schedule(dataset: Dataset) -> dg.ScheduleDefinition:
    """Return a schedule that fits all columns of a dataset again, in one run."""

    @dg.schedule(
        name=f"{dataset.name}_refit",
        job_name=columns_job_name(dataset.name),
        cron_schedule=str(dataset.schedule),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Fits all columns of {dataset.name} again.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(
            run_key=context.scheduled_execution_time.isoformat(),
            run_config=run_config_of(dataset.name, dataset.spec().columns),
            tags={REFIT_TAG: Refit.MODEL.value},
        )

    return schedule


def _registered(
    dataset: Dataset, columns: Sequence[str], instance: dg.DagsterInstance
) -> dg.SensorResult | dg.SkipReason:
    """Register columns as partitions; people start the runs."""
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
    """Register columns as partitions, and start a run of what there is to do for them."""
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
        run_requests=[_request(dataset, to_do, now.history)] if to_do else [],
        skip_reason=None if to_do else "; ".join(said),
        dynamic_partitions_requests=[partitions_of(dataset.name).build_add_request(new)]
        if new
        else [],
        cursor=replace(now, waiting=waiting).cursor,
    )


def _request(dataset: Dataset, to_do: Sequence[ColumnStatus], history: str) -> dg.RunRequest:
    columns = [status.column for status in to_do]
    reasons = dict.fromkeys(map(reason_of, to_do))
    return dg.RunRequest(
        run_key=digest([history, *columns]),
        run_config=run_config_of(dataset.name, columns),
        tags={REASON_TAG: "; ".join(reasons)[:_LONGEST_TAG]},
    )


def _queued(dataset: Dataset, instance: dg.DagsterInstance) -> set[str]:
    """Return the partition keys of columns that a queued run will copy: as the source is then."""
    copy = asset_key(dataset.name, RAW)
    return {
        key
        for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
        if not run.asset_selection or copy in run.asset_selection
        for key in _columns_in(run, dataset)
    }


def _running(dataset: Dataset, instance: dg.DagsterInstance) -> set[str]:
    """Return the partition keys of columns that a run works on; it may have read an old source."""
    at_work = instance.get_runs(dg.RunsFilter(statuses=_AT_WORK))
    return {key for run in at_work for key in _columns_in(run, dataset)}


def _columns_in(run: dg.DagsterRun, dataset: Dataset) -> set[str]:
    """Return the partition keys of the columns of a dataset that a run is for."""
    if run.job_name == columns_job_name(dataset.name):
        return set(map(encode_name, columns_of(run, dataset.name) or dataset.spec().columns))
    if run.job_name == job_name(dataset.name):
        return set(filter(None, [run.tags.get(_PARTITION_TAG)]))
    return set()


def _unknown(dataset: Dataset, columns: Sequence[str], instance: dg.DagsterInstance) -> list[str]:
    """Return the partition keys of columns that Dagster does not know."""
    known = set(instance.get_dynamic_partitions(str(partitions_of(dataset.name).name)))
    return [key for key in map(encode_name, columns) if key not in known]

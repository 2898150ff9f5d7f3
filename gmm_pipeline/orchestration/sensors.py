"""What Dagster does for a dataset by itself: a sensor watches its source, a schedule fits again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.errors import IncompleteFileError, MissingSourceError, SourceError
from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.fits.source_ledger import files_not_taken, read_ledger
from gmm_pipeline.orchestration.assets import REFIT_TAG
from gmm_pipeline.orchestration.columns_job import columns_job_name, run_config_of
from gmm_pipeline.orchestration.lost_runs import report_lost_runs
from gmm_pipeline.orchestration.partition_keys import PartitionKeys, partitions_of
from gmm_pipeline.orchestration.reactions import react_to_change, react_to_runs
from gmm_pipeline.orchestration.runs_at_work import running_columns
from gmm_pipeline.orchestration.sensor_memory import SensorMemory
from gmm_pipeline.orchestration.sync import sync_missing
from gmm_pipeline.orchestration.watching import look, reason_of
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.manifest import digest

if TYPE_CHECKING:
    from gmm_pipeline.orchestration.datasets import Dataset
    from gmm_pipeline.orchestration.reactions import Reaction

REASON_TAG = "gmm_pipeline/because"
"""The tag of a run that tells why it was started."""
_LONGEST_TAG = 200
"""Characters: about as many as the web UI shows of a tag."""
_REPORTED_AT_ONCE = 200
"""Results: they take a few seconds of the minute after which Dagster gives a look up."""
_LONGEST_LIST = 5
"""Remarks in the reason why no run starts; the log of the tick that saw a change has all."""


def watching_sensor(dataset: Dataset, folder: FitFolder) -> dg.SensorDefinition:
    """Return a sensor that registers columns as partitions, and starts runs of what is to be done.

    A change of the source or the settings starts one run, over all columns that it concerns. A
    column that another run works on waits for that run to end, because two runs of a column get in
    each other's way. A column whose run died is asked for again, later each time. A column that
    failed waits for the next change, or for people.

    The sensor fails if the source was lost or cannot be read.
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
            _show_results(dataset, folder, context.instance)
            if not dataset.watch:
                return _registered(dataset, dataset.discover().columns, context.instance)
            return _watched(dataset, folder, context)
        except IncompleteFileError as error:
            return dg.SkipReason(str(error))
        except MissingSourceError as error:
            if (lost := read_ledger(folder)) is None:
                return dg.SkipReason(str(error))
            raise SourceError(
                f"{error.problem}, and had {len(lost.files)} files at the last look",
                remedy="Bring them back; the results are kept",
            ) from error

    return sensor


def refit_schedule(dataset: Dataset) -> dg.ScheduleDefinition:
    """Return a schedule that fits all columns of a dataset again, in one run."""

    @dg.schedule(
        name=f"{dataset.name}_refit",
        job_name=columns_job_name(dataset.name),
        cron_schedule=str(dataset.schedule),
        execution_timezone=dataset.timezone,
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


def _show_results(dataset: Dataset, folder: FitFolder, instance: dg.DagsterInstance) -> None:
    """Let Dagster show finished results that it does not know, a part of them at each look."""
    # A run at work records its results itself.
    if folder.snapshots.generations() and not running_columns(dataset, instance):
        sync_missing(dataset, folder, instance, most=_REPORTED_AT_ONCE)


def _watched(
    dataset: Dataset, folder: FitFolder, context: dg.SensorEvaluationContext
) -> dg.SensorResult:
    """Look at a source that is watched, and return what is to be done.

    Raises
    ------
    SourceError
        If a file is broken and there is nothing else to be done.
    """
    seen = SensorMemory.at(context.cursor)
    sighting = look(dataset, folder, seen.state)
    if sighting is not None:
        new = _unknown(dataset, sighting.columns, context.instance)
        reaction = react_to_change(dataset, folder, sighting, seen, context.instance)
        said = f"{len(new)} of {len(sighting.columns)} columns registered, no run to start"
        return _result(dataset, reaction, new, said, context)
    reaction = react_to_runs(dataset, folder, seen, context.instance)
    not_taken = files_not_taken(dataset.spec().source, folder)
    broken = [error for error in not_taken if not isinstance(error, IncompleteFileError)]
    if broken and not reaction.to_ask:
        for remark in (*reaction.remarks, *broken):
            context.log.error(str(remark))
        raise broken[0]
    said = "; ".join(["nothing is new", *(error.problem for error in not_taken)])
    return _result(dataset, reaction, [], said, context)


def _result(
    dataset: Dataset,
    reaction: Reaction,
    new: Sequence[str],
    said: str,
    context: dg.SensorEvaluationContext,
) -> dg.SensorResult:
    """Return what Dagster does: it registers new partition keys and starts a run, if there is one.

    Parameters
    ----------
    dataset : Dataset
    reaction : Reaction
    new : sequence of str
        Partition keys to register.
    said : str
        Why there is no run to start.
    context : SensorEvaluationContext
    """
    if reaction.to_ask:
        for remark in reaction.remarks:
            context.log.warning(remark)
    for status in reaction.to_ask:
        context.log.info("%r: %s", status.column, reason_of(status))
    reasons = [said, *reaction.remarks[:_LONGEST_LIST]]
    if len(reaction.remarks) > _LONGEST_LIST:
        reasons.append(f"and {len(reaction.remarks) - _LONGEST_LIST} more remarks")
    return dg.SensorResult(
        run_requests=[_request(dataset, reaction)] if reaction.to_ask else [],
        skip_reason=None if reaction.to_ask else "; ".join(reasons),
        dynamic_partitions_requests=[partitions_of(dataset.name).build_add_request(new)]
        if new
        else [],
        cursor=reaction.memory.cursor,
    )


def _request(dataset: Dataset, reaction: Reaction) -> dg.RunRequest:
    columns = [status.column for status in reaction.to_ask]
    reasons = dict.fromkeys(map(reason_of, reaction.to_ask))
    return dg.RunRequest(
        run_key=digest([reaction.memory.history, *columns]),
        run_config=run_config_of(dataset.name, columns),
        tags={REASON_TAG: "; ".join(reasons)[:_LONGEST_TAG], **dataset.sensor_tags},
    )


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


def _unknown(dataset: Dataset, columns: Sequence[str], instance: dg.DagsterInstance) -> list[str]:
    """Return the partition keys of columns that Dagster does not know."""
    return PartitionKeys.of(dataset.name, instance).unregistered(columns)

"""The job that computes all columns of a fit which have something to do, in one run.

It records each stage of each column as it is published: as a materialisation of the column's
partition, with its metadata and pictures, and with the verdicts of its checks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import Empty
from threading import Event, Thread
from typing import Any

import dagster as dg
from pydantic import Field

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.fits.concurrency import Concurrency
from gmm_pipeline.fits.obstacles import note_obstacles
from gmm_pipeline.fits.prepare import Prepared, prepare_stored
from gmm_pipeline.fits.progress import Outcome, Progress, SilentProgress, StageReport
from gmm_pipeline.fits.run_columns import ColumnsRun
from gmm_pipeline.fits.stages import RAW, Stage
from gmm_pipeline.orchestration.assets import StoreResource, asset_key, refit_of
from gmm_pipeline.orchestration.checks import completion_evaluation, verdict_fields
from gmm_pipeline.orchestration.dagster_internals import quick_sqlite
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.engines import EngineResource
from gmm_pipeline.orchestration.failures import raise_failures
from gmm_pipeline.orchestration.lost_runs import tag_with_process
from gmm_pipeline.orchestration.metadata import result_metadata
from gmm_pipeline.orchestration.partition_keys import PartitionKeys, partitions_of
from gmm_pipeline.orchestration.report_queue import ReportQueue, stopped_by_errors
from gmm_pipeline.orchestration.source_asset import source_observation
from gmm_pipeline.store.fit_folder import FitFolder

_LOOK_EVERY = 0.1
"""Seconds between two looks whether the run has ended, where nothing is published: short beside
the second that a run takes at least."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The configuration of runs that leave the console to the command."""


class Columns(dg.Config):
    """What a run computes."""

    columns: list[str] = Field(
        default=[],
        description="names of the columns; by default all of the fit. "
        "What is missing or stale is computed, unless a tag asks for more.",
    )


@dataclass(frozen=True)
class Task:
    """What a run has to do.

    Parameters
    ----------
    prepared : Prepared
        The fit, with its source open.
    work : dict of str to sequence of Stage
        The stages to do, in order, by column.
    refit : Refit
    progress : Progress
        Listens to the run.
    stopping : threading.Event
        Once it is set, no further stage begins.
    report : callable
        Takes the outcomes of the columns, in their order, and what went wrong besides, at the end
        of the run.
    left_out : dict of str to str
        Why columns cannot be computed, as far as it is not recorded yet, by column.
    """

    prepared: Prepared
    work: Mapping[str, Sequence[Stage]]
    refit: Refit
    progress: Progress = field(default_factory=SilentProgress)
    stopping: Event = field(default_factory=Event)
    report: Callable[[Sequence[Outcome], Sequence[BaseException]], None] = lambda *_: None
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads_source(self) -> bool:
        """Whether rows are copied from the source, which is there."""
        copies = any(RAW in stages for stages in self.work.values())
        return copies and not isinstance(self.prepared.opening, SourceError)


AssignTask = Callable[[dg.OpExecutionContext, FitFolder, Sequence[str]], Task]
"""Decides what a run has to do, from its context and the columns in its configuration."""


def columns_job_name(fit: str) -> str:
    """Return the name of the job that runs the columns of a fit."""
    return f"{fit}_run"


def run_config_of(fit: str, columns: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of a run over the given columns."""
    return {"ops": {_op_name(fit): {"config": {"columns": list(columns)}}}}


def columns_of(run: dg.DagsterRun, fit: str) -> list[str]:
    """Return the columns in the configuration of a run of the job; none means all."""
    config: Any = run.run_config
    for key in ("ops", _op_name(fit), "config"):
        config = config.get(key, {})
    return list(config.get("columns", []))


def build_columns_job(
    dataset: Dataset,
    assign: AssignTask,
    resources: Mapping[str, Any] | None = None,
) -> dg.JobDefinition:
    """Return the job of a dataset.

    Parameters
    ----------
    dataset : Dataset
    assign : callable
        Decides what a run has to do.
    resources : dict of str to resource, optional
        Of the job; by default those of the definitions that it is part of.
    """

    @dg.op(
        name=_op_name(dataset.name),
        out={},
        pool=dataset.pool,
        description="Computes the columns, several of them at once.",
    )
    def columns(
        context: dg.OpExecutionContext,
        config: Columns,
        gmm_store: StoreResource,
        gmm_engine: EngineResource,
    ) -> Iterator[Any]:
        tag_with_process(context.instance, context.run)
        task = assign(context, gmm_store.fit(dataset.name), config.columns)
        spec = task.prepared.spec
        if task.reads_source:
            yield source_observation(task.prepared)
        keys = PartitionKeys.of(spec.name, context.instance)
        context.instance.add_dynamic_partitions(
            str(partitions_of(spec.name).name), keys.unregistered(spec.columns)
        )
        share = Concurrency.of(spec, gmm_engine.threads, gmm_engine.memory)
        run = ColumnsRun(
            task.prepared,
            task.work,
            task.refit,
            share.over(len(task.work)).columns,
            partial(gmm_engine.engine, spec, share.memory_of_a_column),
            dataset.blocking,
            task.stopping,
        )
        with quick_sqlite(context.instance, context.run_id):
            for name, reason in task.left_out.items():
                key = asset_key(spec.name, RAW)
                yield completion_evaluation(key, keys.key(name), name, reason)
            yield from _recorded(context, dataset, run, task, keys)

    @dg.job(
        name=columns_job_name(dataset.name),
        description=f"Computes what is missing or stale in the columns of {dataset.name}.",
        run_tags=dataset.run_tags,
        executor_def=dg.in_process_executor,
        resource_defs=resources,
    )
    def job() -> None:
        columns()

    return job


def task_by_state(
    dataset: Dataset, context: dg.OpExecutionContext, folder: FitFolder, columns: Sequence[str]
) -> Task:
    """Return what is missing or stale in columns of a dataset, by its source as it is now."""
    spec = dataset.spec()
    prepared = prepare_stored(spec, folder)
    refit, obstacles = refit_of(context.run), prepared.obstacles()
    for error in obstacles.values():
        context.log.warning("Left out: %s", error)
    chosen = set(columns or spec.columns) - obstacles.keys()
    stages = {
        status.column: refit.stages(status)
        for status in prepared.statuses()
        if status.column in chosen
    }
    work = {column: to_do for column, to_do in stages.items() if to_do}
    context.log.info("%d of %d columns have something to do", len(work), len(stages))
    return Task(prepared, work, refit, left_out=note_obstacles(folder, obstacles))


def _op_name(fit: str) -> str:
    """Return the name of the job's op: Dagster wants it to be unique among all jobs."""
    return f"{fit}_columns"


def _recorded(
    context: dg.OpExecutionContext,
    dataset: Dataset,
    run: ColumnsRun,
    task: Task,
    keys: PartitionKeys,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Execute a run and yield what Dagster records of it; raise `dg.Failure` if a column failed.

    The columns run in threads of their own, because Dagster records from the main thread alone.
    At an interruption no further stage begins, and what is published still is recorded.
    """
    listener = ReportQueue(task.progress)
    ended: list[Outcome] = []
    errors: list[BaseException] = []

    def execute() -> None:
        try:
            try:
                ended.extend(run.execute(listener))
            finally:
                run.commit()
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            errors.append(error)
        task.report(ended, errors)

    working = Thread(target=execute, name="columns")
    working.start()
    with stopped_by_errors(working, run.stopping):
        while True:
            running = working.is_alive()
            try:
                report = listener.reports.get(timeout=_LOOK_EVERY if running else 0)
            except Empty:
                if not running:
                    break
            except dg.DagsterExecutionInterruptedError as error:
                errors.append(error)
                run.stopping.set()
                task.progress.stopping()
            else:
                yield from _events(context, dataset, report, keys)
    if errors:
        raise errors[0]
    raise_failures(ended, len(run.work))


def _events(
    context: dg.OpExecutionContext,
    dataset: Dataset,
    report: StageReport | Outcome | str,
    keys: PartitionKeys,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Yield what Dagster records of a published stage or of the end of a column; log a remark."""
    if isinstance(report, str):
        context.log.info(report)
        return
    if report.stage is None:
        return
    key, partition = asset_key(dataset.name, report.stage), keys.key(report.column)
    if isinstance(report, Outcome):
        context.log.error("%s: %s%s", report.column, report.error, report.traceback)
        yield completion_evaluation(key, partition, report.column, report.error)
        return
    if report.undrawn:
        context.log.warning(report.undrawn)
    metadata = result_metadata(report.result, key, report.illustrations)
    yield dg.AssetMaterialization(key, partition=partition, metadata=metadata)
    for check, verdict in report.verdicts.items():
        fields = verdict_fields(report.column, check, verdict, dataset.blocking)
        yield dg.AssetCheckEvaluation(
            asset_key=key, partition=partition, **fields, blocking=check.name in dataset.blocking
        )
    if report.repaired:
        yield completion_evaluation(key, partition, report.column, None)

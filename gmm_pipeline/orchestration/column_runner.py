"""Running the stages of columns through Dagster in this process, against the instance that the web
UI reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg

from gmm_pipeline import errors
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.fits.stages import STAGES, Stage
from gmm_pipeline.orchestration.assets import asset_key, job_name, partitions_of
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.instance import open_own_instance
from gmm_pipeline.store.names import encode_name

_OWN_ERRORS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class ColumnRun:
    """Some stages of a column that are to be made, in their order, in a run of Dagster with an id
    and tags.
    """

    run_id: str
    column: str
    stages: tuple[Stage, ...]
    tags: Mapping[str, str]


class ColumnRunner:
    """Runs columns of one fit, in several threads at once if need be.

    Parameters
    ----------
    spec : FitSpec
    store : Path
    threads : int
        Of the local engine, for each column in work; 0 means one per core.
    memory : int
        Bytes that this process may hold if it has a single column in work.
    stopping : threading.Event
        Lets no further stage begin once it is set.
    """

    def __init__(
        self, spec: FitSpec, store: Path, threads: int, memory: int, stopping: Event
    ) -> None:
        self._fit = spec.name
        self._instance = open_own_instance(store)
        self._instance.add_dynamic_partitions(
            str(partitions_of(spec.name).name), [encode_name(column) for column in spec.columns]
        )
        dataset = Dataset(spec.name, lambda: spec, lambda: spec)
        definitions = build_definitions([dataset], store, threads=threads, memory=memory)
        self._job = _resolving_once(definitions.resolve_job_def(job_name(spec.name)))
        self._stopping = stopping

    def run(self, asked: ColumnRun, on_stage: Callable[[Stage], None]) -> str | None:
        """Run some of a column's stages in order, and tell of each that is done; return the error
        that ended it.

        Raises
        ------
        KeyboardInterrupt
            If a stage did not begin as the runs are stopping.
        """
        self._instance.add_event_listener(asked.run_id, _stage_listener(on_stage, self._stopping))
        result = self._job.execute_in_process(
            run_config=_QUIET,
            tags=dict(asked.tags),
            instance=self._instance,
            partition_key=encode_name(asked.column),
            asset_selection=[asset_key(self._fit, stage) for stage in asked.stages],
            raise_on_error=False,
            run_id=asked.run_id,
        )
        return None if result.success else _error_of(result)

    def give_up(self, run_id: str, reason: str) -> None:
        """Note that a run failed whose process is gone, or will be."""
        run = self._instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            self._instance.report_run_failed(run, reason)


def _resolving_once(job: dg.JobDefinition) -> dg.JobDefinition:
    """Let Dagster work out what a job is with some of its assets once, and not, three times over,
    for each run.
    """
    resolve, resolved = job.as_ephemeral_job, dict[frozenset[dg.AssetKey], dg.JobDefinition]()

    def resolving(asset_selection: Sequence[dg.AssetKey], **others: Any) -> dg.JobDefinition:
        assets = frozenset(asset_selection)
        if assets not in resolved:
            part = resolve(asset_selection=asset_selection, **others)
            part.get_subset = cache(part.get_subset)  # type: ignore[method-assign,assignment]
            resolved[assets] = part
        return resolved[assets]

    job.as_ephemeral_job = resolving  # type: ignore[method-assign,assignment]
    return job


def _stage_listener(
    on_stage: Callable[[Stage], None], stopping: Event
) -> Callable[[dg.EventLogEntry], None]:
    """Return what tells of stages that are done, and lets none begin when the runs are to end."""
    stages = {stage.asset: stage for stage in STAGES}

    def listen(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.is_step_start and stopping.is_set():
            raise dg.DagsterExecutionInterruptedError
        if event is not None and event.is_step_materialization and event.asset_key is not None:
            on_stage(stages[event.asset_key.path[-1]])

    return listen


def _error_of(result: dg.ExecuteInProcessResult) -> str:
    """Return the message of the first error that a run ended with."""
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None and error.cls_name not in _OWN_ERRORS:
            error = error.cause
        if error is not None and error.cls_name == dg.DagsterExecutionInterruptedError.__name__:
            raise KeyboardInterrupt
        if error is not None:
            return error.message.strip().removeprefix(f"gmm_pipeline.errors.{error.cls_name}: ")
    return "the run failed; its log in the Dagster web UI says where"

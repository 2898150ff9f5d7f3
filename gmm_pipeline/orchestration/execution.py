"""Running the stages of columns through Dagster in this process, against the instance that the web UI reads."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg

from gmm_pipeline import errors
from gmm_pipeline.engines.local.partitioning import share_of_memory
from gmm_pipeline.orchestration.assets import asset_key, job_name, partitions_of
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.fit_spec import FitSpec
from gmm_pipeline.orchestration.instance import columns_at_once, memory_of_a_run, open_own_instance
from gmm_pipeline.orchestration.interruptible import call_at_once
from gmm_pipeline.orchestration.run_progress import Outcome, Progress
from gmm_pipeline.orchestration.stages import STAGES, Stage
from gmm_pipeline.storage.names import encode_name

_OWN_ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class DagsterRunner:
    """Runs columns of one fit, several at once where that helps: while one is fitted, another is passed over.

    Parameters
    ----------
    spec : FitSpec
    store : Path
    threads : int
        Of the local engine, for each column in work; 0 means one per core.
    memory : int
        Bytes that this process may hold; 0 means what suits the machine.
    """

    def __init__(self, spec: FitSpec, store: Path, threads: int = 0, memory: int = 0) -> None:
        self._spec = spec
        memory = memory or memory_of_a_run()
        self._at_once = columns_at_once(spec, threads, memory)
        self._instance = open_own_instance(store)
        self._instance.add_dynamic_partitions(
            str(partitions_of(spec.name).name), [encode_name(column) for column in spec.columns]
        )
        dataset = Dataset(spec.name, lambda: spec, lambda: spec)
        share = share_of_memory(memory, self._at_once)
        definitions = build_definitions([dataset], store, threads=threads, memory=share)
        self._job = _resolving_once(definitions.resolve_job_def(job_name(spec.name)))
        self._stopping = Event()
        self._working: set[str] = set()

    def run(self, work: Mapping[str, Sequence[Stage]], progress: Progress, tags: Mapping[str, str]) -> list[Outcome]:
        """Run some stages of each of some columns, and return what became of them, in their order.

        Raises
        ------
        KeyboardInterrupt
            If this process is interrupted, once the stages in work have ended. At a second interruption the process
            ends at once.
        """
        runs = [partial(self._run, column, stages, progress, tags) for column, stages in work.items()]
        if min(self._at_once, len(runs)) <= 1:
            return [run() for run in runs]

        def stop() -> None:
            self._stopping.set()
            progress.stopping()

        return call_at_once(runs, self._at_once, stop, self._abandon)

    def _run(self, column: str, stages: Sequence[Stage], progress: Progress, tags: Mapping[str, str]) -> Outcome:
        """Run some of a column's stages in order."""
        progress.start(column, len(stages))
        started = time.perf_counter()
        run_id = str(uuid.uuid4())
        self._working.add(run_id)
        self._instance.add_event_listener(run_id, _stage_listener(partial(progress.stage, column), self._stopping))
        result = self._job.execute_in_process(
            run_config=_QUIET,
            tags=dict(tags),
            instance=self._instance,
            partition_key=encode_name(column),
            asset_selection=[asset_key(self._spec.name, stage) for stage in stages],
            raise_on_error=False,
            run_id=run_id,
        )
        self._working.discard(run_id)
        outcome = Outcome(column, time.perf_counter() - started, None if result.success else _error_of(result))
        progress.finish(outcome)
        return outcome

    def _abandon(self) -> None:
        """End this process, and what is in work with it: as after a crash, nothing is half-visible."""
        for run_id in tuple(self._working):
            run = self._instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self._instance.report_run_failed(run, "Interrupted.")
        os._exit(1)


def _resolving_once(job: dg.JobDefinition) -> dg.JobDefinition:
    """Let Dagster work out what a job is with some of its assets once, and not, three times over, for each run."""
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


def _stage_listener(on_stage: Callable[[Stage], None], stopping: Event) -> Callable[[dg.EventLogEntry], None]:
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

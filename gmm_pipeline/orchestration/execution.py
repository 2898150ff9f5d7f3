"""Runs columns for the command line: one run of Dagster, in the instance that the web UI shows."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, NoReturn

from gmm_pipeline.errors import PipelineError, disk_error
from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.orchestration.assets import REFIT_TAG
from gmm_pipeline.orchestration.columns_job import QUIET, Task, build_columns_job, run_config_of
from gmm_pipeline.orchestration.dagster_internals import without_captured_output
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.instance import open_instance
from gmm_pipeline.orchestration.lost_runs import process_tag, report_lost_runs
from gmm_pipeline.orchestration.resources import resources_of
from gmm_pipeline.orchestration.shown_fits import note_shown
from gmm_pipeline.orchestration.sync import Synced, sync_missing

if TYPE_CHECKING:
    from types import FrameType

    import dagster as dg

    from gmm_pipeline.fits.prepare import Prepared
    from gmm_pipeline.fits.progress import Outcome, Progress
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.fits.stages import Stage

_LOOK_EVERY = 0.1
"""Seconds between two looks whether a run has ended: the system may give a signal to any thread,
and the main thread, which handles it, does not wake from waiting then."""


class DagsterRunner:
    """Runs columns in this process, each time as one run of Dagster.

    Parameters
    ----------
    store : Path
    threads : int
        Threads of the local engine, for each column; 0 means one per core.
    memory : int
        Bytes that this process may use; 0 means what suits the machine.
    """

    def __init__(self, store: Path, threads: int = 0, memory: int = 0) -> None:
        self._instance = without_captured_output(open_instance(store))
        self._resources = resources_of(store, threads, memory)

    def remarks(self) -> list[str]:
        """Report earlier runs as failed whose process died; return what people should know."""
        return [*report_lost_runs(self._instance), *_launcher_remarks(self._instance)]

    def show_results(self, prepared: Prepared) -> Synced:
        """Let Dagster show the results of a fit that it does not know."""
        synced = sync_missing(_dataset_of(prepared.spec), prepared.folder, self._instance)
        note_shown(Path(self._instance.root_directory), prepared.folder)
        return synced

    def run(
        self,
        prepared: Prepared,
        work: Mapping[str, Sequence[Stage]],
        progress: Progress,
        refit: Refit = Refit.NONE,
    ) -> list[Outcome]:
        """Run some stages of each of some columns, and return how they ended, in their order.

        Raises
        ------
        KeyboardInterrupt
            If SIGINT or SIGTERM interrupts this process, once the stages at work have ended. A
            second interruption ends the process at once; as after a crash, no result is incomplete.
        """
        spec, run_id = prepared.spec, str(uuid.uuid4())
        interrupted, stopping = Event(), Event()
        outcomes: list[Outcome] = []
        problems: list[PipelineError] = []

        def report(ended: Sequence[Outcome], errors: Sequence[BaseException]) -> None:
            outcomes.extend(ended)
            problems.extend(error for error in errors if isinstance(error, PipelineError))

        task = Task(prepared, work, refit, progress, stopping, report)
        job = build_columns_job(_dataset_of(spec), lambda *_: task, self._resources)

        def execute() -> None:
            result = job.execute_in_process(
                run_config={**QUIET, **run_config_of(spec.name, list(work))},
                instance=self._instance,
                tags={REFIT_TAG: refit.value, **process_tag(run_id)},
                run_id=run_id,
                raise_on_error=False,
            )
            failed = any(outcome.error for outcome in outcomes)
            explained = interrupted.is_set() or failed or bool(problems)
            if not (result.success or explained):
                raise _unexplained(result)

        def stop() -> None:
            interrupted.set()
            stopping.set()
            progress.stopping()

        with _interruptions(stop, partial(self._abandon, run_id)):
            _in_thread(execute)
        if problems:
            raise problems[0]
        if interrupted.is_set():
            raise KeyboardInterrupt
        return outcomes

    def _abandon(self, run_id: str) -> NoReturn:
        """End this process at once."""
        try:
            run = self._instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self._instance.report_run_failed(run, "Interrupted twice.")
        finally:
            os._exit(1)


def _unexplained(result: dg.ExecuteInProcessResult) -> PipelineError:
    """Return the error for a run that failed although none of its columns did."""
    failures = [event.step_failure_data.error for event in result.get_step_failure_events()]
    text = "\n".join(str(error.to_string()) for error in failures if error)
    return disk_error(RuntimeError(text)) or PipelineError(
        f"Dagster's run {result.run_id} failed",
        remedy="Its log in the web UI (`gmm-pipeline ui`) says why; go on with "
        "`gmm-pipeline retry`",
    )


def _launcher_remarks(instance: dg.DagsterInstance) -> list[str]:
    """Say so if Dagster's daemon takes runs of this process for dead.

    The launchers of Docker and Kubernetes look for a container of each run. Dagster has no public
    way to exempt a run from its monitoring; the end of a run replaces what the daemon said.
    """
    launcher = instance.run_launcher
    if not (instance.run_monitoring_enabled and launcher.supports_check_run_worker_health):
        return []
    name = type(launcher).__name__
    remark = (
        f"{name} cannot see runs of this command. Where Dagster's daemon monitors runs, the web UI "
        "shows this one as failed until it ends; its results are not affected."
    )
    return [remark]


def _dataset_of(spec: FitSpec) -> Dataset:
    return Dataset(spec.name, lambda: spec, lambda: spec, retries=0)


def _in_thread(execute: Callable[[], None]) -> None:
    """Call a function in a thread of its own, where no signal interrupts Dagster, and wait."""
    errors: list[BaseException] = []

    def call() -> None:
        try:
            execute()
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            errors.append(error)

    thread = Thread(target=call, name="run")
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_EVERY)
    if errors:
        raise errors[0]


@contextmanager
def _interruptions(first: Callable[[], None], second: Callable[[], None]) -> Iterator[None]:
    """Call functions at the first and at each later interruption by SIGINT or SIGTERM."""
    calls = iter([first])

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        next(calls, second)()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

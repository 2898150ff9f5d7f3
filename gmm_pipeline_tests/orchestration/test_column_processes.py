"""Columns that are run by other processes: what is told of them, how they are ended, and what if a
process dies.
"""

import os
import pathlib
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from threading import Event

import dagster as dg
import numpy as np
import polars as pl
import psutil
import pytest
from gmm_pipeline.orchestration.column_processes import ColumnProcess, ColumnProcesses, _serve
from gmm_pipeline.orchestration.column_runner import ColumnRun, ColumnRunner
from gmm_pipeline.orchestration.run_launcher import LocalRunLauncher
from workplace import Workplace

from gmm_pipeline.fits.progress import SilentProgress
from gmm_pipeline.fits.source_ledger import update_ledger
from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.fits.stages import STAGES, Stage
from gmm_pipeline.orchestration.execution import DagsterRunner
from gmm_pipeline.orchestration.instance import open_instance
from gmm_pipeline.store.store import Store


class Told(SilentProgress):
    """Keeps what it is told, and does something at the first stage."""

    def __init__(self, at_first: Callable[[], object] = lambda: None) -> None:
        self.stages: list[Stage] = []
        self._at_first = at_first

    def stage(self, _: str, stage: Stage) -> None:
        self.stages.append(stage)
        if len(self.stages) == 1:
            self._at_first()


def run_of(column: str) -> ColumnRun:
    return ColumnRun(str(uuid.uuid4()), column, STAGES, {})


@contextmanager
def one_process(runner: DagsterRunner) -> Iterator[tuple[ColumnProcesses, ColumnProcess]]:
    with ColumnProcesses(runner._make, 1) as processes:
        (process,) = processes._all
        while not process.has_started():
            time.sleep(0.01)
        yield processes, process


@pytest.fixture
def runner(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> DagsterRunner:
    monkeypatch.setenv("DAGSTER_HOME", "")
    pl.DataFrame({"a": range(100), "b": ["x", "y"] * 50}).write_parquet(tmp_path / "t.parquet")
    spec = FitSpec(name="t", source=str(tmp_path / "t.parquet"), columns=("a", "b"))
    folder = Store(tmp_path / "store").fit("t")
    save_spec(spec, folder)
    update_ledger(spec.source, folder, accept=lambda _: True)
    return DagsterRunner(spec, tmp_path / "store")


def run_in(store: pathlib.Path, run_id: str) -> tuple[dg.DagsterRunStatus, int]:
    """Return how a run stands, and the process that its log names."""
    with open_instance(store) as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        launcher = instance.run_launcher
        assert isinstance(launcher, LocalRunLauncher)
        worker = launcher._worker(run)
        assert worker is not None
        return run.status, worker.process_id


def test_a_free_process_runs_columns_and_tells_of_their_stages(
    runner: DagsterRunner, tmp_path: pathlib.Path
) -> None:
    with one_process(runner) as (processes, process):
        for column in ("a", "b"):
            asked, told = run_of(column), Told()
            outcome = runner._run(asked, told, processes)

            assert (outcome.column, outcome.error) == (column, None)
            assert told.stages == list(STAGES)
            assert run_in(tmp_path / "store", asked.run_id) == (
                dg.DagsterRunStatus.SUCCESS,
                process._process.pid,
            )


def test_a_column_whose_process_is_killed_fails_alone(
    runner: DagsterRunner, tmp_path: pathlib.Path
) -> None:
    with one_process(runner) as (processes, process):
        pid = process._process.pid
        assert pid is not None
        killed, told = run_of("a"), Told(at_first=lambda: os.kill(pid, signal.SIGKILL))
        outcome = runner._run(killed, told, processes)
        others = run_of("b")
        other = runner._run(others, Told(), processes)

    assert outcome.error is not None
    assert "gmm-pipeline retry" in outcome.error
    assert run_in(tmp_path / "store", killed.run_id) == (dg.DagsterRunStatus.FAILURE, pid)
    assert other.error is None
    assert run_in(tmp_path / "store", others.run_id) == (dg.DagsterRunStatus.SUCCESS, os.getpid())


def test_no_stage_begins_in_a_process_that_is_stopped(
    runner: DagsterRunner, tmp_path: pathlib.Path
) -> None:
    with one_process(runner) as (processes, _):
        asked, told = run_of("a"), Told(at_first=processes.stop)
        with pytest.raises(KeyboardInterrupt):
            runner._run(asked, told, processes)

    assert len(told.stages) < len(STAGES)
    assert run_in(tmp_path / "store", asked.run_id)[0] is dg.DagsterRunStatus.FAILURE


def test_what_is_raised_in_a_process_is_raised_where_it_was_asked_for(
    runner: DagsterRunner,
) -> None:
    with one_process(runner) as (_, process):
        with pytest.raises(dg.DagsterInvalidSubsetError) as raised:
            process.run(
                ColumnRun(str(uuid.uuid4()), "a", (Stage("none", "no such asset", (), ()),), {}),
                print,
            )
        assert process.run(run_of("a"), lambda _: None) is None

    assert any("Traceback" in note for note in raised.value.__notes__)


def test_a_process_ends_with_the_one_that_started_it() -> None:
    context = get_context("spawn")
    own_end, other_end = context.Pipe()
    process = context.Process(target=_serve, args=(other_end, sleeping_runner))
    process.start()
    other_end.close()
    own_end.close()  # as the system does when a process ends

    process.join(timeout=60)
    assert process.exitcode is not None


def sleeping_runner(_: Event) -> ColumnRunner:
    time.sleep(3600)
    raise AssertionError


def test_ctrl_c_ends_the_columns_of_all_processes_and_leaves_nothing_behind(
    workplace: Workplace,
) -> None:
    rng = np.random.default_rng(0)
    names = [f"c{number:02d}" for number in range(40)]
    pl.DataFrame({name: rng.standard_cauchy(20_000) for name in names}).write_parquet(
        workplace.path / "t.parquet"
    )
    fit = workplace.store / "t"

    with workplace.start(
        "gmm-pipeline", "run", "t.parquet", "--threads", "2", "--memory", "4GB"
    ) as process:
        while process.poll() is None and len(in_work(workplace)) < 2:
            time.sleep(0.1)
        started = psutil.Process(process.pid).children(recursive=True)
        for each in [*started, psutil.Process(process.pid)]:
            each.send_signal(signal.SIGINT)
        _, told = process.communicate()

    assert process.returncode == 1, told
    assert "Traceback" not in told
    assert told.endswith("Aborted!\n")
    assert psutil.wait_procs(started, timeout=60)[1] == []
    assert not list(fit.glob("*/.drafts/*"))
    with workplace.history() as instance:
        assert {run.status for run in instance.get_runs()} <= {
            dg.DagsterRunStatus.FAILURE,
            dg.DagsterRunStatus.SUCCESS,
        }
    assert workplace.call("retry").status == 0
    assert len(list(fit.glob("*/transformed"))) == len(names)


def in_work(workplace: Workplace) -> set[int]:
    """Return the processes of all runs so far."""
    with workplace.history() as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, LocalRunLauncher)
        workers = [launcher._worker(run) for run in instance.get_runs()]
    return {worker.process_id for worker in workers if worker is not None}

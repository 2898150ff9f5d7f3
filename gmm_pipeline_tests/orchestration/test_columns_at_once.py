"""Several columns in work at once: their order, what is told of them, and how they are ended."""

import os
import pathlib
import signal
import threading
import time
from collections import defaultdict

import dagster as dg
import numpy as np
import polars as pl
import pytest
from gmm_pipeline.orchestration.interruptible import call_at_once
from workplace import Workplace, results

from gmm_pipeline.fits.progress import Outcome, SilentProgress
from gmm_pipeline.fits.source_ledger import update_ledger
from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.fits.stages import STAGES, Stage
from gmm_pipeline.orchestration.execution import DagsterRunner
from gmm_pipeline.store.store import Store

GIGABYTE = 1 << 30


class Meeting(SilentProgress):
    """Lets each of two columns go on once both have a stage done."""

    def __init__(self) -> None:
        self.both = threading.Barrier(2, timeout=120)
        self.told: dict[str, list[str]] = defaultdict(list)
        self.finished: list[Outcome] = []

    def stage(self, column: str, stage: Stage) -> None:
        self.told[column].append(stage.name)
        if stage is STAGES[0]:
            self.both.wait()

    def finish(self, outcome: Outcome) -> None:
        self.finished.append(outcome)


def test_columns_are_in_work_at_once_and_each_is_told_of(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    pl.DataFrame({"a": range(100), "b": ["x", "y"] * 50}).write_parquet(tmp_path / "t.parquet")
    spec = FitSpec(name="t", source=str(tmp_path / "t.parquet"), columns=("b", "a"))
    folder, progress = Store(tmp_path / "store").fit("t"), Meeting()
    save_spec(spec, folder)
    update_ledger(spec.source, folder, accept=lambda _: True)

    runner = DagsterRunner(spec, tmp_path / "store", threads=2, memory=2 * GIGABYTE)
    outcomes = runner.run(dict.fromkeys(spec.columns, STAGES), progress, {})

    assert [(outcome.column, outcome.error) for outcome in outcomes] == [("b", None), ("a", None)]
    assert sorted(progress.finished, key=outcomes.index) == outcomes
    assert progress.told == {column: [stage.name for stage in STAGES] for column in "ab"}


def two_are_in_work(fit: pathlib.Path) -> bool:
    """Whether an interruption finds two columns in work, far from their last stage: in that they
    would end well.
    """
    return len(list(fit.glob("[abc]"))) == 2 and not list(fit.glob("[abc]/model"))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_all_columns_in_work_and_leaves_nothing_behind(
    workplace: Workplace, ending: signal.Signals
) -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({name: rng.standard_cauchy(1_000_000) for name in "abc"})
    table.write_parquet(workplace.path / "t.parquet")
    fit = workplace.store / "t"

    with workplace.start(
        "gmm-pipeline", "run", "t.parquet", "--threads", "2", "--memory", "2GB"
    ) as process:
        while process.poll() is None and not two_are_in_work(fit):
            time.sleep(0.002)
        process.send_signal(ending)
        _, told = process.communicate()

    assert process.returncode == 1, told
    assert "Stopping after the stages in work" in told
    assert told.endswith("Aborted!\n")
    assert "Traceback" not in told
    assert not list(fit.glob("*/.drafts/*"))
    with workplace.history() as instance:
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.FAILURE}
        assert len(instance.get_runs()) == 2
    assert workplace.call("retry").status == 0
    assert len(results(fit)) > 0


def test_a_second_interruption_does_not_wait() -> None:
    working, abandoned = threading.Event(), threading.Event()
    again = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))

    def work() -> None:
        working.set()
        abandoned.wait(60)

    def interrupt() -> None:
        assert working.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        call_at_once([work, work, work], 2, again.start, abandoned.set)
    assert abandoned.is_set(), "it was waited for"

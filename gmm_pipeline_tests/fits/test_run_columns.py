"""Runs over several columns at once: what they report, how they fail, and how they are stopped."""

import pathlib
import threading
from collections import defaultdict
from collections.abc import Callable

import polars as pl
import pytest

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.fits import run_columns
from gmm_pipeline.fits.checks import CHECKS, Check
from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.fits.prepare import Prepared, prepare_stored
from gmm_pipeline.fits.progress import Outcome, SilentProgress, StageReport
from gmm_pipeline.fits.run_columns import ColumnsRun
from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.fits.stages import MODEL, RAW, SKETCH, STAGES, Stage
from gmm_pipeline.fits.verdicts import Verdict
from gmm_pipeline.store.store import Store

FRAME = pl.DataFrame({"a": range(100), "b": ["x", "y"] * 50, "list": [[1.0]] * 100})


class Listener(SilentProgress):
    """Keeps what a run reports."""

    def __init__(self, at_stage: Callable[[StageReport], None] = lambda _: None) -> None:
        self.reports: dict[str, list[StageReport]] = defaultdict(list)
        self.finished: list[Outcome] = []
        self.at_stage = at_stage

    def stage(self, report: StageReport) -> None:
        self.reports[report.column].append(report)
        self.at_stage(report)

    def finish(self, outcome: Outcome) -> None:
        self.finished.append(outcome)

    @property
    def stages(self) -> dict[str, list[str]]:
        return {
            column: [report.stage.name for report in reports]
            for column, reports in self.reports.items()
        }


@pytest.fixture
def prepared(tmp_path: pathlib.Path) -> Prepared:
    FRAME.write_parquet(tmp_path / "t.parquet")
    spec = FitSpec(name="t", source=str(tmp_path / "t.parquet"), columns=("b", "a", "list"))
    folder = Store(tmp_path / "store").fit("t")
    save_spec(spec, folder)
    return prepare_stored(spec, folder)


def run_of(prepared: Prepared, *columns: str, **options: object) -> ColumnsRun:
    work = dict.fromkeys(columns, STAGES)
    engine = LocalEngine(1)
    return ColumnsRun(prepared, work, Refit.NONE, 2, lambda: engine, **options)  # type: ignore[arg-type]


def test_columns_run_at_once_and_each_stage_is_reported(prepared: Prepared) -> None:
    both = threading.Barrier(2, timeout=120)
    listener = Listener(lambda report: both.wait() and None if report.stage is RAW else None)

    outcomes = run_of(prepared, "b", "a").execute(listener)

    assert [(outcome.column, outcome.error) for outcome in outcomes] == [("b", None), ("a", None)]
    assert sorted(listener.finished, key=outcomes.index) == outcomes
    assert listener.stages == {column: [stage.name for stage in STAGES] for column in "ab"}
    model = listener.reports["a"][STAGES.index(MODEL)]
    assert model.result.manifest == prepared.folder.column("a").require("model").manifest
    assert {check.name for check in model.verdicts} == {"converged", "drift"}
    assert all(verdict.passed for verdict in model.verdicts.values())
    assert model.illustrations["picture"].startswith("![")


def test_the_failure_of_a_column_is_its_own(prepared: Prepared) -> None:
    listener = Listener()

    outcomes = run_of(prepared, "list", "a").execute(listener)

    failed, done = outcomes
    assert failed.stage is RAW
    assert "cannot be encoded" in str(failed.error)
    assert not failed.traceback, "it tells the user what to do"
    assert done.error is None
    assert set(listener.reports) == {"a"}
    failure = prepared.folder.column("list").failure()
    assert failure is not None
    assert (failure.stage, failure.message) == ("raw", failed.error)


def test_an_error_that_is_not_ours_says_where_it_came_from(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalEngine, "sketch", lambda *_: 1 // 0)

    (outcome,) = run_of(prepared, "a").execute(Listener())

    assert outcome.stage is SKETCH
    assert str(outcome.error).startswith("ZeroDivisionError: ")
    assert "in product" in outcome.traceback or "test_run_columns" in outcome.traceback


def test_a_blocking_check_that_fails_ends_its_column(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judged(stage: Stage, _: object) -> dict[Check, Verdict]:
        refused = Verdict(passed=False, reason="no good")
        return {check: refused for check in CHECKS if check.stage is stage}

    monkeypatch.setattr(run_columns, "judge", judged)
    listener = Listener()

    blocked = run_of(prepared, "a", blocking=("drift",)).execute(listener)
    (not_blocked,) = run_of(prepared, "b").execute(listener)

    assert [outcome.stage for outcome in blocked] == [MODEL]
    assert blocked[0].error == "stopped after model by check drift: no good"
    assert listener.stages["a"] == ["raw", "sketch", "model"]
    assert not_blocked.error is None


def test_no_stage_begins_once_a_run_is_stopped_and_its_results_become_visible(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = threading.Event()
    committed: list[list[str]] = []
    monkeypatch.setattr(
        run_columns, "commit", lambda _spec, _folder, columns: committed.append(list(columns))
    )
    listener = Listener(lambda _: stopping.set())

    run = run_of(prepared, "a", "b", stopping=stopping)
    outcomes = run.execute(listener)
    run.commit()

    assert outcomes == []
    assert all(len(stages) == 1 for stages in listener.stages.values())
    assert not list(prepared.folder.path.glob("*/.drafts/*"))
    assert committed == [["b", "a", "list"]]

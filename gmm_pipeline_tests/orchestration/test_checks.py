"""What is checked of a column's results, each in the step that makes them."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from jobs import make_column
from workplace import Workplace

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.fits import verdicts
from gmm_pipeline.fits.checks import CHECKS
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.orchestration.assets import job_name
from gmm_pipeline.orchestration.checks import COMPLETION
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.partition_keys import partitions_of
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store

FRAME = pl.DataFrame(
    {"x": np.random.default_rng(0).standard_t(1, 2000), "a/b": ["yes", "no"] * 1000}
)
LOSSY = {"extremes": "clip", "min_weight": 0.05, "method": "dpgmm"}


@dataclasses.dataclass(frozen=True)
class Table:
    """A table in one file, its settings, and the folder of its fit."""

    path: pathlib.Path

    @property
    def source(self) -> pathlib.Path:
        return self.path / "t.parquet"

    @property
    def fit(self) -> FitFolder:
        return Store(self.path / "store").fit("t")

    def spec(self, frame: pl.DataFrame = FRAME, **settings: Any) -> FitSpec:
        frame.write_parquet(self.source)
        return FitSpec(
            name="t",
            source=str(self.source),
            columns=tuple(frame.columns),
            settings=TableSettings(settings=settings),
        )

    def make(self, frame: pl.DataFrame = FRAME, column: str = "x", **settings: Any) -> ColumnFolder:
        spec = self.spec(frame, **settings)
        save_spec(spec, self.fit)
        make_column(spec, self.fit, column, LocalEngine(1))
        return self.fit.column(column)


@pytest.fixture
def table(tmp_path: pathlib.Path) -> Table:
    return Table(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ColumnFolder:
    return Table(tmp_path_factory.mktemp("made")).make()


def with_summary(column: ColumnFolder, stage: str, **summary: Any) -> ColumnFolder:
    """Return the column with other numbers in a manifest."""
    manifest = column.require(stage).manifest
    path = column.path / "manifests" / manifest.file_name
    path.write_text(
        manifest.model_copy(update={"summary": {**manifest.summary, **summary}}).model_dump_json()
    )
    return column


def test_what_is_as_it_should_be_passes_every_check(made: ColumnFolder) -> None:
    passed = {check.name: check.judge(made) for check in CHECKS}

    assert all(verdict.passed for verdict in passed.values())
    assert passed["schema_unchanged"].reason == "type double"
    assert passed["converged"].reason.startswith("converged after ")
    assert passed["drift"].reason == "fitted: no earlier model, or a refit was requested"
    assert passed["round_trip"].reason.endswith("to within the value's precision")
    assert "chance and drift account for up to" in passed["mode_frequencies"].reason


@pytest.mark.parametrize("rows", [["yes", "no"] * 50, [None] * 10, [1.5], [True, None]], ids=str)
def test_columns_without_a_mixture_pass_every_check(table: Table, rows: list[Any]) -> None:
    column = table.make(pl.DataFrame({"x": rows}))

    assert all(check.judge(column).passed for check in CHECKS)
    assert verdicts.converged(column).reason == "the column has no mixture"


def test_a_column_of_another_type_than_the_fitted_one_is_told(table: Table) -> None:
    column = table.make(FRAME.select("x"))
    spec = table.spec(FRAME.select(pl.col("x").cast(pl.Float32)))
    fitted = column.require("model").manifest

    with pytest.raises(StopIteration):
        make_column(spec, table.fit, "x", _StopsAfterCopying())

    verdict = verdicts.schema_unchanged(column)
    assert not verdict.passed
    assert verdict.reason == "type float, was double when the column was last fitted"
    assert column.require("model").manifest == fitted


class _StopsAfterCopying(LocalEngine):
    """An engine that copies columns, and is ended then."""

    def sketch(self, *_: Any) -> Any:
        raise StopIteration


def test_a_column_that_was_never_fitted_has_the_type_that_it_has(table: Table) -> None:
    spec = table.spec()
    with pytest.raises(StopIteration):
        make_column(spec, table.fit, "x", _StopsAfterCopying())

    assert verdicts.schema_unchanged(table.fit.column("x")).reason == "type double, not fitted yet"


def test_a_fit_that_was_cut_short_is_told(table: Table) -> None:
    verdict = verdicts.converged(
        with_summary(table.make(), "model", converged=False, iterations=300)
    )

    assert not verdict.passed
    assert (verdict.reason, verdict.numbers) == (
        "not converged after 300 iterations",
        {"iterations": 300},
    )


def test_a_model_that_is_kept_though_rows_moved_is_told(table: Table) -> None:
    settings = {"refit": "never", "out_of_range": "keep"}
    table.make(FRAME.select("x"), **settings)

    column = table.make(FRAME.select(pl.col("x") + 3), **settings)

    verdict = verdicts.drift_within_threshold(column)
    assert not verdict.passed
    assert verdict.reason.startswith("kept: refit = never; drift 0.")
    assert verdict.numbers["threshold"] == 0.02
    assert verdict.numbers["drift"] > 0.2
    moved = verdicts.mode_frequencies(column)
    assert not moved.passed
    assert moved.numbers["distance"] > moved.numbers["allowed"] > 0.03
    assert (
        f"{moved.numbers['distance']:.2%} of the rows are in other modes than expected"
        in moved.reason
    )


def test_rows_that_do_not_come_back_are_counted(table: Table) -> None:
    column = table.make(**LOSSY)

    verdict = verdicts.round_trip(column)
    changed = column.require("transformed").manifest.summary["changed"]
    assert isinstance(changed, int)
    assert changed > 0
    assert not verdict.passed
    assert verdict.reason == f"{changed:,} of 2,000 rows do not come back"
    assert (verdict.numbers["rows"], verdict.numbers["changed"]) == (2000, changed)


def test_a_round_trip_is_counted_by_mode(made: ColumnFolder) -> None:
    modes: Any = made.require("transformed").manifest.summary["by_mode"]
    assert sum(mode["rows"] for mode in modes) == 2000
    assert all(mode["exact"] + mode["within_precision"] == mode["rows"] for mode in modes)


def test_frequencies_of_more_modes_than_are_counted_one_by_one_pass(table: Table) -> None:
    names = [f"{number:04d}" for number in range(400)]

    column = table.make(pl.DataFrame({"x": names * 5}))

    verdict = verdicts.mode_frequencies(column)
    assert verdict.passed
    assert verdict.numbers["distance"] == pytest.approx(0, abs=1e-9)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def run(table: Table, instance: dg.DagsterInstance) -> Callable[..., dg.ExecuteInProcessResult]:
    """Run a column of the table through Dagster."""

    def execute(
        column: str = "x",
        frame: pl.DataFrame = FRAME,
        blocking: tuple[str, ...] = (),
        **settings: Any,
    ) -> dg.ExecuteInProcessResult:
        spec = table.spec(frame, **settings)
        save_spec(spec, table.fit)
        dataset = Dataset("t", lambda: spec, lambda: spec, blocking=blocking)
        key = table.fit.column(column).path.name
        instance.add_dynamic_partitions(str(partitions_of("t").name), [key])
        job = build_definitions([dataset], table.path / "store", threads=1).resolve_job_def(
            job_name("t")
        )
        return job.execute_in_process(
            instance=instance,
            partition_key=key,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    return execute


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """The evaluations of what judges results; each stage has one besides, of its completion."""
    checks = result.get_asset_check_evaluations()
    completed = [check for check in checks if check.check_name == COMPLETION]
    assert all(check.passed for check in completed)
    return {check.check_name: check for check in checks if check not in completed}


def test_dagster_records_every_check_with_its_column(
    run: Callable[..., dg.ExecuteInProcessResult], instance: dg.DagsterInstance
) -> None:
    result = run("a/b")

    checks = evaluations(result)
    assert result.success
    assert {name: check.asset_key.path for name, check in checks.items()} == {
        check.name: ["t", check.stage.asset] for check in CHECKS
    }
    assert all(
        check.passed and str(check.description).startswith("a/b: ") for check in checks.values()
    )
    checked = [check.target_materialization_data for check in checks.values()]
    made = {
        event.storage_id
        for key in {check.asset_key for check in checks.values()}
        for event in instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=["a~2Fb"]), limit=1
        ).records
    }
    assert {target.storage_id for target in checked if target} == made
    assert len(made) == 3
    key = dg.AssetCheckKey(dg.AssetKey(["t", "transformed"]), "round_trip")
    recorded = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    assert recorded[key].status.value == "SUCCEEDED"


def test_a_check_that_fails_warns_and_blocks_nothing(
    run: Callable[..., dg.ExecuteInProcessResult], table: Table
) -> None:
    result = run(**LOSSY)

    check = evaluations(result)["round_trip"]
    assert result.success
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert (
        check.metadata["changed"].value
        == table.fit.column("x").require("transformed").manifest.summary["changed"]
    )


@pytest.mark.parametrize("blocking", [False, True])
def test_a_blocking_check_that_fails_keeps_what_comes_after_from_being_made(
    run: Callable[..., dg.ExecuteInProcessResult],
    blocking: bool,  # noqa: FBT001
) -> None:
    settings = {"refit": "never", "out_of_range": "keep"}
    assert run(**settings).success

    result = run(
        frame=FRAME.with_columns(pl.col("x") + 3),
        blocking=("drift",) if blocking else (),
        **settings,
    )

    check = evaluations(result)["drift"]
    assert not check.passed
    assert check.severity == (
        dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN
    )
    made = {
        event.asset_key.path[-1] for event in result.all_events if event.is_step_materialization
    }
    assert result.success == (not blocking)
    assert made == {
        "raw",
        "sketch",
        "gmm_model",
        *(() if blocking else ("feature_rank", "transformed")),
    }


def test_the_command_line_tells_of_rows_that_do_not_come_back(workplace: Workplace) -> None:
    FRAME.select("x").write_parquet(workplace.path / "t.parquet")
    options = [option for name, value in LOSSY.items() for option in ("--set", f"{name}={value}")]

    assert workplace.call("run", "t.parquet", *options).status == 0

    status = workplace.call("status", "--fit", "t", "--json").json()
    changed = status["columns"][0]["stages"]["transformed"]["summary"]["changed"]
    assert (
        f"{changed:,} of 2,000 rows do not come back" in workplace.call("status", "--fit", "t").out
    )

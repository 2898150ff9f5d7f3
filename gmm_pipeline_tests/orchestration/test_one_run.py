"""A command is one run of Dagster: what it records of each column, and how it is interrupted."""

import pathlib
import signal
import time
from collections import defaultdict
from typing import Any

import dagster as dg
import numba
import numpy as np
import polars as pl
import pytest
from workplace import Workplace, results, states

from gmm_pipeline.core import compilation
from gmm_pipeline.fits import run_columns
from gmm_pipeline.fits.spec import load_spec
from gmm_pipeline.fits.stages import STAGES
from gmm_pipeline.orchestration.assets import asset_key, job_name
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.lost_runs import PROCESS_TAG
from gmm_pipeline.store.store import Store

RNG = np.random.default_rng(0)
COLUMNS = {f"c{number:02d}": RNG.normal(size=300) for number in range(6)}
CHECKS = {
    "raw": {"schema_unchanged"},
    "gmm_model": {"converged", "drift"},
    "transformed": {"round_trip", "mode_frequencies"},
}


def only_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    (run,) = instance.get_runs()
    return run


def checks_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.AssetCheckEvaluation]:
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    return [entry.dagster_event.asset_check_evaluation_data for entry in entries]


def materialise(
    workplace: Workplace, instance: dg.DagsterInstance, partition: str
) -> dg.ExecuteInProcessResult:
    """Materialise the partition of a column, as the button of the web UI does."""
    spec = load_spec(Store(workplace.store).fit("t"))
    definitions = build_definitions([Dataset("t", lambda: spec, lambda: spec)], workplace.store)
    return definitions.resolve_job_def(job_name("t")).execute_in_process(
        instance=instance,
        partition_key=partition,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def test_a_run_of_several_columns_is_one_run_with_materialised_partitions_pictures_and_checks(
    workplace: Workplace,
) -> None:
    pl.DataFrame(COLUMNS).write_parquet(workplace.path / "t.parquet")

    assert workplace.call("run", "t.parquet").status == 0

    with workplace.history() as instance:
        run = only_run(instance)
        assert (run.job_name, run.is_success) == ("t_run", True)
        for stage in STAGES:
            key = asset_key("t", stage)
            assert instance.get_materialized_partitions(key) == set(COLUMNS)
            assert run.run_id in {
                record.run_id for record in instance.fetch_materializations(key, limit=99).records
            }
        models = instance.fetch_materializations(dg.AssetKey(["t", "gmm_model"]), limit=99).records
        for record in models:
            picture = record.asset_materialization.metadata["picture"]
            assert str(picture.value).startswith("![")
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for check in checks_of(instance, run):
            assert check.passed
            found[check.asset_key.path[-1], str(check.partition)].add(check.check_name)
    assert found == {
        (asset, column): names for asset, names in CHECKS.items() for column in COLUMNS
    }


def test_a_column_that_failed_is_seen_and_repaired_alone_by_materialising_its_partition(
    workplace: Workplace,
) -> None:
    source = workplace.path / "t.parquet"
    frame = pl.DataFrame({"good": [1, 2, 3] * 20, "bad/one": [[1.0]] * 60})
    frame.write_parquet(source)
    column = workplace.store / "t" / "bad~2Fone"

    ran = workplace.call("run", source)

    assert ran.status == 1
    assert "failed: column 'bad/one': type" in ran.err
    with workplace.history() as instance:
        run = only_run(instance)
        assert run.status is dg.DagsterRunStatus.FAILURE
        (failure,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        told = failure.dagster_event.step_failure_data
        assert set(told.user_failure_data.metadata) == {"bad/one"}
        assert "1 of 2 columns failed: bad/one" in told.user_failure_data.description
        (failed,) = [check for check in checks_of(instance, run) if not check.passed]
        assert (failed.check_name, failed.partition) == ("completion", "bad~2Fone")
        assert failed.severity is dg.AssetCheckSeverity.ERROR
        assert "cannot be encoded" in str(failed.description)
        assert instance.get_materialized_partitions(dg.AssetKey(["t", "transformed"])) == {"good"}

        frame.with_columns(pl.col("bad/one").list.first()).write_parquet(source)
        others = states(workplace.store / "t" / "good")
        repaired = materialise(workplace, instance, "bad~2Fone")

        assert repaired.success
        made = repaired.get_asset_check_evaluations()
        completed = [check for check in made if check.check_name == "completion"]
        assert [check.passed for check in completed] == [True] * len(STAGES)
    assert not (column / "failure.json").exists()
    assert states(workplace.store / "t" / "good") == others


def test_a_column_that_succeeds_after_a_failure_is_recorded_as_completed(
    workplace: Workplace,
) -> None:
    source = workplace.path / "t.parquet"
    frame = pl.DataFrame({"good": [1, 2, 3] * 20, "bad": [[1.0]] * 60})
    frame.write_parquet(source)
    assert workplace.call("run", source).status == 1
    frame.with_columns(pl.col("bad").list.first()).write_parquet(source)

    assert workplace.call("retry").status == 0

    with workplace.history() as instance:
        latest = instance.get_runs(limit=1)[0]
        completed = [
            (check.partition, check.asset_key.path[-1], check.passed)
            for check in checks_of(instance, latest)
            if check.check_name == "completion"
        ]
    assert completed == [("bad", "raw", True)]


def two_are_at_work(fit: pathlib.Path) -> bool:
    """Whether an interruption finds two columns at work, far from their last stage."""
    return len(list(fit.glob("[abc]"))) == 2 and not list(fit.glob("[abc]/model"))


def start_long_run(workplace: Workplace) -> Any:
    table = pl.DataFrame({name: RNG.standard_cauchy(1_000_000) for name in "abc"})
    table.write_parquet(workplace.path / "t.parquet")
    process = workplace.start(
        "gmm-pipeline", "run", "t.parquet", "--threads", "2", "--memory", "2GB"
    )
    while process.poll() is None and not two_are_at_work(workplace.store / "t"):
        time.sleep(0.002)
    return process


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_after_the_stages_at_work_and_leaves_nothing_behind(
    workplace: Workplace, ending: signal.Signals
) -> None:
    fit = workplace.store / "t"

    with start_long_run(workplace) as process:
        process.send_signal(ending)
        _, told = process.communicate()

    assert process.returncode == 1, told
    assert "Stopping after the stages at work" in told
    assert told.endswith("Aborted!\n")
    assert "Traceback" not in told
    assert not list(fit.glob("*/.drafts/*"))
    with workplace.history() as instance:
        run = only_run(instance)
        assert run.status is dg.DagsterRunStatus.FAILURE
        recorded = instance.get_materialized_partitions(dg.AssetKey(["t", "raw"]))
    assert recorded == {path.parent.name for path in fit.glob("*/raw")}
    again = workplace.call("retry")
    assert again.status == 0, again.err
    assert {path.parent.name for path in fit.glob("*/transformed")} == set("abc")
    assert results(fit)


def test_a_second_interruption_ends_a_run_at_once(workplace: Workplace) -> None:
    with start_long_run(workplace) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        process.communicate()
        took = time.monotonic() - started

    assert process.returncode == 1
    assert took < 60
    with workplace.history() as instance:
        assert only_run(instance).status is dg.DagsterRunStatus.FAILURE


def test_a_killed_run_is_told_of_by_the_next_command_and_goes_on(workplace: Workplace) -> None:
    with start_long_run(workplace) as process:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with workplace.history() as instance:
        killed = only_run(instance)
        assert killed.status is dg.DagsterRunStatus.STARTED
        assert str(process.pid) in killed.tags[PROCESS_TAG]

    again = workplace.call("retry")

    assert again.status == 0, again.err
    told = f"Run {killed.run_id[:8]} of t_run had not ended. Process {process.pid} of this run died"
    assert told in again.err
    with workplace.history() as instance:
        now = instance.get_run_by_id(killed.run_id)
        assert now is not None
        assert now.status is dg.DagsterRunStatus.FAILURE


def test_a_run_says_that_it_compiles_code(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pl.DataFrame({"x": [1, 2, 3]}).write_parquet(workplace.path / "t.parquet")
    monkeypatch.setattr(compilation, "_SECONDS_UNTIL_TOLD", 0.0)
    judge = run_columns.judge

    def judge_with_a_new_kernel(*of: Any) -> Any:
        numba.njit(lambda x: x + 1)(1)
        return judge(*of)

    monkeypatch.setattr(run_columns, "judge", judge_with_a_new_kernel)

    assert workplace.call("run", "t.parquet").err.count(compilation.COMPILING) == 1

    with workplace.history() as instance:
        logged = [entry.user_message for entry in instance.all_logs(only_run(instance).run_id)]
    assert logged.count(compilation.COMPILING) == 1

"""What Dagster shows of a store whose results another history, or none, has recorded."""

import pathlib
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl
import pytest
from workplace import Workplace, remove_result

from gmm_pipeline import TableEncoder
from gmm_pipeline.fits.checks import CHECKS
from gmm_pipeline.fits.spec import load_spec
from gmm_pipeline.orchestration.columns_job import columns_job_name
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

STAGES = ["raw", "sketch", "gmm_model", "feature_rank", "transformed"]
FRAME = pl.DataFrame(
    {"amount": [0.1 * (number % 97) ** 2 for number in range(300)], "a b": ["x", None, "y"] * 100}
)
KEYS = {"amount", "a b"}

LOADED_BY_MAIN = """
import sys
from gmm_pipeline.interfaces.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print("dagster" in sys.modules)
"""


@pytest.fixture(scope="module")
def finished(new_workplace: Callable[[], Workplace]) -> Workplace:
    workplace = new_workplace()
    FRAME.write_parquet(workplace.path / "t.parquet")
    assert workplace.call("run", "t.parquet").status == 0
    return workplace


@pytest.fixture
def unknown(finished: Workplace, workplace: Workplace) -> Workplace:
    """A finished fit whose results the workplace's Dagster instance knows nothing of."""
    shutil.copytree(finished.store, workplace.store, symlinks=True)
    return workplace


def shown(workplace: Workplace) -> dict[str, set[str]]:
    """The partitions that Dagster shows as materialised, by asset."""
    with workplace.history() as history:
        partitions = dg.DynamicPartitionsDefinition(name="t_columns")
        keys = history.get_dynamic_partitions("t_columns")
        return {
            stage: {
                key
                for key, status in (
                    history.get_status_by_partition(dg.AssetKey(["t", stage]), keys, partitions)
                    or {}
                ).items()
                if status and status.value == "MATERIALIZED"
            }
            for stage in STAGES
        }


def latest(workplace: Workplace, stage: str, key: str) -> dg.AssetMaterialization:
    with workplace.history() as history:
        wanted = dg.AssetRecordsFilter(dg.AssetKey(["t", stage]), asset_partitions=[key])
        (record,) = history.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return record.asset_materialization


def checks(workplace: Workplace) -> "Iterator[dg.AssetCheckEvaluation]":
    with workplace.history() as history:
        for entry in history.all_logs(""):
            event = entry.dagster_event
            if event is not None and event.event_type_value == "ASSET_CHECK_EVALUATION":
                yield event.event_specific_data


ALL = dict.fromkeys(STAGES, KEYS)


def test_a_new_instance_learns_what_the_store_holds(unknown: Workplace) -> None:
    synced = unknown.call("sync", "--json")

    assert synced.status == 0, synced.err
    assert synced.json() == [{"fit": "t", "columns": 2, "results": 10}]
    assert shown(unknown) == ALL


def test_the_second_sync_reports_nothing(unknown: Workplace) -> None:
    unknown.call("sync")

    assert unknown.call("sync", "--json").json() == [{"fit": "t", "columns": 0, "results": 0}]


def test_what_a_run_recorded_is_not_reported_again(finished: Workplace) -> None:
    assert finished.call("sync", "--json").json() == [{"fit": "t", "columns": 0, "results": 0}]


def test_results_are_reported_as_a_run_records_them(
    unknown: Workplace, finished: Workplace
) -> None:
    unknown.call("sync")

    for stage in STAGES:
        recorded = dict(latest(finished, stage, "amount").metadata)
        reported = dict(latest(unknown, stage, "amount").metadata)
        computed = reported.pop("computed")
        assert isinstance(computed, dg.TimestampMetadataValue)
        assert pathlib.Path(str(reported.pop("path").value)).is_relative_to(unknown.store)
        recorded.pop("path")
        assert reported == recorded
    verdicts = {(each.asset_check_key.to_user_string(), each.partition) for each in checks(unknown)}
    assert ("t/transformed:round_trip", "amount") in verdicts
    assert len(verdicts) == len(KEYS) * len(CHECKS)
    assert all(each.passed for each in checks(unknown))


def test_a_run_that_has_nothing_to_do_shows_the_fit_in_a_new_instance(
    unknown: Workplace, finished: Workplace
) -> None:
    again = unknown.call("run", finished.path / "t.parquet")

    assert "2 columns registered, 10 results reported" in again.err
    assert shown(unknown) == ALL
    assert unknown.runs() == 0
    assert "reported" not in unknown.call("run", finished.path / "t.parquet").err


def test_a_run_that_has_nothing_to_do_does_not_load_dagster(finished: Workplace) -> None:
    again = finished.finish("python", "-c", LOADED_BY_MAIN, "run", finished.path / "t.parquet")

    assert "Everything is up to date" in again.err
    assert again.out.splitlines()[-1] == "False"


def test_wiped_materialisations_come_back(unknown: Workplace, finished: Workplace) -> None:
    unknown.call("sync")
    with unknown.history() as history:
        history.wipe_assets([dg.AssetKey(["t", "gmm_model"])])
    assert shown(unknown)["gmm_model"] == set()

    unknown.call("run", finished.path / "t.parquet")

    assert shown(unknown) == ALL


def test_a_deleted_partition_comes_back(unknown: Workplace, finished: Workplace) -> None:
    unknown.call("sync")
    with unknown.history() as history:
        history.delete_dynamic_partition("t_columns", "amount")

    unknown.call("run", finished.path / "t.parquet")

    assert shown(unknown) == ALL


def test_a_result_that_another_instance_recorded_replaces_the_one_that_is_shown(
    unknown: Workplace, finished: Workplace
) -> None:
    unknown.call("sync")
    before = latest(unknown, "gmm_model", "amount").metadata["path"]
    other = Workplace(unknown.path / "other")
    other.store = unknown.store
    options = ("--set", "amount.max_modes=2")
    assert other.call("run", finished.path / "t.parquet", *options).status == 0

    unknown.call("sync")

    assert latest(unknown, "gmm_model", "amount").metadata["path"] != before
    assert unknown.call("sync", "--json").json()[0]["results"] == 0


def test_a_store_that_is_mounted_elsewhere_is_the_same_store(unknown: Workplace) -> None:
    unknown.call("sync")
    elsewhere = unknown.path / "elsewhere"
    unknown.store.rename(elsewhere)

    again = unknown.call("sync", "--store", elsewhere, "--json")

    assert again.json() == [{"fit": "t", "columns": 0, "results": 0}]


def test_a_column_that_failed_is_shown_as_failed(workplace: Workplace) -> None:
    pl.DataFrame({"good": [1.5, 2.5], "bad": [[1], [2]]}).write_parquet(
        workplace.path / "t.parquet"
    )
    other = Workplace(workplace.path / "other")
    other.store = workplace.store
    assert other.call("run", workplace.path / "t.parquet").status == 1

    workplace.call("sync")

    (failed,) = [each for each in checks(workplace) if not each.passed]
    assert (failed.check_name, failed.partition) == ("completion", "bad")
    assert "list" in str(failed.description)
    assert shown(workplace) == {stage: {"good"} for stage in STAGES}


def test_results_that_are_gone_or_that_the_class_saved_do_not_stop_the_others(
    unknown: Workplace,
) -> None:
    remove_result(unknown.store / "t" / "amount", "sketch")
    TableEncoder().fit(FRAME).save(unknown.store / "saved")

    synced = unknown.call("sync", "--json")

    assert synced.status == 0, synced.err
    assert {each["fit"]: each["results"] for each in synced.json()} == {"saved": 6, "t": 9}


def test_columns_of_a_configured_dataset_are_registered_before_its_first_run(
    workplace: Workplace,
) -> None:
    FRAME.write_parquet(workplace.path / "t.parquet")
    (workplace.path / "datasets.yaml").write_text(
        "datasets:\n  t: {source: t.parquet}\n  gone: {source: gone.parquet}\n"
    )

    synced = workplace.call("sync", "--config", "datasets.yaml", "--store", workplace.store)

    assert synced.status == 1
    assert "gone.parquet" in synced.err
    with workplace.history() as history:
        assert set(history.get_dynamic_partitions("t_columns")) == KEYS


def test_an_unknown_fit_is_told(unknown: Workplace) -> None:
    refused = unknown.call("sync", "--fit", "s")

    assert refused.status == 2
    assert "there is no fit 's'" in refused.err


def test_a_sensors_look_shows_what_the_store_holds(unknown: Workplace) -> None:
    spec = load_spec(Store(unknown.store).fit("t"))
    definitions = build_definitions([Dataset("t", lambda: spec, lambda: spec)], unknown.store)
    sensor = definitions.get_repository_def().get_sensor_def("t_sensor")
    with unknown.history() as history:
        run = history.create_run_for_job(
            definitions.resolve_job_def(columns_job_name("t")), status=dg.DagsterRunStatus.STARTED
        )
        sensor(dg.build_sensor_context(instance=history))
        assert shown(unknown)["raw"] == set(), "a run at work records its results itself"
        history.delete_run(run.run_id)

        sensor(dg.build_sensor_context(instance=history))

    assert shown(unknown) == ALL

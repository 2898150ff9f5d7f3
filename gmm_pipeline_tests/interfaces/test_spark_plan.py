"""What `plan` says of Spark: settings, time and memory, each with a reason."""

import pathlib
from typing import Any

import numpy as np
import polars as pl
import pytest
from workplace import Workplace

from gmm_pipeline.engines.spark.cluster import Cluster

ROWS = 5_000_000


@pytest.fixture
def source(workplace: Workplace) -> pathlib.Path:
    path = workplace.path / "t.parquet"
    numbers = np.random.default_rng(0).normal(size=ROWS).astype(np.float32)
    pl.DataFrame(
        {"x": numbers, "text": pl.Series(["a" * 100, "b"]).sample(ROWS, with_replacement=True)}
    ).write_parquet(path)
    return path


def planned(workplace: Workplace, *config: str) -> dict[str, Any]:
    """Return what is planned for Spark of so many settings."""
    options = [f"--spark-config={setting}" for setting in config]
    finished = workplace.call("plan", "t.parquet", "--engine", "spark", *options, "--json")
    assert finished.status == 0, finished.err
    engine: dict[str, Any] = finished.json()["engine"]
    engine["settings"] = {each.pop("setting"): each for each in engine["settings"]}
    return engine


@pytest.mark.usefixtures("source")
def test_a_cluster_that_runs_is_asked_for_its_cores_and_memory(
    cluster_folder: pathlib.Path, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMM_PIPELINE_CLUSTER", str(cluster_folder))
    running = Cluster.recorded(cluster_folder)

    plan = planned(workplace, f"spark.master={running.master}")

    assert plan["machines"] == {
        "number": 2,
        "cores": 1,
        "memory": 1 << 30,
        "known_by": f"the master's page {running.web}",
        "here": False,
    }
    assert plan["settings"]["spark.executor.cores"]["value"] == "1"
    assert "3 tasks to write" in plan["settings"]["spark.default.parallelism"]["reason"]
    assert "5 tasks to count" in plan["settings"]["spark.default.parallelism"]["reason"]
    assert all(each["reason"] for each in plan["settings"].values())
    assert set(plan["reasons"]) == {"seconds", "executor_memory", "driver_memory", "shuffled"}


@pytest.mark.usefixtures("source")
def test_settings_that_are_given_are_respected_and_what_is_expected_follows_them(
    workplace: Workplace,
) -> None:
    advised = planned(
        workplace, "spark.master=yarn", "spark.executor.instances=2", "spark.executor.cores=2"
    )
    given = planned(
        workplace,
        "spark.master=yarn",
        "spark.executor.instances=2",
        "spark.executor.cores=2",
        "spark.executor.memory=5g",
        "spark.default.parallelism=1",
        "spark.sql.adaptive.enabled=false",
    )

    memory = advised["settings"]["spark.executor.memory"]
    assert (memory["value"], memory["given"]) == ("1g", False)
    assert given["settings"]["spark.executor.memory"]["value"] == "5g"
    assert given["settings"]["spark.executor.memory"]["given"]
    assert given["further"] == {
        "spark.executor.instances": "2",
        "spark.master": "yarn",
        "spark.sql.adaptive.enabled": "false",
    }
    assert given["executor_memory"] == advised["executor_memory"] + (4 << 30)
    assert given["seconds"] > advised["seconds"]


@pytest.mark.usefixtures("source")
def test_the_plan_is_told_in_words_as_well_and_columns_of_wide_rows_call_for_more_memory(
    workplace: Workplace,
) -> None:
    told = workplace.call(
        "plan", "t.parquet", "--engine", "spark", "--spark-config", "spark.master=local[2]"
    ).out
    assert "Spark engine: 1 × 2 cores" in told
    assert "spark.sql.shuffle.partitions" in told
    wide, narrow = (
        workplace.call(
            "plan", "t.parquet", "--engine", "spark", "--columns", column, "--json"
        ).json()["engine"]
        for column in ("text", "x")
    )
    assert wide["executor_memory"] > narrow["executor_memory"]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("spark.executor.cores=many", "spark.executor.cores = 'many' is no whole number above 0"),
        (
            "spark.default.parallelism=0",
            "spark.default.parallelism = '0' is no whole number above 0",
        ),
        (
            "spark.executor.memory=2 gig",
            "spark.executor.memory = '2 gig' is no size. Write it as 512m or 2g",
        ),
    ],
)
def test_settings_that_are_no_numbers_are_errors(
    workplace: Workplace, setting: str, message: str
) -> None:
    options = [
        "--engine",
        "spark",
        "--spark-config",
        "spark.master=yarn",
        "--spark-config",
        setting,
    ]
    finished = workplace.call("plan", "t.parquet", *options)
    assert finished.status == 2
    assert message in finished.err


@pytest.mark.usefixtures("source")
def test_a_master_that_does_not_answer_is_an_error_with_its_page(workplace: Workplace) -> None:
    finished = workplace.call(
        "plan",
        "t.parquet",
        "--engine",
        "spark",
        "--spark-config",
        "spark.master=spark://127.0.0.1:9",
    )
    assert finished.status == 2
    assert "does not tell of its workers at http://127.0.0.1:8080" in finished.err
    assert "Check spark.master" in finished.err

"""What `plan` says about Spark: what of the job depends on the table."""

import pathlib
from typing import Any

import numpy as np
import polars as pl
import pytest
from workplace import Workplace

ROWS = 5_000_000
SPARK = ("--engine", "spark")


@pytest.fixture
def source(workplace: Workplace) -> pathlib.Path:
    path = workplace.path / "t.parquet"
    numbers = np.random.default_rng(0).normal(size=ROWS).astype(np.float32)
    pl.DataFrame(
        {"x": numbers, "text": pl.Series(["a" * 100, "b"]).sample(ROWS, with_replacement=True)}
    ).write_parquet(path)
    return path


def planned(workplace: Workplace, *options: str) -> dict[str, Any]:
    """Return what is planned for Spark."""
    finished = workplace.call("plan", "t.parquet", *SPARK, *options, "--json")
    assert finished.status == 0, finished.err
    engine: dict[str, Any] = finished.json()["engine"]
    return engine


@pytest.mark.usefixtures("source")
def test_tasks_time_and_memory_follow_from_the_table(workplace: Workplace) -> None:
    both = planned(workplace)
    wide, narrow = (planned(workplace, "--columns", column) for column in ("text", "x"))

    assert (both["tasks_to_write"], both["tasks_to_count"], both["shuffled"]) == (3, 5, 0)
    assert both["core_seconds"] == pytest.approx(2 * narrow["core_seconds"])
    assert both["widest_column"] == "text"
    assert both["memory_per_core"] == wide["memory_per_core"] > narrow["memory_per_core"]


@pytest.mark.usefixtures("source")
def test_the_plan_is_printed_and_respects_the_parallelism(workplace: Workplace) -> None:
    option = "--spark-config=spark.default.parallelism={}"
    printed = workplace.call("plan", "t.parquet", *SPARK)
    wrong = workplace.call("plan", "t.parquet", *SPARK, option.format(0))

    assert planned(workplace, option.format(2))["tasks_to_write"] == 2
    assert "spark.executor.memoryOverhead" in printed.out
    assert "docs/spark.md has the other settings" in printed.out
    assert wrong.status == 2
    assert "spark.default.parallelism = '0' is not a whole number above 0" in wrong.err

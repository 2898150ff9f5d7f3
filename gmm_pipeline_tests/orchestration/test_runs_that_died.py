"""A sensor asks again for columns whose run died, and not for those that failed of their data."""

from itertools import pairwise

import dagster as dg
import polars as pl
import pytest
from watched import FRAME, Watched, columns_of

from gmm_pipeline.orchestration.sensor_memory import SensorMemory

DIED = dg.DagsterRunStatus.FAILURE
IDS = pl.DataFrame({"id": [1, 2**63], "few": [1, 2]}, schema_overrides={"id": pl.UInt64})


def test_a_run_that_died_is_asked_for_again_a_limited_number_of_times_with_growing_pauses(
    watched: Watched,
) -> None:
    watched.settings = {"retries": 3}
    watched.add("a.parquet")
    requests, pauses = watched.requests(), []

    for _ in range(3):
        watched.end(requests[-1], DIED)
        assert "; their run died, and they are asked for again at" in watched.skipped()
        pauses.append(watched.pause())
        requests += watched.requests()
    watched.end(requests[-1], DIED)
    watched.pause()

    assert "every run of few, city died, and no other is asked for" in watched.skipped()
    assert all(columns_of([request]) == ["few", "city"] for request in requests)
    assert len({request.run_key for request in requests}) == 4
    assert all(short < long for short, long in pairwise(pauses))


def test_after_a_change_runs_that_died_are_asked_for_as_often_as_before(watched: Watched) -> None:
    watched.settings = {"retries": 1}
    watched.add("a.parquet")
    for name in ("b.parquet", "c.parquet"):
        watched.end(watched.requests()[0], DIED)
        watched.pause()
        watched.end(watched.requests()[0], DIED)
        watched.pause()
        assert "every run of few, city died" in watched.skipped()
        watched.add(name)


def test_only_the_columns_that_a_run_left_are_asked_for_again(watched: Watched) -> None:
    watched.add("a.parquet")
    (request,) = watched.requests()
    assert watched.execute_columns("few").success
    watched.end(request, DIED)
    watched.pause()

    (again,) = watched.requests()

    assert columns_of([again]) == ["city"]
    assert watched.execute(again).success
    watched.pause()
    assert watched.skipped() == "nothing is new"


def test_a_column_that_failed_of_its_data_is_told_and_not_asked_for_again(
    watched: Watched,
) -> None:
    watched.add("a.parquet", IDS)
    assert not watched.execute(watched.requests()[0]).success

    for _ in range(2):
        watched.pause()
        assert watched.skipped().startswith("nothing is new; failed: id (since 20")


def test_a_column_that_failed_as_another_run_held_it_is_asked_for_again(watched: Watched) -> None:
    watched.add("a.parquet")
    (request,) = watched.requests()
    with watched.fit.column("few").lock():
        assert not watched.execute(request).success
    watched.pause()

    assert columns_of(watched.requests()) == ["few"]


def test_a_failure_from_before_a_change_does_not_keep_a_column_from_being_asked_for_again(
    watched: Watched,
) -> None:
    watched.add("a.parquet", IDS)
    assert not watched.execute(watched.requests()[0]).success
    watched.add("b.parquet", IDS)
    watched.end(watched.requests()[0], DIED)
    watched.pause()

    assert columns_of(watched.requests()) == ["id", "few"]


def test_a_column_that_a_blocking_check_stopped_is_not_asked_for_again(watched: Watched) -> None:
    watched.settings = {"blocking_checks": ["schema_unchanged"]}
    watched.add("a.parquet")
    watched.bring_up_to_date()
    watched.add("a.parquet", FRAME.cast({"few": pl.String}))
    assert not watched.execute(watched.requests()[0]).success
    watched.pause()

    assert "failed: few (since 20" in watched.skipped()


def test_a_run_that_was_canceled_is_not_asked_for_again(watched: Watched) -> None:
    watched.add("a.parquet")
    watched.end(watched.requests()[0], dg.DagsterRunStatus.CANCELED)
    watched.pause()

    assert watched.skipped() == "nothing is new"


def test_a_run_that_is_at_work_is_not_asked_for_again(watched: Watched) -> None:
    watched.add("a.parquet")
    watched.requests()
    watched.pause()
    with watched.run_over("few", "city"):
        assert watched.skipped() == "nothing is new"

    assert columns_of(watched.requests()) == ["few", "city"]


def test_dagsters_own_retries_start_no_run_of_the_sensor_again_but_those_of_the_schedule(
    watched: Watched,
) -> None:
    watched.settings = {"schedule": "@daily", "retries": 2}
    watched.add("a.parquet")

    (asked,) = watched.requests()
    job = watched.definitions.resolve_job_def("sales_run")

    assert asked.tags["dagster/max_retries"] == "0"
    assert job.run_tags["dagster/max_retries"] == "2"
    assert job.run_tags["dagster/retry_on_asset_or_op_failure"] == "false"


@pytest.mark.parametrize("cursor", ["one two few a~2Fb", None])
def test_what_earlier_versions_remembered_is_read(cursor: str | None) -> None:
    memory = SensorMemory.at(cursor)

    expected = SensorMemory(state="one", history="two", waiting=("few", "a/b"))
    assert memory == (expected if cursor else SensorMemory())
    assert SensorMemory.at(memory.cursor) == memory

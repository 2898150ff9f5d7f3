"""`gmm-pipeline bench`: what a whole job is expected to take, from running a sample of it."""

import os
import pathlib

import numpy as np
import polars as pl
import pytest
from workplace import Workplace, states

from gmm_pipeline.arrow.parquet import ROWS_PER_PART
from gmm_pipeline.arrow.sketching import ROWS_READ_WHOLE, SAMPLE_WINDOWS, WINDOW_ROWS
from gmm_pipeline.fits.projection import PassCost, SampledCost, StageCost, busiest, project
from gmm_pipeline.tables.open_table import open_table
from gmm_pipeline.tables.sampled_rows import row_groups, sampled_ranges

STAGES = ["raw", "sketch", "model", "feature_rank", "transformed"]
FAST = 1e12
"""Bytes a second of a disk that nothing waits for."""


def table_of(columns: int, rows: int = 3000) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{number}": rng.standard_normal(rows) for number in range(columns)})
    return frame.with_columns(colour=pl.Series(rng.choice(["red", "blue"], rows)))


def cost_of(rows: int, *, passes: int = 1, waiting: float = 0.0, threads: int = 1) -> SampledCost:
    """A column of which each pass takes a second for the rows of the busiest thread, and nothing
    besides.
    """
    stages = {name: StageCost(1.0, 100) for name in STAGES}
    of_a_pass = PassCost(0.0, 1.0 / rows)
    return SampledCost(
        "x", rows, threads, stages, of_a_pass, of_a_pass, (of_a_pass,) * passes, waiting
    )


def test_bench_projects_the_whole_job_and_leaves_nothing_behind(workplace: Workplace) -> None:
    table_of(6).write_parquet(workplace.path / "t.parquet")
    before, home = states(workplace.path), os.environ.get("DAGSTER_HOME")

    bench = workplace.call("bench", "t.parquet", "--sample-columns", 4, "--json")

    assert bench.status == 0
    found = bench.json()
    assert (found["rows"], found["columns"]) == (3000, 7)
    assert found["sample"]["rows"] == 3000
    assert len(found["sample"]["columns"]) == 4
    assert "colour" in found["sample"]["columns"]
    assert [stage["stage"] for stage in found["stages"]] == [*STAGES, "around them"]
    assert all(stage["seconds"] > 0 for stage in found["stages"])
    total = found["start_seconds"] + sum(stage["seconds"] for stage in found["stages"])
    assert found["seconds"] == pytest.approx(total)
    assert found["disk"]["bytes"] == pytest.approx(
        sum(stage["bytes"] for stage in found["stages"]), abs=5
    )
    assert found["peak_memory"] > 1 << 27
    assert states(workplace.path) == before
    assert not workplace.store.exists()
    assert workplace.runs() == 0
    assert os.environ.get("DAGSTER_HOME") == home


def test_bench_prints_a_table_of_the_stages(workplace: Workplace) -> None:
    table_of(1).write_csv(workplace.path / "t.csv")

    bench = workplace.call("bench", "t.csv")

    assert bench.status == 0
    for words in (
        *STAGES,
        "the whole job",
        "Memory: ",
        "Disk: ",
        "Columns: ",
        "3,000 rows, 2 columns",
    ):
        assert words in bench.out


def test_bench_names_columns_that_fail_and_projects_the_others(workplace: Workplace) -> None:
    table_of(1).with_columns(parts=pl.concat_list("x0")).write_parquet(workplace.path / "t.parquet")

    found = workplace.call("bench", "t.parquet", "--json")
    nothing = workplace.call("bench", "t.parquet", "--columns", "parts")

    assert set(found.json()["sample"]["failed"]) == {"parts"}
    assert "'parts'" in found.err
    assert set(found.json()["column_seconds"]) == {"x0", "colour"}
    assert nothing.status == 2
    assert "no column of the sample could be encoded" in nothing.err


def test_passes_over_rows_are_projected_in_proportion_and_fits_are_not() -> None:
    (cost,) = [cost_of(1000).of_rows(5000, FAST)]

    assert {name: cost[name].seconds for name in STAGES} == {
        "raw": 5.0,
        "sketch": 5.0,
        "model": 1.0,
        "feature_rank": 1.0,
        "transformed": 5.0,
    }
    assert {name: cost[name].size for name in STAGES} == {
        **dict.fromkeys(STAGES, 100),
        "raw": 500,
        "transformed": 500,
    }


def test_what_a_pass_takes_whatever_the_rows_is_not_multiplied() -> None:
    cost = PassCost.between((1000, 2.0), (5000, 4.0))

    assert (cost.fixed, cost.each) == pytest.approx((1.5, 0.0005))
    assert cost.of(100_000) == pytest.approx(51.5)
    assert PassCost.between((1000, 4.0), (5000, 4.0)).of(100_000) == pytest.approx(4.0)
    assert PassCost.between((1000, 0.1), (5000, 4.0)).of(50_000) == pytest.approx(40.0)


def test_a_grid_is_placed_by_a_part_of_the_rows() -> None:
    rows = ROWS_READ_WHOLE
    windows = SAMPLE_WINDOWS * WINDOW_ROWS

    for few, passes, seconds in (
        (rows // 2, 2, 4.0),
        (rows, 2, 3 + windows / rows),
        (rows, 1, 3.0),
    ):
        sketch = (
            cost_of(few, passes=passes)
            .of_rows(few * (2 if few < rows else 3), FAST)["sketch"]
            .seconds
        )
        assert sketch == pytest.approx(seconds + 1.0 - passes)


def test_threads_take_parts_in_turns() -> None:
    assert busiest(1000, ROWS_PER_PART, 2) == 1000
    assert busiest(3 * ROWS_PER_PART, ROWS_PER_PART, 2) == 2 * ROWS_PER_PART
    assert busiest(10 * ROWS_PER_PART, ROWS_PER_PART, 2) == 5 * ROWS_PER_PART


def test_no_stage_is_faster_than_the_disk() -> None:
    slow = cost_of(1000).of_rows(5000, write_speed=50.0)
    waiting = cost_of(1000, waiting=4.0).of_rows(5000, FAST)

    assert (slow["raw"].seconds, slow["transformed"].seconds) == (10.0, 10.0)
    assert (waiting["raw"].seconds, waiting["transformed"].seconds) == (20.0, 5.0)


def test_columns_that_were_not_measured_are_like_the_others() -> None:
    projection = project(
        [cost_of(1000), cost_of(1000)],
        columns=10,
        rows=2000,
        start=3.0,
        around=0.5,
        write_speed=FAST,
    )

    assert projection.seconds == pytest.approx(3.0 + 10 * (0.5 + 2.0 + 2.0 + 1.0 + 1.0 + 2.0))
    assert projection.size == 10 * (200 + 100 + 100 + 100 + 200)


def test_what_keeps_one_core_busy_goes_on_beside_other_columns() -> None:
    alone, beside = (
        project(
            [cost_of(1000)],
            columns=2,
            rows=1000,
            start=3.0,
            around=0.5,
            write_speed=FAST,
            at_once=at_once,
        )
        for at_once in (1, 2)
    )

    assert alone.seconds - beside.seconds == pytest.approx((0.5 + 1.0 + 1.0) * 2 / 2)
    assert beside.columns == alone.columns


@pytest.mark.parametrize(("group", "rows"), [(100, 250), (1000, 10_000), (7, 7), (10_000, 50)])
def test_a_sample_is_spread_over_the_files(tmp_path: pathlib.Path, group: int, rows: int) -> None:
    for number in range(2):
        pl.DataFrame({"x": range(5000)}).write_parquet(
            tmp_path / f"{number}.parquet", row_group_size=group
        )
    groups = row_groups(open_table(str(tmp_path), tmp_path))

    ranges = sampled_ranges(groups, rows)

    assert sum(map(len, groups)) == 10_000
    assert [row for group in ranges for row in group] == sorted(
        {row for group in ranges for row in group}
    )
    assert min(rows, 10_000) <= sum(map(len, ranges)) <= max(rows, len(groups[0])) + len(groups[0])
    assert rows < 2 * len(groups[0]) or ranges[-1].start >= 5000


def test_plan_tells_how_the_engine_will_pass_over_rows(workplace: Workplace) -> None:
    table_of(2).write_parquet(workplace.path / "t.parquet")

    engine = workplace.call("plan", "t.parquet", "--memory", "2GB", "--json").json()["engine"]
    told = workplace.call("plan", "t.parquet", "--memory", "2GB").out
    wrong = workplace.call("plan", "t.parquet", "--memory", "much")

    assert (engine["name"], engine["columns_at_once"]) == ("local", 2)
    assert (engine["threads"], engine["rows_per_batch"], engine["rows_per_part"]) == (
        1,
        1 << 18,
        1 << 21,
    )
    assert engine["memory_limit"] == 2_000_000_000
    assert 1 << 28 < engine["peak_memory"] < 1 << 30
    assert 2 * 3000 * (8 + 5) <= engine["disk"] < 3 * 3000 * (8 + 5) + 10_000
    assert "Local engine: 2 columns at once, with 1 thread each, in batches of 262,144 rows" in told
    assert "within the limit of 2.0 GB (--memory)" in told
    assert wrong.status == 2
    assert "Invalid size 'much': use for example 2GB" in wrong.err

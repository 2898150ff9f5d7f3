"""`gmm-pipeline bench`: what a whole job is expected to take, from running a sample of it."""

import os
import pathlib

import numpy as np
import polars as pl
import pytest
from workplace import Workplace, states

from gmm_pipeline.arrow.sketch_column import FULL_SAMPLE_ROWS, SAMPLE_WINDOWS, WINDOW_ROWS
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.fits.sample_run import Cost, Costs, SampleRun, run_sample, scaled
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.interfaces.cli.bench_command import COLUMN_SECONDS, stages_of
from gmm_pipeline.tables.open_table import open_table
from gmm_pipeline.tables.sampled_rows import row_groups, sampled_ranges

STAGES = ["raw", "sketch", "model", "feature_rank", "transformed"]


def table_of(columns: int, rows: int = 3000) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{number}": rng.standard_normal(rows) for number in range(columns)})
    return frame.with_columns(colour=pl.Series(rng.choice(["red", "blue"], rows)))


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


def test_passes_are_scaled_to_all_rows_and_fits_are_not() -> None:
    costs = scaled({name: Cost(1.0, 2.0, 100) for name in STAGES}, sample=1000, rows=5000)

    assert {name: cost.seconds for name, cost in costs.items()} == {
        "raw": 5.0,
        "sketch": 5.0,
        "model": 1.0,
        "feature_rank": 1.0,
        "transformed": 5.0,
    }
    assert all(cost.core_seconds == 2 * cost.seconds for cost in costs.values())
    assert {name: cost.size for name, cost in costs.items()} == {
        **dict.fromkeys(STAGES, 100),
        "raw": 500,
        "transformed": 500,
    }


def test_the_grid_of_many_rows_is_placed_by_a_part_of_them() -> None:
    sample, windows = FULL_SAMPLE_ROWS, SAMPLE_WINDOWS * WINDOW_ROWS

    costs = scaled({name: Cost(1.0, 1.0, 1) for name in STAGES}, sample=sample, rows=3 * sample)

    assert costs["sketch"].seconds == pytest.approx((3 * sample + windows) / (2 * sample))


def test_a_sample_of_rows_estimates_what_all_rows_take(tmp_path: pathlib.Path) -> None:
    table_of(1, 40_000).write_parquet(tmp_path / "t.parquet", row_group_size=1000)
    table = open_table(str(tmp_path / "t.parquet"), tmp_path)
    spec = FitSpec(name="t", source=str(tmp_path / "t.parquet"), columns=("x0",))

    def costs_of(rows: int) -> Costs:
        (tmp_path / f"{rows}").mkdir()
        run = run_sample(spec, table, ["x0"], rows, tmp_path / f"{rows}", LocalEngine())
        assert run.rows == rows
        return run.columns["x0"]

    part, whole = costs_of(10_000), costs_of(40_000)

    assert all(cost.seconds > 0 and cost.core_seconds > 0 for cost in part.values())
    for stage in ("raw", "transformed"):
        assert part[stage].size == pytest.approx(whole[stage].size, rel=0.1)


def test_concurrent_columns_share_the_cores() -> None:
    def seconds(at_once: int, core_seconds: float) -> float:
        costs = {name: Cost(1.0, core_seconds, 100) for name in STAGES}
        run = SampleRun(1000, {"x": costs, "y": costs}, {})
        *stages, around = stages_of(run, columns=20, at_once=at_once, threads=2)
        assert around["seconds"] == pytest.approx(20 * COLUMN_SECONDS)
        assert sum(stage["bytes"] for stage in stages) == 20 * 5 * 100
        return sum(stage["seconds"] for stage in stages)

    assert seconds(at_once=1, core_seconds=1.0) == pytest.approx(100)
    assert seconds(at_once=2, core_seconds=1.0) == pytest.approx(50)
    assert seconds(at_once=2, core_seconds=1.8) == pytest.approx(90)


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
    assert "within the limit of 2.0 GB" in told
    assert wrong.status == 2
    assert "Invalid size 'much': use for example 2GB" in wrong.err

import json
from collections.abc import Callable

import dagster as dg
import numpy as np
import polars as pl
import pytest
from workplace import Workplace

FRAME = pl.DataFrame({"x": np.random.default_rng(0).standard_t(1, 2000)})


def round_trip_check(workplace: Workplace) -> dg.AssetCheckEvaluation:
    with dg.DagsterInstance.from_config(str(workplace.dagster_home)) as instance:
        run = instance.get_runs()[0]
        events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    (event,) = events
    return event.dagster_event.asset_check_evaluation_data


@pytest.fixture
def ran(workplace: Workplace) -> Callable[..., Workplace]:
    def run(*arguments: str) -> Workplace:
        FRAME.write_parquet(workplace.path / "t.parquet")
        done = workplace.call("run", "t.parquet", *arguments)
        assert done.status == 0, done.err
        return workplace

    return run


def test_a_round_trip_that_loses_nothing_passes_its_check(ran: Callable[..., Workplace]) -> None:
    check = round_trip_check(ran())
    assert check.passed
    assert "within the value's precision" in check.description
    assert check.metadata["rows"].value == 2000


def test_a_round_trip_that_loses_rows_warns_with_their_number_and_blocks_nothing(ran: Callable[..., Workplace]) -> None:
    workplace = ran("--set", "extremes=clip", "--set", "min_weight=0.05", "--set", "method=dpgmm")
    check = round_trip_check(workplace)
    changed = json.loads(workplace.call("status", "--fit", "t", "--json").out)["columns"][0]["stages"]["transformed"][
        "summary"
    ]["changed"]
    assert changed > 0
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert f"{changed:,} of 2,000 rows do not come back" in check.description
    assert f"{changed:,} of 2,000 rows do not come back" in workplace.call("status", "--fit", "t").out


def test_a_round_trip_is_counted_by_mode(ran: Callable[..., Workplace]) -> None:
    summary = json.loads(ran().call("status", "--fit", "t", "--json").out)["columns"][0]["stages"]["transformed"][
        "summary"
    ]
    assert sum(mode["rows"] for mode in summary["by_mode"]) == 2000
    assert all(mode["exact"] + mode["within_precision"] == mode["rows"] for mode in summary["by_mode"])

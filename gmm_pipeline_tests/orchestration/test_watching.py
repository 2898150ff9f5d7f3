"""What a dataset's sensor and schedule ask for when its source changes, and what the runs then
do.
"""

import datetime as dt
import json
import os
from typing import Any

import dagster as dg
import polars as pl
import pytest
from watched import FRAME, Watched, columns_of, stages_of, told
from workplace import states

from gmm_pipeline.fits.plan import current_statuses
from gmm_pipeline.orchestration.columns_job import run_config_of
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.store.names import encode_key
from gmm_pipeline.tables import files

STAGES = ["raw", "sketch", "gmm_model", "feature_rank", "transformed"]
ODD_NAMES = [
    "a,b",
    "a b",
    "a/b",
    "größe",
    "数量",
    "a...b",
    "...",
    "[a]",
    "a[0]",
    "{x}",
    "x|y",
    "it's",
    "../up",
    "-x",
    "~",
]


def test_the_first_look_registers_all_columns_and_asks_for_them(watched: Watched) -> None:
    watched.add("a.parquet", pl.DataFrame({name: [1, 2] for name in ODD_NAMES}))

    requests = watched.requests()

    assert columns_of(requests) == ODD_NAMES
    assert watched.registered() == {encode_key(name) for name in ODD_NAMES}
    assert [request.tags["gmm_pipeline/because"] for request in requests] == [
        "raw missing: not computed yet"
    ]
    assert watched.skipped() == "nothing is new"


def test_columns_of_any_name_are_encoded(watched: Watched) -> None:
    names = ["a,b ...", "[数]/量"]
    watched.add("a.parquet", pl.DataFrame({name: [1, 2] for name in names}))

    (request,) = watched.requests()
    result = watched.execute(request)

    assert result.success
    assert stages_of(result) == {encode_key(name): STAGES for name in names}
    assert all(status.done for status in current_statuses(watched.dataset.spec(), watched.fit))


def test_runs_that_were_asked_for_leave_nothing_to_do(watched: Watched) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()

    assert all(status.done for status in current_statuses(watched.dataset.spec(), watched.fit))
    assert watched.skipped() == "nothing is new"
    watched.cursor = None
    assert watched.skipped() == "0 of 2 columns registered, no run to start"


def test_an_added_file_asks_for_all_columns_once_more(watched: Watched) -> None:
    watched.add("a.parquet")
    first = watched.requests()
    assert all(watched.execute(request).success for request in first)
    before = states(watched.fit.path)

    watched.add("b.parquet", FRAME.head(4))
    again = watched.requests()

    assert columns_of(again) == columns_of(first)
    assert {request.run_key for request in again}.isdisjoint({request.run_key for request in first})
    assert {request.tags["gmm_pipeline/because"] for request in again} == {
        "raw stale: files were added to the source"
    }
    assert watched.skipped() == "nothing is new"
    assert all(watched.execute(request).success for request in again)
    assert watched.fit.column("few").require("transformed").manifest.rows == len(FRAME) + 4
    parts = [path for path in before if "/raw/" in path or "/transformed/" in path]
    after = states(watched.fit.path)
    assert {path: after[path] for path in parts} == {path: before[path] for path in parts}


def test_settings_that_change_ask_for_what_depends_on_them(watched: Watched) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()

    watched.settings = {"column_settings": {"few": {"max_modes": 3}}}
    (request,) = watched.requests()

    assert columns_of([request]) == ["few"]
    assert "max_modes: 10 → 3" in request.tags["gmm_pipeline/because"]
    assert stages_of(watched.execute(request)) == {"few": STAGES[2:]}


def test_settings_that_change_back_ask_again_by_keys_that_dagster_does_not_know(
    watched: Watched,
) -> None:
    watched.add("a.parquet")
    keys = [request.run_key for request in watched.requests()]

    for settings in ({"columns": ["few"]}, {}, {"columns": ["few"]}, {}):
        watched.settings = settings
        keys += [request.run_key for request in watched.requests()]

    assert len(keys) == len(set(keys)) == 5


def test_a_look_that_is_made_again_asks_by_the_same_keys(watched: Watched) -> None:
    watched.add("a.parquet")
    keys = [request.run_key for request in watched.requests()]

    watched.cursor = None

    assert [request.run_key for request in watched.requests()] == keys


def test_a_file_that_is_being_written_is_not_taken_and_told_of(watched: Watched) -> None:
    whole = watched.add("a.parquet").read_bytes()
    watched.bring_up_to_date()
    half = watched.source / "b.parquet"

    half.write_bytes(whole[:-1])
    assert watched.skipped() == f"nothing is new; file {half} is still being written"
    half.write_bytes(whole)

    assert columns_of(watched.requests()) == ["few", "city"]


def test_files_beside_one_that_is_being_written_are_taken(
    watched: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = watched.add("a.parquet").read_bytes()
    (watched.source / "b.parquet").write_bytes(whole[:-1])

    assert columns_of(watched.requests()) == ["few", "city"]
    assert "b.parquet is still being written" in told(capfd)
    assert "b.parquet" not in watched.fit.ledger_path.read_text()


@pytest.mark.parametrize("before", [False, True])
def test_a_file_that_is_all_there_is_waits_until_it_is_written(
    watched: Watched,
    before: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    file = watched.add("a.parquet")
    if before:
        watched.bring_up_to_date()
    whole = file.read_bytes()

    file.write_bytes(whole[:-1])

    assert (
        watched.skipped() == f"file {file} is still being written. It is read once it is complete"
    )


def test_csv_files_are_taken_once_they_were_left_alone_for_a_while(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.source.mkdir()
    file = watched.source / "a.csv"
    FRAME.write_csv(file)
    os.utime(file, (0, 0))
    assert "a.csv is still being written" in watched.skipped()

    monkeypatch.setattr(files, "QUIET_SECONDS", 0.0)

    assert columns_of(watched.requests()) == ["few", "city"]


def test_ten_new_columns_at_once_are_registered_and_asked_for(watched: Watched) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()
    new = [f"new {number}" for number in range(10)]

    watched.add("a.parquet", FRAME.with_columns(pl.lit(1.5).alias(name) for name in new))
    requests = watched.requests()

    assert columns_of(requests) == ["few", "city", *new]
    assert watched.registered() == set(map(encode_key, columns_of(requests)))
    assert watched.execute(requests[-1]).success


def test_a_column_that_is_gone_can_be_left_out_as_it_is_told(watched: Watched) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()
    watched.add("a.parquet", FRAME.drop("few"))
    watched.requests()

    watched.settings = {"columns": ["!few"]}
    assert watched.dataset.discover().columns == ("city",)
    watched.add("b.parquet", FRAME.drop("few"))

    assert columns_of(watched.requests()) == ["city"]


def test_a_column_that_is_gone_does_not_keep_others_that_are_named_from_being_done(
    watched: Watched,
) -> None:
    watched.settings = {"columns": ["few", "city"]}
    watched.add("a.parquet")
    watched.bring_up_to_date()

    watched.add("a.parquet", FRAME.drop("few").reverse())

    assert columns_of(watched.requests()) == ["city"]


def test_a_column_that_changed_its_type_is_told_of_and_made_anew(
    watched: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()

    watched.add("a.parquet", FRAME.cast({"few": pl.String}))
    requests = watched.requests()

    assert "column 'few' changed its type from int64 to large_string" in told(capfd)
    result = watched.execute(requests[0])
    assert result.success
    evaluations = [
        check for check in result.get_asset_check_evaluations() if check.partition == "few"
    ]
    checks = {check.check_name: check for check in evaluations}
    assert not checks["schema_unchanged"].passed
    assert "few: type large_string, was int64 when the column was last fitted" in str(
        checks["schema_unchanged"].description
    )


@pytest.mark.parametrize("watch", [True, False])
def test_a_source_that_is_missing_is_told_of(watched: Watched, watch: bool) -> None:  # noqa: FBT001
    watched.settings = {"watch": watch}

    assert f"source '{watched.source}' does not exist" in watched.skipped()


def test_a_source_that_is_not_watched_has_its_columns_registered_and_nothing_started(
    watched: Watched,
) -> None:
    watched.settings = {"watch": False}
    watched.add("a.parquet")

    assert watched.skipped() == "2 of 2 columns registered"
    assert watched.skipped() == "all 2 columns are registered"
    watched.add("b.parquet", FRAME.with_columns(new=1))

    assert watched.skipped() == "1 of 3 columns registered"
    assert watched.registered() == {"few", "city", "new"}


def test_other_files_can_be_watched_instead_of_the_source(watched: Watched) -> None:
    marks = watched.path / "marks"
    marks.mkdir()
    watched.settings = {"watch": str(marks / "*.parquet")}
    watched.add("a.parquet")
    watched.bring_up_to_date()

    watched.add("b.parquet")
    assert watched.skipped() == "nothing is new"
    FRAME.write_parquet(marks / "done.parquet")
    assert columns_of(watched.requests()) == ["few", "city"]
    assert watched.skipped() == "nothing is new"
    (marks / "half.parquet").write_bytes(b"PAR1")
    assert "half.parquet is still being written" in watched.skipped()


def test_what_comes_while_the_sensor_looks_is_seen_at_the_next_look(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()
    watched.add("b.parquet")
    looked = watched.dataset.discover
    dataset = watched.dataset

    def discover_late() -> Any:
        spec = looked()
        watched.add("c.parquet")
        return spec

    late = Dataset(dataset.name, dataset.spec, discover_late, watch=True)
    monkeypatch.setattr(Watched, "dataset", late)
    watched.requests()
    monkeypatch.undo()

    assert columns_of(watched.requests()) == ["few", "city"]


def test_a_column_that_failed_is_asked_for_again_when_the_source_changes(watched: Watched) -> None:
    watched.add(
        "a.parquet",
        pl.DataFrame({"id": [1, 2**63], "few": [1, 2]}, schema_overrides={"id": pl.UInt64}),
    )
    outcome = watched.execute(watched.requests()[0])
    assert not outcome.success
    assert stages_of(outcome) == {"few": STAGES, "id": STAGES[:1]}
    assert "nothing is new; failed: id (since 20" in watched.skipped()

    watched.add(
        "a.parquet", pl.DataFrame({"id": [1, 2], "few": [1, 2]}, schema_overrides={"id": pl.UInt64})
    )
    watched.bring_up_to_date()

    assert all(status.done for status in current_statuses(watched.dataset.spec(), watched.fit))


def test_a_column_that_is_being_run_is_asked_for_once_that_run_has_ended(watched: Watched) -> None:
    watched.add("a.parquet")
    keys = [request.run_key for request in watched.requests()]
    with watched.run_of("few"):
        watched.add("b.parquet")
        first = watched.requests()
        assert columns_of(first) == ["city"]
        assert watched.skipped().endswith("waiting for their run to end: few")
        watched.add("c.parquet")
        second = watched.requests()
        assert columns_of(second) == ["city"]

    third = watched.requests()

    assert columns_of(third) == ["few"]
    assert watched.skipped() == "nothing is new"
    keys += [request.run_key for request in (*first, *second, *third)]
    assert len(set(keys)) == len(keys) == 4


def test_columns_of_a_run_over_several_wait_for_its_end(watched: Watched) -> None:
    watched.add("a.parquet", FRAME.with_columns(other=1.5))
    with watched.run_over("few", "city"):
        assert columns_of(watched.requests()) == ["other"]

    assert columns_of(watched.requests()) == ["few", "city"]


def test_a_column_whose_run_did_what_it_waited_for_is_not_asked_for_again(watched: Watched) -> None:
    watched.add("a.parquet")
    requests = watched.requests()
    watched.cursor = None
    with watched.run_of("few"):
        assert columns_of(watched.requests()) == ["city"]
        assert all(watched.execute(request).success for request in requests)

    assert watched.skipped() == "nothing is new"


def test_the_schedule_fits_all_columns_again(watched: Watched) -> None:
    watched.settings = {"schedule": "0 3 * * 1", "watch": False, "settings": {"refit": "schedule"}}
    watched.add("a.parquet")
    watched.look()
    schedule = watched.definitions.get_repository_def().get_schedule_def("sales_refit")
    moments = [dt.datetime(2026, 11, day, 3, tzinfo=dt.UTC) for day in (23, 30)]

    monday, next_monday = (
        schedule(dg.build_schedule_context(watched.instance, scheduled_execution_time=moment))
        for moment in moments
    )

    assert columns_of([monday]) == ["few", "city"]
    assert monday.tags["gmm_pipeline/refit"] == "model"
    assert monday.run_key != next_monday.run_key
    assert watched.execute(monday).success
    again = watched.execute(next_monday)
    assert again.success
    assert stages_of(again) == {"few": STAGES[2:], "city": STAGES[2:]}
    model = watched.fit.column("few").require("model").manifest
    assert model.summary["decision"] == "fitted: no earlier model, or a refit was requested"


def test_the_schedule_goes_by_the_time_zone_of_its_dataset(watched: Watched) -> None:
    watched.settings = {"schedule": "0 3 * * 1", "timezone": "Europe/Zurich"}

    schedule = watched.definitions.get_repository_def().get_schedule_def("sales_refit")

    assert schedule.execution_timezone == "Europe/Zurich"


def test_tags_and_the_pool_of_a_dataset_are_those_of_its_runs(watched: Watched) -> None:
    limits = {"container_config": {"resources": {"limits": {"memory": "8Gi"}}}}
    watched.settings = {"tags": {"team": "retail", "dagster-k8s/config": limits}, "pool": "disk"}
    watched.add("a.parquet")

    assert watched.execute(watched.requests()[0]).success

    (run,) = watched.instance.get_runs()
    assert run.tags["team"] == "retail"
    assert json.loads(run.tags["dagster-k8s/config"]) == limits
    for job in ("sales_run", "sales_job"):
        nodes = watched.definitions.resolve_job_def(job).nodes
        assert {node.definition.pool for node in nodes} == {"disk"}


@pytest.mark.parametrize("refit", [None, "model", "all"])
def test_a_tag_says_what_is_made_anew_rather_than_continued(
    watched: Watched, refit: str | None
) -> None:
    watched.settings = {"settings": {"refit": "never"}, "columns": ["few"]}
    watched.add("a.parquet")
    watched.bring_up_to_date()
    watched.add("b.parquet", FRAME.head(4))

    tags = {} if refit is None else {"gmm_pipeline/refit": refit}
    asked = dg.RunRequest(run_config=run_config_of("sales", ["few"]), tags=tags)
    assert watched.execute(asked).success

    column = watched.fit.column("few")
    parts = {stage: len(column.require(stage).tables()) for stage in ("raw", "transformed")}
    assert parts == {"raw": 1 if refit == "all" else 2, "transformed": 2 if refit is None else 1}
    decision = str(column.require("model").manifest.summary["decision"])
    assert decision.startswith("fitted: no earlier model" if refit else "kept: refit = never")
    kept = {
        snapshot.columns["few"].results["model"].content
        for snapshot in watched.fit.snapshots.descending()
    }
    assert len(kept) == (1 if refit is None else 2)

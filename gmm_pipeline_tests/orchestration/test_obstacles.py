"""Columns that no run can compute are told once and left out; a source that was lost is told."""

import datetime as dt

import dagster as dg
import polars as pl
import pytest
from watched import FRAME, Watched, columns_of, stages_of, told

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.plan import State, current_statuses
from gmm_pipeline.fits.stages import RAW
from gmm_pipeline.tables import files

LISTS = FRAME.with_columns(tags=pl.lit([1.0]))
GONE = "column 'few': it is gone from the source. Its results stay; leave it out with '!few'"


def test_a_column_that_is_gone_is_told_once_and_left_out(
    watched: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()
    made = watched.fit.column("few").require("transformed").manifest.content

    watched.add("a.parquet", FRAME.drop("few").reverse())
    (request,) = watched.requests()

    assert GONE in told(capfd)
    assert columns_of([request]) == ["city"]
    assert watched.execute(request).success
    assert watched.skipped() == "nothing is new"
    assert watched.fit.column("few").require("transformed").manifest.content == made
    city, few = current_statuses(watched.dataset.spec(), watched.fit)
    assert city.done
    assert few.of(RAW).state is State.FAILED
    assert few.of(RAW).reason.startswith(GONE)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (LISTS, "column 'tags': type large_list<element: double> cannot be encoded"),
        (FRAME.with_columns(tags=pl.lit(b"x")), "column 'tags': type"),
    ],
)
def test_a_column_of_a_type_that_is_not_supported_is_told_once_and_left_out(
    watched: Watched, capfd: pytest.CaptureFixture[str], frame: pl.DataFrame, reason: str
) -> None:
    watched.add("a.parquet", frame)
    (request,) = watched.requests()

    assert reason in told(capfd)
    assert columns_of([request]) == ["few", "city"]
    assert watched.execute(request).success
    assert watched.skipped() == "nothing is new"
    (*_, tags) = current_statuses(watched.dataset.spec(), watched.fit)
    assert tags.of(RAW).reason.startswith(reason)


def test_a_column_on_which_files_do_not_agree_is_told_once_and_left_out(
    watched: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()

    watched.add("b.parquet", FRAME.drop("few"))

    assert columns_of(watched.requests()) == ["city"]
    assert (
        "column 'few': files of one table differ: type int64 in a.parquet, missing in b.parquet"
        in told(capfd)
    )


def completions(done: dg.ExecuteInProcessResult) -> list[tuple[str | None, bool]]:
    return [
        (check.partition, check.passed)
        for check in done.get_asset_check_evaluations()
        if check.check_name == "completion"
    ]


def test_the_check_of_a_column_that_is_left_out_fails_once_and_passes_when_it_is_back(
    watched: Watched,
) -> None:
    watched.add("a.parquet")
    watched.bring_up_to_date()
    told = []

    for frame in (FRAME.drop("few"), FRAME.drop("few").head(30), FRAME.head(30)):
        watched.add("a.parquet", frame)
        (request,) = watched.requests()
        told.append(completions(watched.execute(request)))

    assert told == [[("few", False)], [], [("few", True)]]


def test_status_names_a_column_that_is_gone_where_no_run_is_started(watched: Watched) -> None:
    watched.settings = {"columns": ["few"]}
    watched.add("a.parquet")
    watched.bring_up_to_date()

    watched.add("a.parquet", FRAME.drop("few"))

    assert GONE in watched.skipped()
    (few,) = current_statuses(watched.dataset.spec(), watched.fit)
    assert few.of(RAW).reason.startswith(GONE)


def test_the_schedule_leaves_out_what_cannot_be_computed(watched: Watched) -> None:
    watched.settings = {"schedule": "0 3 * * 1", "watch": False}
    watched.add("a.parquet", LISTS)
    watched.look()
    schedule = watched.definitions.get_repository_def().get_schedule_def("sales_refit")
    moment = dt.datetime(2026, 11, 23, 3, tzinfo=dt.UTC)
    context = dg.build_schedule_context(watched.instance, scheduled_execution_time=moment)
    request = schedule(context)

    first, second = watched.execute(request), watched.execute(request)

    assert first.success
    assert second.success
    assert set(stages_of(first)) == {"few", "city"}
    failed = [
        [check.partition for check in done.get_asset_check_evaluations() if not check.passed]
        for done in (first, second)
    ]
    assert failed == [["tags"], []]


@pytest.mark.parametrize("watch", [True, False])
def test_a_source_that_lost_all_its_files_fails_the_look(watched: Watched, watch: bool) -> None:  # noqa: FBT001
    watched.settings = {"watch": watch}
    file = watched.add("a.parquet")
    watched.look()

    file.unlink()

    with pytest.raises(SourceError, match=r"holds no Parquet or CSV file, and had 1 file") as lost:
        watched.look()
    assert "Bring them back; the results are kept" in str(lost.value)
    watched.add("a.parquet")
    watched.look()


def test_a_file_that_does_not_settle_fails_the_look_once_all_others_are_taken(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = watched.add("a.parquet").read_bytes()
    broken = watched.source / "b.parquet"
    broken.write_bytes(whole[:-1])
    monkeypatch.setattr(files, "SETTLE_SECONDS", 0.0)

    assert columns_of(watched.requests()) == ["few", "city"]
    assert "b.parquet is broken" in told(capfd)
    with pytest.raises(
        SourceError, match=r"b\.parquet is broken: it ends without a Parquet footer"
    ):
        watched.look()
    watched.add("c.parquet")
    assert columns_of(watched.requests()) == ["few", "city"]
    broken.unlink()
    assert watched.skipped() == "nothing is new"


def test_a_file_that_was_taken_and_is_broken_keeps_the_others_back_and_fails_the_look(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = watched.add("a.parquet")
    watched.bring_up_to_date()
    monkeypatch.setattr(files, "SETTLE_SECONDS", 0.0)

    file.write_bytes(file.read_bytes()[:-1])
    watched.add("b.parquet")

    with pytest.raises(SourceError, match=r"a\.parquet is broken"):
        watched.look()


def test_a_file_that_is_no_parquet_inside_fails_the_look(watched: Watched) -> None:
    file = watched.add("a.parquet")
    content = bytearray(file.read_bytes())
    footer = int.from_bytes(content[-8:-4], "little")
    content[-8 - footer : -8] = bytes(footer)
    file.write_bytes(content)

    with pytest.raises(SourceError, match=r"a\.parquet cannot be read as Parquet"):
        watched.look()

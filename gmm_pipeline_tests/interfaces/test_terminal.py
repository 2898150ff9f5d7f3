"""What commands print: as much as a person reads, in what the terminal can show."""

import json
from collections.abc import Callable

import polars as pl
import pytest
from workplace import Workplace

from gmm_pipeline.interfaces.cli import show_command
from gmm_pipeline.interfaces.cli.main import TRACEBACK_VARIABLE

CITIES = [f"city {number}" for number in range(60)]


@pytest.fixture(scope="module")
def fitted(new_workplace: Callable[[], Workplace]) -> Workplace:
    """A workplace with a fit of 60 cities, whose encoded rows are in the store."""
    workplace = new_workplace()
    frame = pl.DataFrame({"größe": [1.5, 2.5] * 30, "city": CITIES})
    frame.write_parquet(workplace.path / "t.parquet")
    assert workplace.call("run", "t.parquet").status == 0
    return workplace


def test_show_prints_the_most_frequent_modes_of_many(fitted: Workplace) -> None:
    some = fitted.call("show", "city", "--fit", "t")
    every = fitted.call("show", "city", "--fit", "t", "--all")
    few = fitted.call("show", "größe", "--fit", "t")

    assert (some.out.count("city "), every.out.count("city ")) == (50, 60)
    assert "The 50 most frequent of 60 modes. --all shows" in some.err
    assert not every.err
    assert not few.err
    assert len(fitted.call("show", "city", "--fit", "t", "--json").json()["modes"]) == 60


def test_plan_says_which_columns_seem_to_identify_rows(workplace: Workplace) -> None:
    ids = [f"{number:032x}" for number in range(200)]
    frame = pl.DataFrame({"id": ids, "city": CITIES[:50] * 4, "amount": range(200)})
    frame.write_parquet(workplace.path / "t.parquet")

    plain = workplace.call("plan", "t.parquet", "--json").json()["columns"]
    merged = workplace.call("plan", "t.parquet", "--json", "--set", "id.max_categories=9").json()

    assert [entry["column"] for entry in plain if "as ids have" in entry["reason"]] == ["id"]
    assert "--columns '!id'" in plain[0]["reason"]
    assert "as ids have" not in merged["columns"][0]["reason"]


def test_a_table_that_would_be_very_wide_is_written_only_if_that_is_meant(
    fitted: Workplace,
) -> None:
    export = ("export", "--fit", "t", "--wide", "--out", "wide.parquet")

    refused = fitted.call(*export, "--max-width", 60)

    assert refused.status == 2
    assert "would have 64 columns, 60 of them for the modes of 'city'" in refused.err
    assert "--max-width 64" in refused.err
    assert not (fitted.path / "wide.parquet").exists()
    written = fitted.call(*export, "--max-width", 64)
    assert "60 rows of 2 columns, 64 columns wide" in written.err
    assert fitted.call(*export).status == 0


def test_what_a_terminal_cannot_show_is_replaced_and_json_is_whole(
    fitted: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")

    shown = fitted.finish("gmm-pipeline", "plan", "t.parquet")
    listed = fitted.finish("gmm-pipeline", "plan", "t.parquet", "--json")

    assert shown.status == 0, shown.err
    assert "gr" in shown.out
    assert [entry["column"] for entry in json.loads(listed.out)["columns"]] == ["größe", "city"]


def test_an_unexpected_error_is_one_line_with_how_to_see_more(
    fitted: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left\non device")

    monkeypatch.setattr(show_command, "ranking_table", fail)

    failed = fitted.call("show", "city", "--fit", "t")

    assert failed.status == 1
    assert failed.err == (
        "Error: unexpected OSError: [Errno 28] No space left on device. Set "
        f"{TRACEBACK_VARIABLE}=1 to see where it happened.\n"
    )
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")
    with pytest.raises(OSError, match="No space left"):
        fitted.call("show", "city", "--fit", "t")

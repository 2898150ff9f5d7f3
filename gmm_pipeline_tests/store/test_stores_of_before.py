"""Stores that version 0.1.0 wrote: they open, are shown, decode, and go on in the layout of today.

The archive was written by that version (commit 922be52): 300 rows of four columns, fitted twice
with other settings, then 100 rows more; the encoded tables and modes that it gave; and a fit that the
Python class saved.
"""

import json
import pathlib
import shutil
import zipfile

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from workplace import Workplace, contents

from gmm_pipeline import TableEncoder

ARCHIVE = pathlib.Path(__file__).with_name("store_of_0_1_0.zip")
COLUMNS = ["amount", "city", "day", "Visit Duration (s)"]


@pytest.fixture
def before(workplace: Workplace) -> Workplace:
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(workplace.path)
    return workplace


def rows(workplace: Workplace) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(workplace.path / f"table/{name}.parquet") for name in "ab")


def test_it_is_shown_exported_and_decoded_without_a_change(before: Workplace) -> None:
    found = contents(before.store)
    for column in ("amount", "city"):
        shown = before.call("show", column, "--fit", "sales", "--json").json()
        then = json.loads((before.path / f"show_{column}.json").read_text())
        # Weights were those of the mixture; they are shares of all rows now.
        assert sum(mode.pop("weight") for mode in shown["modes"]) == pytest.approx(1)
        assert [mode.pop("weight") for mode in then["modes"]]
        assert shown == then
    before.call("export", "--fit", "sales", "--out", "again.parquet")
    exported = pl.read_parquet(before.path / "again.parquet")
    assert_frame_equal(exported, pl.read_parquet(before.path / "second.parquet"))
    before.call("inverse", "again.parquet", "--fit", "sales", "--out", "back.parquet")

    assert_frame_equal(pl.read_parquet(before.path / "back.parquet"), rows(before))
    assert contents(before.store) == {
        **found,
        "sales/.readers": contents(before.store)["sales/.readers"],
    }


def test_a_read_only_store_is_read(before: Workplace) -> None:
    decoded = TableEncoder.load(before.store / "sales").inverse_transform(
        str(before.path / "second.parquet"), generated=True
    )
    assert_frame_equal(decoded.collect(), rows(before))


def test_its_earlier_fits_are_generations(before: Workplace) -> None:
    (entry, _) = sorted(
        before.call("fits", "--json").json(), key=lambda each: each["columns"], reverse=True
    )
    assert (entry["fit"], entry["generation"]) == ("sales", 3)
    assert [each["fit"] for each in entry["earlier"]] == ["sales@2", "sales@1"]
    first = TableEncoder.load(before.store / "sales", generation=1)
    decoded = first.inverse_transform(str(before.path / "first.parquet"), generated=True)

    assert_frame_equal(decoded.collect(), rows(before).head(300))


def test_an_encoded_table_of_then_names_no_fit_and_is_decoded_when_asked_to(
    before: Workplace,
) -> None:
    refused = before.call("inverse", "second.parquet", "--fit", "sales", "--out", "back.parquet")

    assert refused.status == 2
    assert "does not say by which fit it was encoded" in refused.err
    assert "--generated" in refused.err
    assert not (before.path / "back.parquet").exists()


def test_a_run_goes_on_from_it_and_keeps_its_earlier_fits(before: Workplace) -> None:
    first = TableEncoder.load(before.store / "sales", generation=1)
    ran = before.call("run", "table", "--fit", "sales", "--set", "max_modes=4")
    assert ran.status == 0
    again = TableEncoder.load(before.store / "sales", generation=1)

    assert again.model("amount") == first.model("amount")
    assert TableEncoder.load(before.store / "sales").model("amount") != first.model("amount")
    before.call("export", "--fit", "sales", "--out", "new.parquet")
    assert (
        before.call("inverse", "new.parquet", "--fit", "sales", "--out", "back.parquet").status == 0
    )
    assert_frame_equal(pl.read_parquet(before.path / "back.parquet"), rows(before))
    for stage in ("raw", "sketch", "model", "feature_rank", "transformed"):
        assert (before.store / "sales/amount" / stage).is_dir()
    assert pl.scan_parquet(before.store / "sales/city/transformed").collect().height == 400


def test_a_fit_that_the_class_saved_is_loaded_and_saved_over(before: Workplace) -> None:
    loaded = TableEncoder.load(before.store / "saved")
    assert list(loaded.columns) == COLUMNS
    encoded = loaded.transform(rows(before).head(300))
    assert_frame_equal(loaded.inverse_transform(encoded).collect(), rows(before).head(300))
    loaded.save(before.store / "saved")

    assert TableEncoder.load(before.store / "saved").model("amount") == loaded.model("amount")


def test_a_copy_of_it_in_another_place_is_the_same(before: Workplace) -> None:
    shutil.copytree(before.store, before.path / "copy")
    one, other = (
        TableEncoder.load(folder / "sales") for folder in (before.store, before.path / "copy")
    )
    assert one.model("day") == other.model("day")


def test_columns_that_a_run_leaves_out_keep_their_results_and_earlier_fits(
    before: Workplace,
) -> None:
    first = TableEncoder.load(before.store / "sales", generation=1)
    settings = ("--fit", "sales", "--set", "max_modes=2")
    assert before.call("run", "table", "--columns", "city", *settings).status == 0
    ran = before.call("run", "table", *settings)

    assert ran.status == 0, ran.err
    assert TableEncoder.load(before.store / "sales").columns == tuple(COLUMNS)
    assert TableEncoder.load(before.store / "sales", generation=1).model("amount") == first.model(
        "amount"
    )
    assert before.call("export", "--fit", "sales", "--out", "new.parquet").status == 0


@pytest.mark.parametrize("missing", [["symlink_to"], ["symlink_to", "hardlink_to"]])
def test_it_goes_on_where_there_are_no_links(
    before: Workplace, monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Operation not permitted")

    newest = TableEncoder.load(before.store / "sales")
    for name in missing:
        monkeypatch.setattr(pathlib.Path, name, refuse)
    assert before.call("run", "table", "--fit", "sales", "--set", "max_modes=4").status == 0

    assert TableEncoder.load(before.store / "sales").model("amount") != newest.model("amount")
    kept = TableEncoder.load(before.store / "sales", generation=3)
    assert kept.model("amount") == newest.model("amount")

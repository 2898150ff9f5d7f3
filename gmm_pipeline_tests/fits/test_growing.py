"""Tables that files are added to: what is done for the new rows, and what is left as it is."""

import pathlib
import re
import shutil
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest
from exactness import bits
from jobs import make_column
from polars.testing import assert_frame_equal
from workplace import Workplace

from gmm_pipeline import TableEncoder
from gmm_pipeline.arrow.counters import GridNumberCounter
from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import ColumnDataError, SourceError
from gmm_pipeline.fits.plan import current_statuses
from gmm_pipeline.fits.settings import TableSettings
from gmm_pipeline.fits.snapshots import commit
from gmm_pipeline.fits.spec import FitSpec, load_spec, save_spec
from gmm_pipeline.fits.stages import RAW
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.result import Result
from gmm_pipeline.store.sketch_files import FITTED_SKETCH_FILE, SKETCH_FILE, read_sketch
from gmm_pipeline.store.store import Store

ROWS = 6000


NAMES = ("real", "cents", "few", "city", "rounded")


def rows(number: int, seed: int, *, shift: float = 0.0) -> pl.DataFrame:
    """Rows whose extremes are always there, so that later ones lie within those of the first
    file.
    """
    rng = np.random.default_rng(seed)
    real = np.clip(rng.normal(10.0 + shift, 2.0, number), 0.0, 30.0)
    real[:2] = [0.0, 30.0]
    gaps = rng.random(number) < 0.1
    gaps[:2] = False
    cents = np.round(rng.lognormal(3.0, 0.5, number), 2).clip(1.0, 500.0)
    cents[:2] = [1.0, 500.0]
    return pl.DataFrame(
        {
            "real": real,
            "cents": cents,
            "few": rng.integers(0, 8, number),
            "city": rng.choice(["Oslo", "Bergen, north", "a/b"], number),
            "rounded": pl.Series(real).round(1).set(pl.Series(gaps), None),
        }
    )


@dataclass(frozen=True)
class Table:
    """A folder that files are added to, and the store of its fit."""

    path: pathlib.Path
    settings: dict[str, Any] = field(default_factory=dict)

    def add(self, *frames: pl.DataFrame, suffix: str = "parquet") -> None:
        """Add a file for each frame, and bring the fit up to date after each."""
        source = self.path / "table"
        source.mkdir(exist_ok=True)
        for frame in frames:
            file = source / f"{len(list(source.iterdir()))}.{suffix}"
            frame.write_parquet(file) if suffix == "parquet" else frame.write_csv(file)
            self.make(*frame.columns)

    def make(self, *columns: str, refit: bool = False) -> None:
        spec = FitSpec(
            name="table",
            source=str(self.path / "table"),
            columns=columns,
            settings=TableSettings(settings=self.settings),
        )
        save_spec(spec, self.fit)
        for name in columns:
            make_column(spec, self.fit, name, LocalEngine(1), refit=refit)
        commit(spec, self.fit, columns)

    @property
    def fit(self) -> FitFolder:
        return Store(self.path / "store").fit("table")

    def result(self, name: str, stage: str) -> Result:
        return self.fit.column(name).require(stage)

    def decision(self, name: str) -> str:
        return str(self.result(name, "model").manifest.summary["decision"])

    def encoded(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.result(name, "transformed").folder)

    def decoded(self) -> pl.DataFrame:
        encoder = TableEncoder.load(self.fit.path)
        names = encoder.columns
        return encoder.inverse_transform(
            pl.concat([self.encoded(name) for name in names], how="horizontal")
        ).collect()


@pytest.fixture
def table(tmp_path: pathlib.Path) -> Table:
    return Table(tmp_path)


@pytest.fixture
def other(tmp_path: pathlib.Path) -> Table:
    (tmp_path / "other").mkdir()
    return Table(tmp_path / "other")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_added_rows_are_encoded_by_the_model_that_there_is(table: Table, suffix: str) -> None:
    first, second = rows(ROWS, 0), rows(ROWS // 50, 1)
    table.add(first, suffix=suffix)
    models = {name: table.result(name, "model").manifest.content for name in NAMES}

    table.add(second, suffix=suffix)

    assert {name: table.result(name, "model").manifest.content for name in NAMES} == models
    assert all(table.decision(name).startswith("kept: drift") for name in NAMES)
    summaries = [table.result(name, "transformed").manifest.summary for name in NAMES]
    assert [(summary["rows"], summary["changed"]) for summary in summaries] == [
        (ROWS + ROWS // 50, 0)
    ] * len(NAMES)
    assert [sum(summary["frequencies"]) for summary in summaries] == [ROWS + ROWS // 50] * len(
        NAMES
    )
    statuses = current_statuses(load_spec(table.fit), table.fit)
    assert all(status.done for status in statuses)
    assert_frame_equal(table.decoded(), pl.concat([first, second]), abs_tol=1e-5, rel_tol=0)


def test_nothing_old_is_rewritten_when_rows_are_added(table: Table) -> None:
    def files() -> dict[str, tuple[int, int]]:
        """Return the inode and the time of change of the files in the newest results."""
        return {
            f"{name} {stage} {path.name}": (path.stat().st_ino, path.stat().st_mtime_ns)
            for name in NAMES
            for stage in ("raw", "model", "transformed")
            for path in table.result(name, stage).folder.iterdir()
        }

    table.add(rows(ROWS, 0))
    before = files()

    table.add(rows(100, 1), rows(100, 2))

    after = files()
    assert len(before) > 10
    assert len(after) > len(before)
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize("settings", [{}, {"transform": "log"}])
def test_a_grown_sketch_leads_to_the_same_fit_and_rows_as_one_of_all_files(
    table: Table, other: Table, settings: dict[str, Any]
) -> None:
    frames = [rows(ROWS, 0), rows(100, 1), rows(300, 2)]
    exact = [name for name in NAMES if name != "real"]
    grown = Table(table.path, {"drift_threshold": 0, **settings})
    grown.add(*frames)
    (other.path / "table").mkdir()
    for number, frame in enumerate(frames):
        frame.write_parquet(other.path / "table" / f"{number}.parquet")

    Table(other.path, settings).make(*exact)

    for name in exact:
        assert grown.decision(name).startswith("fitted: drift")
        for stage in ("sketch", "model", "feature_rank"):
            assert (
                grown.result(name, stage).manifest.content
                == other.result(name, stage).manifest.content
            )
        assert_frame_equal(grown.encoded(name), other.encoded(name), check_exact=True)


def test_on_the_same_grid_a_grown_column_is_what_a_fit_of_all_rows_makes_of_it(
    table: Table, other: Table
) -> None:
    frames = [
        rows(20_000, 0).select("real"),
        rows(100, 1).select("real"),
        rows(300, 2).select("real"),
    ]
    other.add(frames[0])
    first = read_sketch(other.result("real", "sketch").file(SKETCH_FILE))
    body = first.tally.body
    assert isinstance(body, GridCounts)
    counter = GridNumberCounter(body.grid, first.coordinate, body.apart.values)
    counter.add(pl.concat(frames)["real"].to_arrow())

    table.add(*frames)

    grown = read_sketch(table.result("real", "sketch").file(SKETCH_FILE))
    assert bits(grown) == bits(Sketch(counter.tally(), first.coordinate))


def test_everything_anew_writes_the_rows_together_and_fits_again(table: Table) -> None:
    table.add(rows(ROWS, 0), rows(100, 1))
    before = table.decoded()

    table.make(*NAMES, refit=True)

    assert all(table.decision(name).startswith("fitted") for name in NAMES)
    assert len(table.result("few", "raw").tables()) == 1
    assert_frame_equal(table.decoded(), before, abs_tol=1e-5, rel_tol=0)


def test_rows_from_elsewhere_call_for_a_new_fit(table: Table) -> None:
    table.add(rows(ROWS, 0), rows(ROWS, 1, shift=6.0))

    assert re.match(r"fitted: drift 0\.[34]\d, over 0.02", table.decision("real"))
    assert table.decision("few").startswith("kept: drift")
    model, sketch = table.result("real", "model"), table.result("real", "sketch")
    assert model.file(FITTED_SKETCH_FILE).read_bytes() == sketch.file(SKETCH_FILE).read_bytes()
    assert table.result("real", "transformed").manifest.summary["changed"] == 0


def test_rows_that_the_model_cannot_hold_call_for_a_new_fit(table: Table) -> None:
    new = rows(10, 1).with_columns(
        pl.lit("Tromsø").alias("city"),
        real=pl.Series([1e6] * 10),
        rounded=pl.Series([float("nan")] * 10),
    )

    table.add(rows(ROWS, 0), new)

    for name in ("real", "city", "rounded"):
        assert table.decision(name) == "fitted: the last model cannot encode up to 10 of the rows"
        assert table.result(name, "transformed").manifest.summary["changed"] == 0
    assert table.decision("few").startswith("kept")


@pytest.mark.parametrize("when", ["never", "schedule"])
def test_a_model_that_is_not_to_be_refitted_refuses_rows_that_it_cannot_hold(
    table: Table, when: str
) -> None:
    table = Table(table.path, {"refit": when})
    table.add(rows(ROWS, 0))
    before = table.result("city", "transformed").manifest.content

    with pytest.raises(ColumnDataError, match=r"column 'city': .* \(10 rows\)"):
        table.add(rows(10, 1).with_columns(pl.lit("Tromsø").alias("city")).select("city"))

    assert table.result("city", "transformed").manifest.content == before
    assert table.decision("city").startswith(f"kept: refit = {when}")


def test_the_order_of_rows_is_that_in_which_files_came(table: Table) -> None:
    first, late = rows(ROWS, 0), rows(50, 1)
    table.add(first)
    late.write_parquet(table.path / "table" / "!sorts before all others.parquet")

    table.make(*NAMES)

    assert_frame_equal(table.decoded(), pl.concat([first, late]), abs_tol=1e-5, rel_tol=0)


def test_a_changed_file_makes_everything_anew(table: Table) -> None:
    table.add(rows(ROWS, 0), rows(50, 1))
    rows(ROWS, 5).write_parquet(table.path / "table" / "0.parquet")

    table.make(*NAMES)

    assert table.decision("real") == "fitted: rows changed or were removed"
    assert_frame_equal(
        table.decoded(), pl.concat([rows(ROWS, 5), rows(50, 1)]), abs_tol=1e-5, rel_tol=0
    )


def test_a_column_that_comes_later_is_null_before(table: Table) -> None:
    table.add(rows(ROWS, 0), rows(100, 1).with_columns(new=pl.Series(range(100))))

    assert table.decoded()["new"].to_list() == [None] * ROWS + list(range(100))


def test_a_column_that_goes_is_refused_and_keeps_its_results(table: Table) -> None:
    table.add(rows(ROWS, 0))
    before = table.result("few", "transformed").manifest.content
    rows(100, 1).drop("few").write_parquet(table.path / "table" / "1.parquet")

    table.make(*(name for name in NAMES if name != "few"))

    assert table.result("city", "transformed").manifest.rows == ROWS + 100
    with pytest.raises(SourceError, match=r"column 'few': .* missing in 1.parquet"):
        table.make("few")
    assert table.result("few", "transformed").manifest.content == before


def test_earlier_fits_can_be_loaded_by_name_and_encode_new_rows(workplace: Workplace) -> None:
    table = Table(workplace.path)
    first = rows(ROWS, 0)
    table.add(first)
    earlier = TableEncoder.load(table.fit.path)
    table.add(rows(ROWS, 1, shift=6.0))

    listed = workplace.call("fits", "--json").json()
    (generation,) = listed[0]["earlier"]
    name, number = generation["fit"], int(generation["fit"].partition("@")[2])
    at = TableEncoder.load(table.fit.path, generation=number)

    assert at.model("real") == earlier.model("real")
    assert at.model("real") != TableEncoder.load(table.fit.path).model("real")
    shown = workplace.call("show", "real", "--fit", name, "--json").json()["modes"]
    assert len(shown) == earlier.model("real").n_modes
    out = workplace.path / "earlier.parquet"
    encoded = workplace.call(
        "transform", workplace.path / "table" / "0.parquet", "--fit", name, "--out", out
    )
    assert encoded.status == 0, encoded.err
    assert_frame_equal(pl.read_parquet(out), earlier.transform(first).collect())
    refused = workplace.call("export", "--fit", name, "--out", out)
    assert refused.status == 2
    assert "the store keeps the models only" in refused.err


def test_files_that_are_still_being_written_do_not_count_as_there(table: Table) -> None:
    table.add(rows(ROWS, 0))
    whole = table.path / "whole.parquet"
    rows(100, 1).write_parquet(whole)

    (table.path / "table" / "1.parquet").write_bytes(whole.read_bytes()[:-1])
    half = current_statuses(load_spec(table.fit), table.fit)
    shutil.copy(whole, table.path / "table" / "1.parquet")
    there = current_statuses(load_spec(table.fit), table.fit)

    assert all(status.done for status in half)
    assert {status.of(RAW).reason for status in there} == {"files were added to the source"}


def test_the_command_line_brings_a_grown_table_up_to_date(workplace: Workplace) -> None:
    source = workplace.path / "table"
    source.mkdir()
    rows(ROWS, 0).select("real", "city").write_parquet(source / "a.parquet")
    assert workplace.call("run", source).status == 0
    rows(60, 1).select("real").write_parquet(source / "b.parquet")

    run = workplace.call("run", source, "--json")

    assert run.status == 1
    entries = {entry["column"]: entry for entry in run.json()["columns"]}
    assert entries["real"]["rows"] == ROWS + 60
    assert "missing in b.parquet" in entries["city"]["error"]
    exported = workplace.call(
        "export", "--fit", "table", "--out", workplace.path / "encoded.parquet"
    )
    assert exported.status == 0, exported.err
    assert "Generation 2 holds columns of several versions of the source" in exported.err
    assert pl.read_parquet(workplace.path / "encoded.parquet").height == ROWS

"""Tables that commands write as folders of parts: on this machine, and by the executors of a real
cluster.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from workplace import Workplace, contents

from gmm_pipeline import TableEncoder

ROWS = 3000


@pytest.fixture(scope="module")
def fitted(new_workplace: Callable[[], Workplace]) -> Workplace:
    """A workplace with the fit `t` of the table t.parquet."""
    workplace, rng = new_workplace(), np.random.default_rng(2)
    amounts = pl.Series(rng.lognormal(3, 2, ROWS)).set(pl.Series(rng.random(ROWS) < 0.1), None)
    frame = pl.DataFrame({"amount": amounts, "colour": rng.choice(["red", "", "blue"], ROWS)})
    frame.write_parquet(workplace.path / "t.parquet")
    assert workplace.call("run", "t.parquet").status == 0
    return workplace


def read(workplace: Workplace, name: str) -> pl.DataFrame:
    return pl.scan_parquet(workplace.path / name).collect()


@pytest.mark.usefixtures("spark")
def test_folders_hold_the_rows_of_files_and_are_the_same_bytes_by_either_engine(
    fitted: Workplace,
) -> None:
    commands = {
        "encoded": ("transform", "t.parquet"),
        "narrow": ("export",),
        "wide": ("export", "--wide"),
        "of_narrow": ("inverse", "narrow"),
        "of_wide": ("inverse", "wide"),
    }
    for out, command in commands.items():
        for target, options in {
            f"{out}.parquet": (),
            f"{out}_here": (),
            out: ("--engine", "spark"),
        }.items():
            finished = fitted.call(*command, "--fit", "t", "--out", target, *options)
            assert finished.status == 0, finished.err
            assert "3,000 rows" in finished.err
        assert contents(fitted.path / out) == contents(fitted.path / f"{out}_here")
        assert list(contents(fitted.path / out)) == ["part-000000.parquet"]
        assert read(fitted, out).equals(read(fitted, f"{out}.parquet"))
    assert not [path for path in fitted.path.iterdir() if path.name.startswith(".")]


def test_a_folder_of_csv_is_decoded_as_well(fitted: Workplace) -> None:
    assert fitted.call("export", "--fit", "t", "--out", "wide.csv", "--wide").status == 0
    for out in ("of_csv.parquet", "of_csv"):
        decoded = fitted.call("inverse", "wide.csv", "--fit", "t", "--generated", "--out", out)
        assert decoded.status == 0
    assert read(fitted, "of_csv").equals(read(fitted, "of_csv.parquet"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["export", "--out", "one.parquet", "--engine", "spark"],
            "one.parquet is one file. Give --out a name without an extension",
        ),
        (["export", "--out", "kept"], "kept contains files that are not parts of a table"),
        (["export", "--out", "missing/parts"], "does not exist. Create it first"),
        (
            ["transform", "parts/part-000000.parquet", "--out", "parts"],
            "parts contains an input of this command",
        ),
        (
            ["inverse", "t.parquet", "--generated", "--out", "never"],
            "column 'amount': the encoded rows have no column 'amount.value'",
        ),
        (
            ["inverse", "parts", "--out", "never", "--spark-config", "spark.master=local"],
            "Add --engine spark",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_written_is_refused_and_nothing_changes(
    fitted: Workplace, arguments: list[str], says: str
) -> None:
    assert fitted.call("export", "--fit", "t", "--out", "parts").status == 0
    (fitted.path / "kept").mkdir(exist_ok=True)
    (fitted.path / "kept" / "notes.txt").write_text("mine")
    before = contents(fitted.path)

    finished = fitted.call(*arguments, "--fit", "t")

    assert finished.status == 2
    assert says in finished.err
    assert contents(fitted.path) == before


def test_the_parts_of_the_last_time_are_replaced(fitted: Workplace) -> None:
    encoder = TableEncoder.load(fitted.store / "t")
    for rows in (ROWS, 10):
        encoder.transform_to(read(fitted, "t.parquet").head(rows), fitted.path / "again")
        assert read(fitted, "again").height == rows

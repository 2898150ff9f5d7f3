"""What commands say on a full disk, and what they leave: here no file may grow beyond a size."""

import pathlib
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest
from workplace import Finished, Workplace, results

ROWS = 300_000
"""Of 8 bytes: more than what a file may have below."""
MEGABYTE = 1 << 20
REMEDY = "Free some space, and run again"


@pytest.fixture(scope="module")
def finished(new_workplace: Callable[[], Workplace]) -> Workplace:
    workplace = new_workplace()
    pl.DataFrame(
        {"small": [1, 2] * (ROWS // 2), "large": np.random.default_rng(0).normal(size=ROWS)}
    ).write_parquet(workplace.path / "t.parquet")
    assert workplace.call("run", "t.parquet").status == 0
    return workplace


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def drafts(folder: pathlib.Path) -> list[pathlib.Path]:
    return [
        path for path in folder.rglob(".*") if path.name[-32:].isalnum() and len(path.name) > 33
    ]


def lines_with_remedy(ended: Finished) -> list[str]:
    return [line for line in ended.err.splitlines() if REMEDY in line]


def test_a_column_that_does_not_fit_fails_alone_and_is_computed_once_there_is_room(
    finished: Workplace, workplace: Workplace
) -> None:
    source = finished.path / "t.parquet"

    with files_up_to(MEGABYTE):
        full = workplace.call("run", source)

    assert full.status == 1
    (line,) = lines_with_remedy(full)
    assert line.startswith("failed: 'large': the disk is full")
    assert "Traceback" not in full.err
    assert drafts(workplace.store) == []
    again = workplace.call("retry")
    assert again.status == 0, again.err
    assert results(workplace.store) == results(finished.store)


def test_a_history_that_cannot_be_written_is_told_in_one_line(
    finished: Workplace, workplace: Workplace
) -> None:
    with files_up_to(50_000):
        full = workplace.call("run", finished.path / "t.parquet")

    assert full.status == 1
    assert len(lines_with_remedy(full)) == 1
    assert "Traceback" not in full.err
    again = workplace.call("run", finished.path / "t.parquet")
    assert again.status == 0, again.err


@pytest.mark.parametrize("out", ["out.parquet", "out.csv", "out"])
def test_an_export_that_does_not_fit_leaves_nothing(finished: Workplace, out: str) -> None:
    before = set(finished.path.rglob("*"))

    with files_up_to(MEGABYTE // 2):
        full = finished.call("export", "--fit", "t", "--out", out)

    assert full.status == 1
    (line,) = full.err.splitlines()
    assert line.startswith("Error: the disk is full")
    assert line.endswith("nothing is half-written")
    assert set(finished.path.rglob("*")) == before

"""How passes over columns are cut up to fit into memory."""

import itertools
import pathlib

import polars as pl
import pytest

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.engines.engine import ExistingParts
from gmm_pipeline.engines.local.partitioning import BATCHES, footprints, partition
from gmm_pipeline.engines.parts import remaining_parts
from gmm_pipeline.tables.open_table import open_table

GIGABYTE = 1 << 30
MANY = 10**9


def test_all_cores_work_on_whole_row_groups_where_memory_suffices() -> None:
    chosen = partition(8, MANY, cores=16, memory=64 * GIGABYTE)

    assert (chosen.threads, chosen.batch_rows) == (16, ROWS_PER_GROUP)
    assert chosen.peak_memory < 3 * GIGABYTE


def test_less_memory_makes_batches_smaller_before_threads_fewer() -> None:
    chosen = [
        partition(8, MANY, cores=8, memory=mebibytes << 20) for mebibytes in range(400, 1200, 10)
    ]

    assert [(each.threads, each.batch_rows) for each in chosen] == sorted(
        (each.threads, each.batch_rows) for each in chosen
    )
    assert {each.batch_rows for each in chosen if each.threads == 8} == set(BATCHES)
    assert {each.batch_rows for each in chosen if 1 < each.threads < 8} <= set(BATCHES)
    assert {each.threads for each in chosen} == set(range(1, 9))


@pytest.mark.parametrize("memory", [1 << 29, GIGABYTE, 4 * GIGABYTE])
@pytest.mark.parametrize("row_bytes", [1, 8, 200])
def test_the_expected_peak_is_within_the_limit_whatever_the_rows(
    row_bytes: int, memory: int
) -> None:
    chosen = {partition(row_bytes, rows, cores=4, memory=memory) for rows in (10**8, MANY)}

    assert len(chosen) == 1
    assert chosen.pop().peak_memory <= memory


def test_threads_are_no_more_than_there_is_work_for_and_never_none() -> None:
    assert partition(8, 1000, cores=16, memory=GIGABYTE).threads == 1
    assert partition(8, 3 << 20, cores=16, memory=4 * GIGABYTE).threads == 3
    least = partition(8, MANY, cores=16, memory=1)
    assert (least.threads, least.batch_rows) == (1, BATCHES[-1])
    assert least.peak_memory > 1


def test_large_row_groups_of_the_source_cost_threads() -> None:
    assert partition(8, MANY, cores=4, memory=2 * GIGABYTE, chunk_bytes=GIGABYTE).threads == 1


def test_footprints_come_from_the_footers_of_all_files(tmp_path: pathlib.Path) -> None:
    frame = pl.DataFrame(
        {
            "x": [float(number) for number in range(1000)],
            "text": ["a" * 90] * 1000,
            "on": [True] * 1000,
        }
    )
    for number in range(3):
        frame.write_parquet(
            tmp_path / f"{number}.parquet", compression="uncompressed", statistics=False
        )

    table = open_table(str(tmp_path), tmp_path)
    found = footprints(table.file_metadata(), table.schema, table.rows, ["x", "text", "on"])

    assert (found["x"].row_bytes, found["on"].row_bytes) == (8, 1)
    assert found["text"].row_bytes >= 32
    assert found["x"].file_bytes == 3 * found["x"].chunk_bytes
    assert 8000 <= found["x"].chunk_bytes < 9000


@pytest.mark.parametrize(
    ("before", "added", "parts"),
    [
        (0, 1_000_000, 1),
        (0, 5_000_000, 3),
        (20_000_000, 60_000, 1),
        (20_000_000, 200_000, 2),
        (1, 5_000_000, 3),
    ],
)
def test_parts_hold_all_rows_in_order_and_those_added_are_shared_by_two(
    before: int, added: int, parts: int
) -> None:
    found = remaining_parts(ExistingParts(before, 7), before + added)

    assert [number for number, _ in found] == list(range(7, 7 + parts))
    assert found[0][1].start == before
    assert all(rows.stop == later.start for (_, rows), (_, later) in itertools.pairwise(found))
    assert found[-1][1].stop == before + added

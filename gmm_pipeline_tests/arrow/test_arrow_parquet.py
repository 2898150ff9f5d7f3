"""Parquet files hold repeated values once, and statistics of the columns that are filtered by."""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_pipeline.arrow.parquet import read_table, write_rows

ROWS = 1 << 16
RNG = np.random.default_rng(0)
COLUMNS = {
    "cents": np.round(RNG.lognormal(1, 1, ROWS), 2),
    "one number": np.zeros(ROWS),
    "many numbers": RNG.normal(size=ROWS),
    "few integers": RNG.poisson(4, ROWS),
    "codes": RNG.choice([10**4, 10**7, 3], ROWS),
    "identifiers": np.arange(ROWS) + 10**12,
    "hashes": RNG.integers(-(2**63), 2**63 - 1, ROWS),
    "text": RNG.choice(["yes", "no"], ROWS),
}


def written(
    path: pathlib.Path, without_statistics: tuple[str, ...] = ()
) -> dict[str, pq.ColumnChunkMetaData]:
    """Write the columns; return what the file says of each."""
    table = pa.table(COLUMNS)
    write_rows(path, table.schema, table.to_batches(max_chunksize=1000), without_statistics)
    assert read_table(path).equals(table)
    group = pq.read_metadata(path).row_group(0)
    return dict(zip(COLUMNS, map(group.column, range(len(COLUMNS))), strict=True))


def test_only_columns_of_several_repeating_values_have_a_dictionary(tmp_path: pathlib.Path) -> None:
    columns = written(tmp_path / "rows.parquet")
    assert [name for name, column in columns.items() if column.has_dictionary_page] == [
        "cents",
        "codes",
        "text",
    ]


def test_whole_numbers_that_are_near_each_other_are_written_as_differences(
    tmp_path: pathlib.Path,
) -> None:
    columns = written(tmp_path / "rows.parquet")
    differences = [
        name for name, column in columns.items() if "DELTA_BINARY_PACKED" in column.encodings
    ]
    assert differences == ["few integers", "identifiers"]


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("cents", 2.5),
        ("one number", 0.1),
        ("many numbers", 8.1),
        ("few integers", 0.7),
        ("codes", 0.3),
        ("identifiers", 0.1),
        ("text", 0.2),
    ],
)
def test_a_column_takes_as_few_bytes_as_its_values_need(
    tmp_path: pathlib.Path, name: str, most: float
) -> None:
    assert written(tmp_path / "rows.parquet")[name].total_compressed_size / ROWS < most


def test_statistics_are_written_except_of_text_and_of_excluded_columns(
    tmp_path: pathlib.Path,
) -> None:
    columns = written(tmp_path / "rows.parquet", ("many numbers",))
    assert [name for name, column in columns.items() if not column.is_stats_set] == [
        "many numbers",
        "text",
    ]


def test_numbers_that_hardly_shrink_are_not_compressed(tmp_path: pathlib.Path) -> None:
    columns = written(tmp_path / "rows.parquet")
    assert [name for name, column in columns.items() if column.compression == "UNCOMPRESSED"] == [
        "many numbers",
        "hashes",
    ]

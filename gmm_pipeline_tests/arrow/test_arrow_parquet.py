"""Parquet files hold what repeats once, and the extremes of what rows are sought by."""

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
    "text": RNG.choice(["yes", "no"], ROWS),
}


def written(path: pathlib.Path, without_extremes: tuple[str, ...] = ()) -> dict[str, pq.ColumnChunkMetaData]:
    """Write the columns; return what the file says of each."""
    table = pa.table(COLUMNS)
    write_rows(path, table.schema, table.to_batches(max_chunksize=1000), without_extremes)
    assert read_table(path).equals(table)
    group = pq.read_metadata(path).row_group(0)
    return dict(zip(COLUMNS, map(group.column, range(len(COLUMNS))), strict=True))


def test_only_what_repeats_in_several_values_has_a_dictionary(tmp_path: pathlib.Path) -> None:
    columns = written(tmp_path / "rows.parquet")
    assert [name for name, column in columns.items() if column.has_dictionary_page] == ["cents", "text"]


@pytest.mark.parametrize("name", ["cents", "one number", "many numbers", "text"])
def test_a_column_of_which_few_distinct_values_are_held_takes_few_bytes(tmp_path: pathlib.Path, name: str) -> None:
    size = written(tmp_path / "rows.parquet")[name].total_compressed_size / ROWS
    assert size < {"cents": 2.5, "one number": 0.1, "many numbers": 8.1, "text": 0.2}[name]


def test_extremes_are_noted_but_of_text_and_of_columns_that_go_without(tmp_path: pathlib.Path) -> None:
    columns = written(tmp_path / "rows.parquet", ("many numbers",))
    assert [name for name, column in columns.items() if not column.is_stats_set] == ["many numbers", "text"]


def test_numbers_that_hardly_shrink_are_not_compressed(tmp_path: pathlib.Path) -> None:
    columns = written(tmp_path / "rows.parquet")
    assert [name for name, column in columns.items() if column.compression == "UNCOMPRESSED"] == ["many numbers"]

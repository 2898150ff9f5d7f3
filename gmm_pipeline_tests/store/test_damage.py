import pathlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gmm_pipeline.arrow.parquet import read_table, write_rows
from gmm_pipeline.errors import SourceError

FLIPS = 30


@pytest.fixture
def written(tmp_path: pathlib.Path) -> tuple[pathlib.Path, pa.Table]:
    rng = np.random.default_rng(5)
    table = pa.table(
        {
            "number": pa.array(rng.normal(size=5000), mask=rng.random(5000) < 0.1),
            "text": rng.choice(["a", "bb", ""], 5000),
        }
    )
    path = tmp_path / "part-00000.parquet"
    write_rows(path, table.schema, table.to_batches(max_chunksize=1000))
    return path, table


def data_pages(path: pathlib.Path) -> Iterator[range]:
    """Yield where the pages of each column and row group lie in the file."""
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            start = (
                column.dictionary_page_offset
                if column.has_dictionary_page
                else column.data_page_offset
            )
            yield range(start, start + column.total_compressed_size)


def test_flipped_bytes_are_noticed_or_change_nothing(
    written: tuple[pathlib.Path, pa.Table],
) -> None:
    path, table = written
    whole = path.read_bytes()
    places = np.concatenate([np.array(page) for page in data_pages(path)])
    noticed = 0
    for place in np.random.default_rng(1).choice(places, FLIPS, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert read_table(path).equals(table), f"the byte at {place} changed values unnoticed"
        except SourceError:
            noticed += 1

    assert (
        noticed >= FLIPS * 0.8
    )  # what is left are page headers' statistics, which reading does not need


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_cut_files_are_noticed(written: tuple[pathlib.Path, pa.Table], share: float) -> None:
    path, _ = written
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(SourceError, match=rf"{path.name} cannot be read .*--refit"):
        read_table(path)


def test_the_same_rows_are_written_as_the_same_bytes(
    written: tuple[pathlib.Path, pa.Table],
) -> None:
    path, table = written
    again = path.with_name("again.parquet")
    write_rows(again, table.schema, table.to_batches(max_chunksize=1000))

    assert again.read_bytes() == path.read_bytes()

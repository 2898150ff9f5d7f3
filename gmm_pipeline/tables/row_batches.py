"""Rows of several columns together, read by ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.arrow.parquet_rows import ParquetRows
from gmm_pipeline.arrow.regroup import rechunk

if TYPE_CHECKING:
    from gmm_pipeline.arrow.rows import ColumnRows


@dataclass(frozen=True)
class SideBySide:
    """Columns of equal length, at least one, each read from where it is."""

    columns: tuple[ColumnRows, ...]

    @property
    def rows(self) -> int:
        """Rows of each column."""
        return self.columns[0].rows

    def batches(self, rows: range) -> Iterator[pa.RecordBatch]:
        """Yield consecutive batches that together hold a range of rows."""
        schema = pa.schema([column.field for column in self.columns])
        for arrays in zip(
            *(rechunk(column.arrays(rows), ROWS_PER_GROUP) for column in self.columns),
            strict=True,
        ):
            yield pa.RecordBatch.from_arrays(list(arrays), schema=schema)


@dataclass(frozen=True)
class FileRows:
    """Some columns of consecutive Parquet files, read at once: there may be thousands of them.

    Parameters
    ----------
    files : tuple of Path
    file_rows : tuple of int
        The rows of each file.
    names : frozenset of str
        The columns that are read, as far as a file has them, in its order.
    """

    files: tuple[Path, ...]
    file_rows: tuple[int, ...]
    names: frozenset[str]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(self.file_rows)

    def batches(self, rows: range) -> Iterator[pa.RecordBatch]:
        """Yield consecutive batches that together hold a range of rows."""
        bounds = pairwise(accumulate(self.file_rows, initial=0))
        for path, (first, end) in zip(self.files, bounds, strict=True):
            start, stop = max(rows.start, first), min(rows.stop, end)
            if start < stop:
                file = ParquetRows.of(path)
                columns = [
                    name
                    for name in file.metadata.schema.to_arrow_schema().names
                    if name in self.names
                ]
                yield from file.batches(range(start - first, stop - first), columns, ROWS_PER_GROUP)

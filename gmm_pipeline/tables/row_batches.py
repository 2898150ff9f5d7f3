"""Reads rows of several columns together, by ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.arrow.parquet_rows import Footers
from gmm_pipeline.arrow.regroup import rechunk

if TYPE_CHECKING:
    from gmm_pipeline.arrow.rows import ColumnRows


@dataclass(frozen=True)
class JoinedColumns:
    """Columns of equal length, at least one, each with a reader of its own."""

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
    """Some columns of consecutive Parquet files, which one reader reads together.

    For encoded tables, whose columns may be thousands: a reader for each would be slow.

    Parameters
    ----------
    files : tuple of Path
    file_rows : tuple of int
        The rows of each file.
    names : frozenset of str
        The columns to read, in the order of each file; a file may lack some.
    footers : Footers
        Of the files.
    """

    files: tuple[Path, ...]
    file_rows: tuple[int, ...]
    names: frozenset[str]
    footers: Footers = field(default_factory=Footers, repr=False, compare=False)

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
                file = self.footers.of(path)
                columns = [name for name in file.schema.names if name in self.names]
                yield from file.batches(range(start - first, stop - first), columns, ROWS_PER_GROUP)

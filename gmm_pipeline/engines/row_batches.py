"""Rows of several columns together, read by ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, open_reader, rechunked

if TYPE_CHECKING:
    from gmm_pipeline.engines.engine import ColumnRows


class RowBatches(Protocol):
    """Rows that are read by ranges, by several readers at once."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def batches(self, rows: range) -> Iterator[pa.RecordBatch]:
        """Yield consecutive batches that together hold a range of rows."""
        ...


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
        for arrays in zip(*(rechunked(column.arrays(rows), ROWS_PER_GROUP) for column in self.columns), strict=True):
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
                yield from self._file_batches(path, start - first, stop - first)

    def _file_batches(self, path: Path, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        with open_reader(path) as reader:
            metadata = reader.metadata
            sizes = (metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
            bounds = list(pairwise(accumulate(sizes, initial=0)))
            groups = [number for number, (first, end) in enumerate(bounds) if first < stop and end > start]
            columns = [name for name in reader.schema_arrow.names if name in self.names]
            skip, remaining = start - bounds[groups[0]][0], stop - start
            for batch in reader.iter_batches(ROWS_PER_GROUP, row_groups=groups, columns=columns, use_threads=False):
                piece = batch.slice(skip, remaining)
                skip, remaining = max(skip - batch.num_rows, 0), remaining - piece.num_rows
                if piece.num_rows:
                    yield piece

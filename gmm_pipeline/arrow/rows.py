"""Rows that engines pass over: of one column, of several side by side, and rows of a table made
from others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


class ColumnRows(Protocol):
    """A column that is read by ranges of rows, by several readers at once."""

    @property
    def field(self) -> pa.Field:
        """Name and type."""
        ...

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def arrays(self, rows: range) -> Iterator[pa.Array]:
        """Yield consecutive arrays that together hold a range of rows."""
        ...


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
class TableRows:
    """Rows that are made from as many others, by ranges, in several places at once.

    Parameters
    ----------
    source : RowBatches
        What is read.
    schema : pyarrow.Schema
        Of the rows that are made.
    make : callable
        Makes rows from consecutive ones of the source, given the number of the first.
    """

    source: RowBatches
    schema: pa.Schema
    make: Callable[[pa.RecordBatch, int], pa.RecordBatch]

    @property
    def rows(self) -> int:
        """All rows."""
        return self.source.rows

    def batches(self, rows: range) -> Iterator[pa.RecordBatch]:
        """Yield consecutive batches that together hold a range of rows."""
        first = rows.start
        for batch in self.source.batches(rows):
            yield self.make(batch, first)
            first += batch.num_rows

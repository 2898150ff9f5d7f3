"""Rows that engines pass over: a column, several columns, or rows computed from other rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


class ColumnRows(Protocol):
    """A column that several readers read by ranges of rows, concurrently."""

    @property
    def field(self) -> pa.Field:
        """Name and type."""
        ...

    @property
    def rows(self) -> int:
        """The number of rows."""
        ...

    def arrays(self, rows: range) -> Iterator[pa.Array]:
        """Yield consecutive arrays that together hold a range of rows."""
        ...


class RowBatches(Protocol):
    """Rows that several readers read by ranges, concurrently."""

    @property
    def rows(self) -> int:
        """The number of rows."""
        ...

    def batches(self, rows: range) -> Iterator[pa.RecordBatch]:
        """Yield consecutive batches that together hold a range of rows."""
        ...


@dataclass(frozen=True)
class TableRows:
    """Rows that are computed one for one from other rows, by ranges, concurrently.

    Parameters
    ----------
    source : RowBatches
        The rows to compute from.
    schema : pyarrow.Schema
        Of the computed rows.
    make : callable
        Computes rows from consecutive rows of the source and the number of the first.
    """

    source: RowBatches
    schema: pa.Schema
    make: Callable[[pa.RecordBatch, int], pa.RecordBatch]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.source.rows

    def batches(self, rows: range) -> Iterator[pa.RecordBatch]:
        """Yield consecutive batches that together hold a range of rows."""
        # Encoding depends on row numbers, so `make` gets that of each batch.
        first = rows.start
        for batch in self.source.batches(rows):
            yield self.make(batch, first)
            first += batch.num_rows

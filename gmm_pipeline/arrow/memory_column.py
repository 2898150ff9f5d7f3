"""A column of a table in memory, read by ranges of rows like one in files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class MemoryColumn:
    """A column of an Arrow table.

    Parameters
    ----------
    field : pyarrow.Field
    values : pyarrow.ChunkedArray
    """

    field: pa.Field
    values: pa.ChunkedArray

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return len(self.values)

    def arrays(self, rows: range) -> Iterator[pa.Array]:
        """Yield consecutive arrays that together hold a range of rows."""
        # Slices share the table's memory.
        yield from self.values.slice(rows.start, len(rows)).iterchunks()

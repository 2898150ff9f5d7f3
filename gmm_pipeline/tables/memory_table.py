"""A table in memory that is read like one in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import with_dictionary, with_wide_indices
from gmm_pipeline.arrow.memory_column import MemoryColumn
from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.column_names import check_names, require_column


@dataclass(frozen=True)
class MemoryTable:
    """A table in memory; it can be read like a `LocalTable`."""

    table: pa.Table

    @classmethod
    def of(cls, table: pa.Table) -> MemoryTable:
        """Take an Arrow table.

        Raises
        ------
        SourceError
            If it has no rows, or duplicate or empty column names.
        """
        check_names("the table", table.column_names)
        if not table.num_rows:
            raise SourceError("the table has no rows", remedy="Give a table with at least one row")
        for number, column in enumerate(table.columns):
            if pat.is_dictionary(column.type) and column.num_chunks > 1:
                wide = _with_wide_indices(column)
                table = table.set_column(
                    number, table.schema.field(number).with_type(wide.type), wide
                )
        return cls(table)

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self.table.schema

    @property
    def dialect(self) -> None:
        """None: it is no CSV."""

    @property
    def doubts(self) -> Mapping[str, str]:
        """Nothing: types of tables in memory are known."""
        return {}

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return int(self.table.num_rows)

    def column(self, name: str) -> MemoryColumn:
        """Return one column; raise SourceError if there is none of that name."""
        require_column(name, self.schema)
        return MemoryColumn(self.schema.field(name), self.table[name])


def _with_wide_indices(column: pa.ChunkedArray) -> pa.ChunkedArray:
    wide = with_wide_indices(column.type)
    return pa.chunked_array([with_dictionary(each, wide) for each in column.chunks], wide)

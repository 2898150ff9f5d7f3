"""One column of consecutive Parquet files, read by ranges of rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as with_default
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import dictionary_of, is_text, value_type, with_dictionary
from gmm_pipeline.arrow.exact_cast import cast_exactly
from gmm_pipeline.arrow.parquet_rows import Footers
from gmm_pipeline.errors import ColumnDataError

BATCH_ROWS = 1 << 18
"""Most rows of an array, as in a row group of the files that this project writes."""


@dataclass(frozen=True)
class ParquetColumn:
    """A column of one or more Parquet files, read in the order of the files.

    Parameters
    ----------
    field : pyarrow.Field
        The column's name and type.
    files : tuple of Path
    file_rows : tuple of int
        The rows of each file.
    batch_rows : int
        Most rows of an array.
    leading_nulls : int
        Rows before those of the files, from files that lack the column.
    footers : Footers
        Of the files, shared by the columns of a table.
    """

    field: pa.Field
    files: tuple[Path, ...]
    file_rows: tuple[int, ...]
    batch_rows: int = BATCH_ROWS
    leading_nulls: int = 0
    footers: Footers = with_default(default_factory=Footers, repr=False, compare=False)

    @property
    def rows(self) -> int:
        """All rows."""
        return self.leading_nulls + sum(self.file_rows)

    def arrays(self, rows: range) -> Iterator[pa.Array]:
        """Yield consecutive arrays that together hold a range of rows."""
        position = rows.start
        while position < min(self.leading_nulls, rows.stop):
            nulls = min(self.leading_nulls - position, rows.stop - position, self.batch_rows)
            yield pa.nulls(nulls, self.field.type)
            position += nulls
        file_starts = list(accumulate(self.file_rows, initial=self.leading_nulls))
        # `bisect_right` skips empty files, whose successors start at the same row.
        for number in range(bisect_right(file_starts, position) - 1, len(self.files)):
            if position >= rows.stop:
                return
            start, stop = file_starts[number], min(file_starts[number + 1], rows.stop)
            if position < stop:
                yield from self._file_arrays(
                    self.files[number], range(position - start, stop - start)
                )
                position = stop

    def with_dictionaries(self) -> ParquetColumn:
        """Return the same rows with text as dictionaries, so that a repeated text is read once."""
        if not is_text(self.field.type):
            return self
        return replace(self, field=self.field.with_type(dictionary_of(self.field.type)))

    def metadata(self, path: Path) -> pq.FileMetaData:
        """Return the metadata of one of the files."""
        return self.footers.of(path).metadata

    def _file_arrays(self, path: Path, rows: range) -> Iterator[pa.Array]:
        file, name = self.footers.of(path), self.field.name
        # Otherwise Arrow reads plain text, and the dictionary is made batch by batch.
        numbered = self._is_text_by_dictionary and file.is_dictionary_encoded(name, rows)
        for batch in file.batches(rows, [name], self.batch_rows, [name] if numbered else []):
            try:
                array = self._in_type(batch.column(batch.schema.get_field_index(name)))
            except pa.ArrowException as error:
                raise ColumnDataError(
                    f"values of {path} cannot be of type {self.field.type}, as in the other files "
                    f"of the table: {error}",
                    column=name,
                    remedy="Write the files with one schema, or leave the column out",
                ) from error
            yield array

    @property
    def _is_text_by_dictionary(self) -> bool:
        return pat.is_dictionary(self.field.type) and is_text(value_type(self.field.type))

    def _in_type(self, array: pa.Array) -> pa.Array:
        if array.type == self.field.type:
            return array
        if array.null_count == len(array):
            return pa.nulls(len(array), self.field.type)
        if pat.is_dictionary(self.field.type):
            return with_dictionary(array, self.field.type)
        return cast_exactly(array, self.field.type)

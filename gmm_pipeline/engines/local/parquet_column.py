"""One column of consecutive Parquet files, read by ranges of rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pat

from gmm_pipeline.arrow.parquet import open_reader, read_footer
from gmm_pipeline.arrow.types import dictionary_of, is_text, value_type, with_dictionary

BATCH_ROWS = 1 << 18
_MOST_BYTES_OF_INDEX = 4
"""Plain text takes more bytes a row."""


@dataclass(frozen=True)
class ParquetColumn:
    """A column of one or more Parquet files, whose rows follow one another in the order of the files.

    Parameters
    ----------
    field : pyarrow.Field
        The column's name and type.
    files : tuple of Path
    file_rows : tuple of int
        The rows of each file.
    batch_rows : int
        Most rows of an array that is read.
    leading_nulls : int
        Rows before those of the files, from files that do not have the column.
    """

    field: pa.Field
    files: tuple[Path, ...]
    file_rows: tuple[int, ...]
    batch_rows: int = BATCH_ROWS
    leading_nulls: int = 0

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
        for number in range(bisect_right(file_starts, position) - 1, len(self.files)):
            if position >= rows.stop:
                return
            start, stop = file_starts[number], min(file_starts[number + 1], rows.stop)
            if position < stop:
                yield from self._file_arrays(self.files[number], position - start, stop - start)
                position = stop

    def with_dictionaries(self) -> ParquetColumn:
        """Return the same rows, text as dictionaries: what many rows hold is looked at once."""
        if not is_text(self.field.type):
            return self
        return replace(self, field=self.field.with_type(dictionary_of(self.field.type)))

    def metadata(self, path: Path) -> pq.FileMetaData:
        """Return what one of the files says of itself."""
        return self._footer(path).metadata

    def _footer(self, path: Path) -> _Footer:
        if path not in self._footers:
            self._footers[path] = _Footer.of(path)
        return self._footers[path]

    @cached_property
    def _footers(self) -> dict[Path, _Footer]:
        """What was read of the files so far: their footers are long, and read for each range of rows otherwise."""
        return {}

    def _file_arrays(self, path: Path, start: int, stop: int) -> Iterator[pa.Array]:
        footer = self._footer(path)
        groups, skip = footer.row_groups(start, stop)
        numbered = self._is_text_by_dictionary and footer.numbers_text(self.field.name, groups)
        with open_reader(path, footer.metadata, [self.field.name] if numbered else []) as reader:
            remaining = stop - start
            for batch in reader.iter_batches(
                self.batch_rows, row_groups=groups, columns=[self.field.name], use_threads=False
            ):
                array = batch.column(batch.schema.get_field_index(self.field.name)).slice(skip, remaining)
                skip = max(skip - batch.num_rows, 0)
                remaining -= len(array)
                if len(array):
                    yield self._in_type(array)

    @property
    def _is_text_by_dictionary(self) -> bool:
        return pat.is_dictionary(self.field.type) and is_text(value_type(self.field.type))

    def _in_type(self, array: pa.Array) -> pa.Array:
        if array.type == self.field.type:
            return array
        if self._is_text_by_dictionary:
            return with_dictionary(array, self.field.type)
        return array.cast(self.field.type)


@dataclass(frozen=True)
class _Footer:
    """What a file says of itself: its metadata, and the first row of each row group and the row after the last."""

    metadata: pq.FileMetaData
    starts: tuple[int, ...]

    @classmethod
    def of(cls, path: Path) -> _Footer:
        metadata = read_footer(path)
        sizes = (metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
        return cls(metadata, tuple(accumulate(sizes, initial=0)))

    def row_groups(self, start: int, stop: int) -> tuple[range, int]:
        """Return the row groups that hold a range of rows, and how many rows to skip in the first of them."""
        first = bisect_right(self.starts, start) - 1
        return range(first, bisect_left(self.starts, stop)), start - self.starts[first]

    def numbers_text(self, column: str, groups: range) -> bool:
        """Whether row groups hold text as numbers in dictionaries, as far as their sizes tell.

        Of plain text, Arrow's dictionary grows with each batch of a row group, and comes whole with each of them.
        """
        paths = (self.metadata.schema.column(position).path for position in range(self.metadata.num_columns))
        position = next((position for position, path in enumerate(paths) if path == column), None)
        if position is None:
            return False
        chunks = [self.metadata.row_group(number).column(position) for number in groups]
        return all(
            chunk.has_dictionary_page and chunk.total_uncompressed_size <= _MOST_BYTES_OF_INDEX * chunk.num_values
            for chunk in chunks
        )

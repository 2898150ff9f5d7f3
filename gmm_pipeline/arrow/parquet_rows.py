"""A Parquet file that is read by ranges of rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_pipeline.arrow.column_types import is_text, value_type
from gmm_pipeline.arrow.int96 import int96_columns, refuse_nanoseconds, schema_in_microseconds
from gmm_pipeline.arrow.parquet import name_read_errors, open_reader, read_footer
from gmm_pipeline.arrow.reader_pool import ReaderPool

_MAX_INDEX_BYTES = 4
"""A dictionary index takes at most 4 bytes a row; plain text takes more."""


@dataclass(frozen=True)
class ParquetRows:
    """The rows of a file whose footer is known.

    Parameters
    ----------
    path : Path
    metadata : pyarrow.parquet.FileMetaData
    starts : tuple of int
        The first row of each row group, and the row after the last.
    pool : ReaderPool
    """

    path: Path
    metadata: pq.FileMetaData
    starts: tuple[int, ...]
    pool: ReaderPool

    @classmethod
    def of(cls, path: Path, pool: ReaderPool) -> ParquetRows:
        """Read the footer of a file."""
        metadata = read_footer(path)
        sizes = (metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
        return cls(path, metadata, tuple(accumulate(sizes, initial=0)), pool)

    @property
    def rows(self) -> int:
        """The number of rows of the file."""
        return self.starts[-1]

    @cached_property
    def schema(self) -> pa.Schema:
        """Names and types of the columns, restored from Arrow's schema if the file has it."""
        return schema_in_microseconds(self.metadata)

    def batches(
        self, rows: range, columns: Sequence[str], batch_rows: int, dictionaries: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield consecutive, non-empty batches that hold some columns of a range of rows.

        Parameters
        ----------
        rows : range
        columns : sequence of str
        batch_rows : int
            Most rows of a batch.
        dictionaries : sequence of str
            Columns of text to read as dictionaries: all of `columns`, or none.
        """
        groups = self._row_groups(rows)
        # Row groups are read from their first row on; rows before the range are skipped.
        skip, remaining = rows.start - self.starts[groups.start], len(rows)
        with (
            name_read_errors(self.path),
            self.pool.reader(
                self.path, self.metadata, self._text if dictionaries else ()
            ) as reader,
        ):
            # Pages after the last row of a batch are neither decompressed nor verified.
            size = min(batch_rows, len(rows))
            found = reader.iter_batches(size, row_groups=groups, columns=columns, use_threads=False)
            times = [name for name in self._times if name in columns]
            if times:
                found = refuse_nanoseconds(found, self._in_nanoseconds(size, groups, times), times)
            for batch in found:
                piece = batch.slice(skip, remaining)
                skip, remaining = max(skip - batch.num_rows, 0), remaining - piece.num_rows
                if piece.num_rows:
                    yield piece
                if not remaining:
                    return

    def is_dictionary_encoded(self, column: str, rows: range) -> bool:
        """Whether a column's row groups hold text by dictionary throughout, as far as sizes tell.

        Reading plain text as a dictionary is slow: Arrow's dictionary grows with each batch of a
        row group, and is returned in full with each of them.
        """
        position = self._positions.get(column)
        if position is None:
            return False
        chunks = [
            self.metadata.row_group(number).column(position) for number in self._row_groups(rows)
        ]
        return all(
            chunk.has_dictionary_page
            and chunk.total_uncompressed_size <= _MAX_INDEX_BYTES * chunk.num_values
            for chunk in chunks
        )

    @cached_property
    def _positions(self) -> dict[str, int]:
        """The number of each column that is not nested."""
        columns = (self.metadata.schema.column(n) for n in range(self.metadata.num_columns))
        return {column.path: number for number, column in enumerate(columns)}

    @cached_property
    def _text(self) -> list[str]:
        """The columns of text: a file that is open to read one as a dictionary will do for all."""
        return [field.name for field in self.schema if is_text(value_type(field.type))]

    @cached_property
    def _times(self) -> list[str]:
        return int96_columns(self.metadata)

    def _in_nanoseconds(
        self, batch_rows: int, groups: range, times: Sequence[str]
    ) -> Iterator[pa.RecordBatch]:
        """Yield columns of type INT96 in nanoseconds, which overflow beyond 1677 and 2262."""
        with open_reader(self.path, self.metadata, int96_unit="ns") as reader:
            yield from reader.iter_batches(
                batch_rows, row_groups=groups, columns=times, use_threads=False
            )

    def _row_groups(self, rows: range) -> range:
        return range(bisect_right(self.starts, rows.start) - 1, bisect_left(self.starts, rows.stop))


class Footers:
    """The footers of a table's files: each is read once, whichever of its columns needs it.

    A pickled copy starts empty: for a Spark task, reading the footers of its few files takes less
    time than receiving those of all files.
    """

    def __init__(self) -> None:
        self._files: dict[Path, ParquetRows] = {}
        self._pool = ReaderPool()

    def of(self, path: Path) -> ParquetRows:
        """Return a file with its footer, which is read at the first call."""
        if path not in self._files:
            self._files[path] = ParquetRows.of(path, self._pool)
        return self._files[path]

    def __reduce__(self) -> tuple[type[Footers], tuple[()]]:
        return Footers, ()

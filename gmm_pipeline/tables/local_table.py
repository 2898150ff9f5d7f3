"""A table in Parquet files on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_pipeline.arrow.parquet_column import BATCH_ROWS, ParquetColumn
from gmm_pipeline.arrow.parquet_rows import Footers
from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.column_names import require_column
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.report import CsvReport
from gmm_pipeline.tables.files import SourceFiles


@dataclass(frozen=True)
class LocalTable:
    """A table in Parquet files.

    Parameters
    ----------
    schema : pyarrow.Schema
        The columns of all files.
    files : tuple of Path
    file_rows : tuple of int
        Rows of each file.
    first_files : dict of str to int
        The number of the first file that has a column, where earlier files lack it. The column is
        null in the rows of those.
    conflicts : dict of str to SourceError
        Why columns cannot be read that the files do not agree on.
    versions : SourceFiles
        The files as they were when the table was opened.
    footers : Footers
        Of the files, for all columns.
    csv : CsvReport, optional
        How the files were read, if they are the Parquet form of CSV.
    """

    schema: pa.Schema
    files: tuple[Path, ...]
    file_rows: tuple[int, ...]
    first_files: Mapping[str, int]
    conflicts: Mapping[str, SourceError]
    versions: SourceFiles
    footers: Footers
    csv: CsvReport | None = None

    @property
    def dialect(self) -> CsvDialect | None:
        """How the files are written, if they are CSV."""
        return None if self.csv is None else self.csv.dialect

    @property
    def doubts(self) -> Mapping[str, str]:
        """What is doubtful in how columns of CSV were read, by name."""
        return {} if self.csv is None else self.csv.doubts

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(self.file_rows)

    def file_metadata(self) -> Iterator[pq.FileMetaData]:
        """Yield what the footer of each file says."""
        return (self.footers.of(file).metadata for file in self.files)

    def column(self, name: str, batch_rows: int = BATCH_ROWS) -> ParquetColumn:
        """Return one column.

        Raises
        ------
        SourceError
            If there is none of that name, or the files do not agree on it.
        """
        require_column(name, self.schema)
        if name in self.conflicts:
            raise self.conflicts[name]
        first = self.first_files.get(name, 0)
        return ParquetColumn(
            self.schema.field(name),
            self.files[first:],
            self.file_rows[first:],
            batch_rows,
            sum(self.file_rows[:first]),
            self.footers,
        )

    def require_unchanged(self) -> AbstractContextManager[None]:
        """Return a context for reading columns; it raises SourceError if files changed meanwhile.

        A CSV file may change: its columns are read from a Parquet form that does not.
        """
        return self.versions.require_unchanged()

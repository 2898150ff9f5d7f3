"""The columns of a stored result, as Parquet columns that can be passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_pipeline.arrow.field_text import original_field as read_original_field
from gmm_pipeline.arrow.parquet import open_reader
from gmm_pipeline.arrow.parquet_column import ParquetColumn
from gmm_pipeline.arrow.parquet_rows import Footers

if TYPE_CHECKING:
    import pyarrow as pa

    from gmm_pipeline.store.result import Result


def stored_column(raw: Result) -> ParquetColumn:
    """Return the rows of a column's copy."""
    return stored_columns(raw)[0]


def stored_columns(result: Result) -> list[ParquetColumn]:
    """Return the columns of a result's table."""
    files, footers = tuple(result.tables()), Footers()
    file_rows = tuple(footers.of(file).rows for file in files)
    return [
        ParquetColumn(field, files, file_rows, footers=footers)
        for field in footers.of(files[0]).schema
    ]


def original_field(raw: Result) -> pa.Field:
    """Return the name and type that a column had in its source."""
    with open_reader(raw.tables()[0]) as reader:
        return read_original_field(reader.schema_arrow)

"""Rows that are computed from other rows, by ranges: encoded, decoded, narrow or wide."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from gmm_pipeline.arrow import encoded_tables as tables
from gmm_pipeline.arrow import one_hot
from gmm_pipeline.arrow.output_types import batch_in, in_parquet, schema_in
from gmm_pipeline.arrow.rows import RowBatches, TableRows
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.memory_table import MemoryTable
from gmm_pipeline.tables.row_batches import FileRows, JoinedColumns

if TYPE_CHECKING:
    from gmm_pipeline.arrow.column_codec import Codecs
    from gmm_pipeline.arrow.output_types import batch_in, in_parquet, schema_in
from gmm_pipeline.arrow.rows import ColumnRows


def encoded_rows(table: LocalTable | MemoryTable, codecs: Codecs) -> TableRows:
    """Return the rows of a table encoded, narrow; raise SourceError if it lacks a column."""
    columns = tuple(table.column(name) for name in codecs)
    return TableRows(
        JoinedColumns(columns), tables.encoded_schema(codecs), partial(tables.encode_batch, codecs)
    )


def decoded_rows(table: LocalTable | MemoryTable, codecs: Codecs) -> TableRows:
    """Return encoded rows, narrow or wide, decoded, in types that Parquet has.

    Raises SourceError if a column is missing.
    """
    names = tables.names_to_decode(table.schema, codecs)
    source: RowBatches
    if isinstance(table, LocalTable):
        source = FileRows(table.files, table.file_rows, frozenset(names), table.footers)
    else:
        source = JoinedColumns(tuple(table.column(name) for name in names))
    schema = schema_in(in_parquet, tables.decoded_schema(codecs))
    return TableRows(source, schema, partial(_decoded, codecs, schema))


def narrow_rows(columns: Sequence[ColumnRows], codecs: Codecs) -> TableRows:
    """Return the values and ranks of stored columns side by side."""
    return TableRows(JoinedColumns(tuple(columns)), tables.encoded_schema(codecs), _unchanged)


def wide_rows(columns: Sequence[ColumnRows], codecs: Codecs) -> TableRows:
    """Return stored columns with a column of 0 and 1 for each rank in place of the rank."""
    return TableRows(
        JoinedColumns(tuple(columns)), one_hot.wide_schema(codecs), partial(_widened, codecs)
    )


def _decoded(
    codecs: Codecs, schema: pa.Schema, batch: pa.RecordBatch, first_row: int
) -> pa.RecordBatch:
    return batch_in(schema, tables.decode_batch(codecs, batch, first_row))


def _unchanged(batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    del first_row
    return batch


def _widened(codecs: Codecs, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    del first_row
    return one_hot.one_hot_batch(batch, codecs)

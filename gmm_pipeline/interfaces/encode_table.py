"""Encoding and decoding a table in this process, batch by batch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.arrow.encoded_tables import (
    decode_batches,
    decoded_schema,
    encode_arrays,
    schema_to_decode,
)
from gmm_pipeline.arrow.exact_cast import cast_to_field
from gmm_pipeline.arrow.rows import ColumnRows
from gmm_pipeline.errors import in_column
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.table_forms import Table
from gmm_pipeline.tables.user_tables import open_user_table, stream_user_table


def encode_table(
    table: Table, codecs: Mapping[str, ColumnCodec], csv: Known, threads: int
) -> Iterator[pa.RecordBatch]:
    """Yield the encoded rows of a table, narrow, in Arrow batches."""
    with tempfile.TemporaryDirectory() as staging, ThreadPoolExecutor(threads) as pool:
        known = replace(csv, schema=decoded_schema(codecs))
        source = open_user_table(table, Path(staging), known)
        arrays = {name: _cast(source.column(name), codec) for name, codec in codecs.items()}
        yield from encode_arrays(arrays, codecs, pool)


def decode_table(encoded: Table, codecs: Mapping[str, ColumnCodec]) -> Iterator[pa.RecordBatch]:
    """Yield the decoded rows of an encoded table, narrow or wide, in Arrow batches."""
    with closing(stream_user_table(encoded, schema_to_decode(codecs))) as rows:
        yield from decode_batches(rows, codecs)


def _cast(column: ColumnRows, codec: ColumnCodec) -> Iterator[pa.Array]:
    """Yield a column's arrays in the type that its codec was fitted in."""
    with in_column(column.field.name):
        for array in column.arrays(range(column.rows)):
            yield cast_to_field(array, codec.field)

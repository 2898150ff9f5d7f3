"""Encode tables of several columns to narrow tables (value and rank), and decode them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.column_codec import Codecs, ColumnCodec
from gmm_pipeline.arrow.encoded_rows import EncodedRows, rank_name, read_numbers, value_name
from gmm_pipeline.arrow.exact_cast import cast_to_field
from gmm_pipeline.arrow.identity import with_identities
from gmm_pipeline.arrow.one_hot import ranks_from_one_hot, wide_schema
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.arrow.regroup import rechunk
from gmm_pipeline.errors import ColumnDataError


def encoded_schema(codecs: Codecs) -> pa.Schema:
    """Return the schema of narrow rows: value and rank of each column."""
    fields = []
    for column, codec in codecs.items():
        value_type = pa.from_numpy_dtype(codec.rows.value_dtype)
        rank_type = pa.from_numpy_dtype(codec.rows.rank_dtype)
        fields += [
            pa.field(value_name(column), value_type, nullable=False),
            pa.field(rank_name(column), rank_type, nullable=False),
        ]
    return with_identities(pa.schema(fields), codecs)


def decoded_schema(codecs: Codecs) -> pa.Schema:
    """Return the schema of decoded rows: the columns' own types."""
    return pa.schema([codec.field for codec in codecs.values()])


def schema_to_decode(codecs: Codecs) -> pa.Schema:
    """Return the types of all columns that narrow and wide rows may have."""
    fields = {field.name: field for field in (*encoded_schema(codecs), *wide_schema(codecs))}
    return pa.schema(list(fields.values()))


def encode_arrays(
    arrays: Mapping[str, Iterator[pa.Array]], codecs: Codecs, pool: Executor
) -> Iterator[pa.RecordBatch]:
    """Encode columns side by side into narrow batches.

    Parameters
    ----------
    arrays : mapping of str to iterator of pyarrow.Array
        The rows of each column, from its first row on.
    codecs : mapping of str to ColumnCodec
    pool : Executor
        Encodes the columns of a batch concurrently.
    """
    schema = encoded_schema(codecs)
    # The columns' arrays have to end at the same rows to be joined in batches.
    sources = {column: rechunk(arrays[column], ROWS_PER_GROUP) for column in codecs}

    def encode_next(column: str, row: int) -> EncodedRows | None:
        array = next(sources[column], None)
        return None if array is None else codecs[column].encode(array, row)

    row = 0
    while True:
        pieces = list(pool.map(lambda column, row=row: encode_next(column, row), codecs))
        columns = [
            pa.array(part)
            for piece in pieces
            if piece is not None
            for part in (piece.value, piece.rank)
        ]
        if not columns:
            return
        batch = pa.RecordBatch.from_arrays(columns, schema=schema)
        row += batch.num_rows
        yield batch


def decode_batches(batches: Iterable[pa.RecordBatch], codecs: Codecs) -> Iterator[pa.RecordBatch]:
    """Decode consecutive narrow or wide rows to the columns' own types.

    Raises
    ------
    SourceError
        If a column is missing from the batch.
    ColumnDataError
        If rows hold nulls, ranks that no mode has, or not exactly one rank.
    """
    row = 0
    for batch in batches:
        yield decode_batch(codecs, batch, row)
        row += batch.num_rows


def encode_batch(codecs: Codecs, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """Encode the columns of a batch to narrow rows; its first row has number `first_row`."""
    arrays = []
    for column, codec in codecs.items():
        rows = codec.encode(cast_to_field(batch.column(column), codec.field), first_row)
        arrays += [pa.array(rows.value), pa.array(rows.rank)]
    return pa.RecordBatch.from_arrays(arrays, schema=encoded_schema(codecs))


def decode_batch(codecs: Codecs, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """Decode narrow or wide rows, of which the first has number `first_row`.

    Raises the errors of `decode_batches`.
    """
    arrays = [
        codec.decode(_read_encoded(batch, column, codec), first_row)
        for column, codec in codecs.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=decoded_schema(codecs))


def names_to_decode(schema: pa.Schema, codecs: Codecs) -> list[str]:
    """Return the columns of a narrow or wide table that some codecs decode.

    Raises
    ------
    SourceError
        If one is missing.
    """
    # Decoding no rows raises the same errors for missing columns as decoding some.
    decode_batch(codecs, pa.RecordBatch.from_pylist([], schema=schema), 0)
    known = {*encoded_schema(codecs).names, *wide_schema(codecs).names}
    return [name for name in schema.names if name in known]


def _read_encoded(batch: pa.RecordBatch, column: str, codec: ColumnCodec) -> EncodedRows:
    """Read the encoded rows of one column, narrow or wide, and check their values and ranks."""
    value = read_numbers(batch, value_name(column), column)
    far = np.abs(value) > codec.rows.largest_value
    if far.any():
        raise ColumnDataError(
            f"{value_name(column)!r} holds values beyond ±{codec.rows.largest_value:g}",
            column=column,
            rows=int(np.count_nonzero(far)),
            remedy="Encoded rows lie within ±1: clip the values of a generative model",
        )
    if rank_name(column) in batch.schema.names:
        rank = read_numbers(batch, rank_name(column), column)
    else:
        rank = ranks_from_one_hot(batch, column, codec.rows.n_modes)
    known = rank < codec.rows.n_modes
    # Generated ranks may be signed integers or floats.
    if rank.dtype.kind != "u":
        known &= (rank >= 0) & (rank == np.floor(rank))
    if not known.all():
        raise ColumnDataError(
            f"has ranks that none of its {codec.rows.n_modes} modes has",
            column=column,
            rows=int(np.count_nonzero(~known)),
            remedy="Decode with the fit that the rows were encoded or generated for",
        )
    # Other tools may have written float16 or integers.
    wanted = value if value.dtype == np.float32 else value.astype(np.float64, copy=False)
    return EncodedRows(wanted, rank.astype(codec.rows.rank_dtype, copy=False))

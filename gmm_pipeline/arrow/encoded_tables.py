"""Tables of encoded rows: narrow (value and rank), wide (value and one-hot ranks), and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_codec import ColumnCodec, Encoded
from gmm_pipeline.arrow.identity import with_identities
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, rechunked
from gmm_pipeline.arrow.types import value_type
from gmm_pipeline.errors import ColumnDataError, SourceError

Codecs = Mapping[str, ColumnCodec]


def value_name(column: str) -> str:
    """Return the name of a column's encoded value."""
    return f"{column}.value"


def rank_name(column: str) -> str:
    """Return the name of a column's rank in narrow tables."""
    return f"{column}.rank"


def encoded_schema(codecs: Codecs) -> pa.Schema:
    """Return the schema of narrow encoded rows of some columns."""
    fields = []
    for column, codec in codecs.items():
        fields += [
            pa.field(
                value_name(column), pa.from_numpy_dtype(codec.rows.value_dtype), nullable=False
            ),
            pa.field(rank_name(column), pa.from_numpy_dtype(codec.rows.rank_dtype), nullable=False),
        ]
    return with_identities(pa.schema(fields), codecs)


def decoded_schema(codecs: Codecs) -> pa.Schema:
    """Return the schema of decoded rows: the columns' own types."""
    return pa.schema([codec.field for codec in codecs.values()])


def wide_schema(codecs: Codecs) -> pa.Schema:
    """Return the schema of wide encoded rows: a value and as many columns of 0 and 1 as there are
    modes.
    """
    fields = []
    for column, codec in codecs.items():
        fields.append(
            pa.field(
                value_name(column), pa.from_numpy_dtype(codec.rows.value_dtype), nullable=False
            )
        )
        fields += [
            pa.field(f"{rank_name(column)}_{rank}", pa.uint8(), nullable=False)
            for rank in range(codec.rows.n_modes)
        ]
    return with_identities(pa.schema(fields), codecs)


def encode_arrays(
    arrays: Mapping[str, Iterator[pa.Array]], codecs: Codecs, pool: Executor
) -> Iterator[pa.RecordBatch]:
    """Encode columns side by side, narrow.

    Parameters
    ----------
    arrays : mapping of str to iterator of pyarrow.Array
        For each column its rows from the first one on.
    codecs : mapping of str to ColumnCodec
    pool : Executor
        Where columns are encoded at the same time.
    """
    schema = encoded_schema(codecs)
    sources = {column: rechunked(arrays[column], ROWS_PER_GROUP) for column in codecs}

    def encode_next(column: str, row: int) -> Encoded | None:
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
    """Decode consecutive narrow or wide rows of some columns to the columns' own types.

    Raises
    ------
    SourceError
        If a column is missing from the batch.
    ColumnDataError
        If there are nulls, or ranks that no mode has, or rows that do not have just one rank.
    """
    row = 0
    for batch in batches:
        yield decoded(codecs, batch, row)
        row += batch.num_rows


def encoded(codecs: Codecs, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """Encode rows that hold the columns of some codecs, narrow; the first of them has the given
    number.
    """
    arrays = []
    for column, codec in codecs.items():
        rows = codec.encode(in_type(batch.column(column), codec.field), first_row)
        arrays += [pa.array(rows.value), pa.array(rows.rank)]
    return pa.RecordBatch.from_arrays(arrays, schema=encoded_schema(codecs))


def decoded(codecs: Codecs, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """Decode narrow or wide rows, of which the first has the given number; errors are those of
    `decode_batches`.
    """
    arrays = [
        codec.decode(_encoded(batch, column, codec), first_row) for column, codec in codecs.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=decoded_schema(codecs))


def encoded_names(schema: pa.Schema, codecs: Codecs) -> list[str]:
    """Return the columns that some codecs decode, of a narrow or wide table.

    Raises
    ------
    SourceError
        If one is missing.
    """
    decoded(codecs, pa.RecordBatch.from_pylist([], schema=schema), 0)
    known = {*encoded_schema(codecs).names, *wide_schema(codecs).names}
    return [name for name in schema.names if name in known]


def widened(batch: pa.RecordBatch, codecs: Codecs) -> pa.RecordBatch:
    """Return narrow rows as wide ones."""
    arrays = []
    for column, codec in codecs.items():
        arrays.append(batch.column(value_name(column)))
        ranks = batch.column(rank_name(column)).to_numpy()
        arrays += [pa.array((ranks == rank).astype(np.uint8)) for rank in range(codec.rows.n_modes)]
    return pa.RecordBatch.from_arrays(arrays, schema=wide_schema(codecs))


def in_type(array: pa.Array, field: pa.Field) -> pa.Array:
    """Return an array in the type that its column was fitted in; raise ColumnDataError if that
    would change values.
    """
    wanted = value_type(field.type)
    if pa.types.is_null(wanted) and array.null_count == len(array):
        return pa.nulls(len(array))
    try:
        return array if array.type == wanted else array.cast(wanted)
    except pa.ArrowInvalid as error:
        raise ColumnDataError(
            f"holds values that are no {wanted}, the type that it was fitted in: {error}",
            column=field.name,
            remedy="Cast the column, or fit again",
        ) from error


def _encoded(batch: pa.RecordBatch, column: str, codec: ColumnCodec) -> Encoded:
    value = _numbers(batch, value_name(column), column)
    if rank_name(column) in batch.schema.names:
        rank = _numbers(batch, rank_name(column), column)
    else:
        rank = _one_hot_ranks(batch, column, codec.rows.n_modes)
    known = rank < codec.rows.n_modes
    if rank.dtype.kind != "u":
        known &= (rank >= 0) & (rank == np.floor(rank))
    if not known.all():
        raise ColumnDataError(
            f"has ranks that are none of its {codec.rows.n_modes} modes'",
            column=column,
            rows=int(np.count_nonzero(~known)),
            remedy="Decode with the fit that the rows were encoded or generated for",
        )
    wanted = value if value.dtype == np.float32 else value.astype(np.float64, copy=False)
    return Encoded(wanted, rank.astype(codec.rows.rank_dtype, copy=False))


def _numbers(batch: pa.RecordBatch, name: str, column: str) -> NDArray[Any]:
    if name not in batch.schema.names:
        raise SourceError(
            f"the encoded rows have no column {name!r}",
            column=column,
            remedy="Encode this column as well",
        )
    array = batch.column(name)
    if array.null_count:
        raise ColumnDataError(
            f"{name!r} holds nulls",
            column=column,
            rows=array.null_count,
            remedy="Encoded rows have none; remove them",
        )
    numbers: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise ColumnDataError(
            f"{name!r} holds NaN or infinities",
            column=column,
            rows=int(np.count_nonzero(~np.isfinite(numbers))),
            remedy="Encoded rows have none; remove them",
        )
    return numbers


def _one_hot_ranks(batch: pa.RecordBatch, column: str, n_modes: int) -> NDArray[np.int64]:
    """Return the rank whose column holds 1."""
    flags = np.stack(
        [_numbers(batch, f"{rank_name(column)}_{rank}", column) for rank in range(n_modes)]
    )
    proper = (flags == 1).sum(axis=0) == 1
    proper &= (flags == 0).sum(axis=0) == n_modes - 1
    if not proper.all():
        raise ColumnDataError(
            "does not have one 1 and otherwise 0 among its ranks",
            column=column,
            rows=int(np.count_nonzero(~proper)),
            remedy="Take the arg max of generated probabilities before decoding",
        )
    ranks: NDArray[np.int64] = np.argmax(flags, axis=0)
    return ranks

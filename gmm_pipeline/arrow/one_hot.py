"""Wide encoded tables: each rank of a column as one-hot columns of 0 and 1."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_codec import Codecs
from gmm_pipeline.arrow.encoded_rows import rank_name, read_numbers, value_name
from gmm_pipeline.arrow.identity import with_identities
from gmm_pipeline.errors import ColumnDataError


def wide_schema(codecs: Codecs) -> pa.Schema:
    """Return the schema of wide rows: for each column a value, and a one-hot column per mode."""
    fields = []
    for column, codec in codecs.items():
        value_type = pa.from_numpy_dtype(codec.rows.value_dtype)
        fields.append(pa.field(value_name(column), value_type, nullable=False))
        fields += [
            pa.field(_one_hot_name(column, rank), pa.uint8(), nullable=False)
            for rank in range(codec.rows.n_modes)
        ]
    return with_identities(pa.schema(fields), codecs)


def one_hot_batch(batch: pa.RecordBatch, codecs: Codecs) -> pa.RecordBatch:
    """Return narrow rows as wide rows."""
    arrays = []
    for column, codec in codecs.items():
        arrays.append(batch.column(value_name(column)))
        ranks = batch.column(rank_name(column)).to_numpy()
        arrays += [pa.array((ranks == rank).astype(np.uint8)) for rank in range(codec.rows.n_modes)]
    return pa.RecordBatch.from_arrays(arrays, schema=wide_schema(codecs))


def ranks_from_one_hot(batch: pa.RecordBatch, column: str, n_modes: int) -> NDArray[np.int64]:
    """Return the rank of each wide row, shape (n,): the one whose column holds 1.

    Raises
    ------
    SourceError
        If a one-hot column is missing.
    ColumnDataError
        If rows hold anything but a single 1 and otherwise 0, such as probabilities.
    """
    flags = np.stack(
        [read_numbers(batch, _one_hot_name(column, rank), column) for rank in range(n_modes)]
    )
    one_hot = (flags == 1).sum(axis=0) == 1
    # Probabilities such as 1 and 0.3 have one 1 as well.
    one_hot &= (flags == 0).sum(axis=0) == n_modes - 1
    if not one_hot.all():
        raise ColumnDataError(
            "is not one-hot: each row needs one 1 and otherwise 0 in its rank columns",
            column=column,
            rows=int(np.count_nonzero(~one_hot)),
            remedy="Take the arg max of generated probabilities before decoding",
        )
    ranks: NDArray[np.int64] = np.argmax(flags, axis=0)
    return ranks


def _one_hot_name(column: str, rank: int) -> str:
    return f"{rank_name(column)}_{rank}"

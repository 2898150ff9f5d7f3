"""Encoded rows of one column: a value and a rank each, and how they are named in tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.errors import ColumnDataError, SourceError


@dataclass(frozen=True)
class EncodedRows:
    """Consecutive encoded rows: value and rank, each of shape (n,)."""

    value: NDArray[np.floating]
    rank: NDArray[np.unsignedinteger]

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """Return the rows as a batch of two columns, value and rank."""
        return pa.RecordBatch.from_arrays(
            [pa.array(self.value), pa.array(self.rank)], schema=schema
        )


def value_name(column: str) -> str:
    """Return the name of a column's encoded value."""
    return f"{column}.value"


def rank_name(column: str) -> str:
    """Return the name of a column's rank in narrow tables."""
    return f"{column}.rank"


def are_encoded(names: Collection[str]) -> bool:
    """Whether a table with columns of these names holds encoded rows: values and ranks alone."""
    columns = {name.removesuffix(value_name("")) for name in names if name.endswith(value_name(""))}
    ranks = [name for name in names if name.removesuffix(value_name("")) not in columns]
    return bool(columns) and {name.rpartition(rank_name(""))[0] for name in ranks} == columns


def read_numbers(batch: pa.RecordBatch, name: str, column: str) -> NDArray[Any]:
    """Return one column of encoded rows as an array of shape (n,).

    Parameters
    ----------
    batch : pyarrow.RecordBatch
    name : str
        The name in the encoded table, such as "age.rank".
    column : str
        The name of the source column, for errors.

    Raises
    ------
    SourceError
        If the batch lacks the column.
    ColumnDataError
        If it holds nulls, NaN or infinities.
    """
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
            remedy="Encoded rows have none: remove these rows",
        )
    numbers: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
        raise ColumnDataError(
            f"{name!r} holds NaN or infinities",
            column=column,
            rows=int(np.count_nonzero(~np.isfinite(numbers))),
            remedy="Encoded rows have none: remove these rows",
        )
    return numbers

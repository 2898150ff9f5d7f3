"""Encoding and decoding of Arrow arrays by a column's model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.core.coding.codec import RowCodec
from gmm_pipeline.core.coding.roundtrip import RoundTrip


@dataclass(frozen=True)
class Encoded:
    """Consecutive encoded rows: value and rank, each of shape (n,)."""

    value: NDArray[np.floating]
    rank: NDArray[np.unsignedinteger]

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """Return the rows as a batch of a value and a rank."""
        return pa.RecordBatch.from_arrays(
            [pa.array(self.value), pa.array(self.rank)], schema=schema
        )


class ColumnCodec(Protocol):
    """Encodes and decodes Arrow arrays of one column; `first_row` is the number of an array's first
    row.
    """

    rows: RowCodec
    field: pa.Field

    @property
    def identity(self) -> str:
        """The digest by which encoded tables name this fit."""
        ...

    def encode(self, array: pa.Array, first_row: int) -> Encoded:
        """Encode consecutive rows."""
        ...

    def decode(self, encoded: Encoded, first_row: int) -> pa.Array:
        """Decode consecutive rows to the column's own type."""
        ...

    def compare(self, array: pa.Array, encoded: Encoded, first_row: int) -> RoundTrip:
        """Decode rows and compare them with what they were."""
        ...

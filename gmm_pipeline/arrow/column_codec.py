"""Encode and decode the Arrow arrays of one column by its fitted model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from gmm_pipeline.arrow.encoded_rows import EncodedRows
from gmm_pipeline.arrow.label_codec import LabelCodec
from gmm_pipeline.arrow.number_codec import NumberCodec
from gmm_pipeline.core.coding.decode_rows import Within
from gmm_pipeline.core.coding.round_trip import RoundTrip
from gmm_pipeline.core.coding.row_codec import RowCodec
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import Ranking


class ColumnCodec(Protocol):
    """Encodes and decodes the Arrow arrays of one column.

    In all methods, `first_row` is the row number of an array's first row within the column: the
    uniform draws depend on it.
    """

    rows: RowCodec
    field: pa.Field

    @property
    def identity(self) -> str:
        """The digest by which encoded tables name this fit."""
        ...

    def encode(self, array: pa.Array, first_row: int) -> EncodedRows:
        """Encode consecutive rows."""
        ...

    def decode(self, encoded: EncodedRows, first_row: int) -> pa.Array:
        """Decode consecutive rows to the column's own type."""
        ...

    def compare(self, array: pa.Array, encoded: EncodedRows, first_row: int) -> RoundTrip:
        """Decode rows and compare them with the original rows."""
        ...


Codecs = Mapping[str, ColumnCodec]
"""The codecs of some columns, by column name."""


def column_codec(
    model: ColumnModel, ranking: Ranking, field: pa.Field, within: Within | None = None
) -> ColumnCodec:
    """Return the codec of a fitted column.

    Decoded rows have the type of `field`; decoded numbers stay `within` the fitted range or the
    type. See `default_within`.
    """
    # Only columns of numbers have a coordinate.
    if model.coordinate is None:
        return LabelCodec(model, ranking, field)
    return NumberCodec(model, ranking, field, within)

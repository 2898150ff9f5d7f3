"""Types in which decoded rows are handed out, where a form of tables lacks the column's own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import is_text, value_type, with_dictionary
from gmm_pipeline.arrow.exact_cast import cast_to_field

_OFFSET = re.compile(r"[+-]\d\d:?\d\d")
"""A time zone that is an offset from UTC."""
_MOST_DIGITS = 38
"""Of a decimal in Polars."""

Form = Callable[[pa.DataType], pa.DataType]
"""Returns the type that stands for a column's own in a form of tables."""


def in_parquet(kind: pa.DataType) -> pa.DataType:
    """Return the type that Parquet can hold.

    It has no decimals of hundreds or thousands, and no dictionaries of views.
    """
    if pat.is_dictionary(kind) and pat.is_string_view(kind.value_type):
        return pa.dictionary(kind.index_type, pa.string(), kind.ordered)
    if not pat.is_decimal(kind) or kind.scale >= 0:
        return kind
    digits = kind.precision - kind.scale
    return pa.decimal128(digits, 0) if digits <= _MOST_DIGITS else pa.decimal256(digits, 0)


def in_csv(kind: pa.DataType) -> pa.DataType:
    """Return the type that Arrow writes as CSV."""
    return pa.string() if is_text(value_type(kind)) else in_parquet(kind)


def in_polars(kind: pa.DataType) -> pa.DataType:
    """Return the type that Polars has: it knows zones by name only, and decimals of 38 digits."""
    if pat.is_timestamp(kind) and kind.tz is not None and _OFFSET.fullmatch(kind.tz):
        return pa.timestamp(kind.unit, "UTC")
    plain = in_parquet(kind)
    if pat.is_decimal(plain) and plain.precision > _MOST_DIGITS:
        return pa.decimal128(_MOST_DIGITS, plain.scale)
    return plain


def schema_in(form: Form, schema: pa.Schema) -> pa.Schema:
    """Return a schema in the types of a form."""
    fields = [field.with_type(form(field.type)) for field in schema]
    return pa.schema(fields, schema.metadata)


def batch_in(schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch in the types of a schema.

    Raises
    ------
    ColumnDataError
        If a value cannot be held.
    """
    if batch.schema.types == schema.types:
        return batch
    arrays = [_cast(array, field) for array, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(array: pa.Array, field: pa.Field) -> pa.Array:
    if array.type == field.type:
        return array
    if pat.is_dictionary(field.type):
        return with_dictionary(array, field.type)
    # Arrow casts no decimals of hundreds or thousands.
    if pat.is_decimal(array.type) and array.type.scale < 0:
        return pa.array(array.to_pylist(), field.type)
    return cast_to_field(array, field)

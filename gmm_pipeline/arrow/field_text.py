"""An Arrow field as text, to be stored beside a column: decoding restores the column's type."""

from __future__ import annotations

import base64

import pyarrow as pa

from gmm_pipeline.arrow.column_types import value_type

_KEY = b"gmm_pipeline.field"
"""The metadata key of the original field in stored columns; part of the store's format."""


def field_to_text(field: pa.Field) -> str:
    """Return a field as text, for `field_from_text`."""
    # Arrow's own format keeps what names of types do not say, such as time zones and metadata.
    return base64.b64encode(pa.schema([field]).serialize().to_pybytes()).decode()


def field_from_text(text: str) -> pa.Field:
    """Return the field that a text describes."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text))).field(0)


def stored_schema(field: pa.Field) -> pa.Schema:
    """Return the schema under which a column's rows are stored.

    Dictionary types are stored as plain values, because the order of a dictionary depends on how
    rows were grouped; the original field is in the metadata.
    """
    plain = pa.field(field.name, value_type(field.type))
    return pa.schema([plain], metadata={_KEY: field_to_text(field)})


def original_field(stored: pa.Schema) -> pa.Field:
    """Return the original field of a stored column."""
    return field_from_text(stored.metadata[_KEY].decode())

"""Which column types can be encoded, and as what."""

from __future__ import annotations

from enum import Enum

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from gmm_pipeline.errors import UnsupportedTypeError


class Reading(Enum):
    """How the values of a column are taken: as numbers on a line, or as labels."""

    NUMBERS = "numbers"
    LABELS = "labels"


def value_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type of the values themselves: that of the dictionary for a dictionary type."""
    return arrow_type.value_type if pat.is_dictionary(arrow_type) else arrow_type


def reading_of(field: pa.Field, kind: str = "auto") -> Reading:
    """Return how a column is read, by its type and the setting `kind`.

    Raises
    ------
    UnsupportedTypeError
        If the type cannot be encoded, or not as the kind asks.
    """
    plain = value_type(field.type)
    numeric = pat.is_integer(plain) or pat.is_floating(plain)
    textual = pat.is_string(plain) or pat.is_large_string(plain) or pat.is_string_view(plain)
    if not (numeric or textual or pat.is_boolean(plain) or pat.is_null(plain)):
        raise UnsupportedTypeError(
            f"type {field.type} cannot be encoded",
            column=field.name,
            remedy="Leave the column out (--columns), or cast it to a number, a string or a boolean",
        )
    if kind == "categorical" or not numeric or pat.is_dictionary(field.type):
        if kind in {"continuous", "mixed"}:
            raise UnsupportedTypeError(
                f"type {field.type} has no numbers for kind = {kind}",
                column=field.name,
                remedy="Use kind = categorical or auto",
            )
        return Reading.LABELS
    return Reading.NUMBERS


def plain_labels(array: pa.Array) -> pa.Array:
    """Return labels as plain values that Arrow's kernels can count and look up; −0.0 as 0.0."""
    if pat.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pat.is_float16(array.type):
        array = array.cast(pa.float32())
    return pc.add(array, pa.scalar(0.0, array.type)) if pat.is_floating(array.type) else array


def integer_bounds(arrow_type: pa.DataType) -> tuple[int, int]:
    """Return the lowest and the highest integer of a type, within those of int64."""
    if pat.is_signed_integer(arrow_type):
        return -(1 << (arrow_type.bit_width - 1)), (1 << (arrow_type.bit_width - 1)) - 1
    return 0, (1 << min(arrow_type.bit_width, 63)) - 1


def type_precision(arrow_type: pa.DataType) -> float:
    """Return the relative precision of a floating-point type; 0 for integers."""
    if pat.is_float16(arrow_type):
        return 2.0**-10
    if pat.is_float32(arrow_type):
        return 2.0**-23
    return 2.0**-52 if pat.is_float64(arrow_type) else 0.0

"""Which column types can be encoded, and whether as numbers or as labels."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from gmm_pipeline.arrow.number_batch import NumberBatch
from gmm_pipeline.arrow.numeric_types import counts_units, from_numbers, numeric_type
from gmm_pipeline.errors import UnsupportedTypeError


class Reading(Enum):
    """How the values of a column are read: as numbers on a line, or as labels."""

    NUMBERS = "numbers"
    LABELS = "labels"


def value_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type of the values: for a dictionary type, that of its dictionary."""
    return arrow_type.value_type if pat.is_dictionary(arrow_type) else arrow_type


def is_text(arrow_type: pa.DataType) -> bool:
    """Whether a type is a type of strings."""
    return bool(
        pat.is_string(arrow_type)
        or pat.is_large_string(arrow_type)
        or pat.is_string_view(arrow_type)
    )


def reading_of(field: pa.Field, kind: str = "auto") -> Reading:
    """Return how a column is read, by its type and the setting `kind`.

    Raises
    ------
    UnsupportedTypeError
        If the type cannot be encoded, or not as that kind.
    """
    plain = value_type(field.type)
    numeric = numeric_type(plain) is not None
    if not (numeric or is_text(plain) or pat.is_boolean(plain) or pat.is_null(plain)):
        raise UnsupportedTypeError(
            f"type {field.type} cannot be encoded",
            column=field.name,
            remedy=f"Leave the column out, by '!{field.name}' among the columns, or cast it to a "
            "number, a date, a string or a boolean",
        )
    # Who stores numbers in a dictionary means them as categories.
    if kind == "categorical" or not numeric or pat.is_dictionary(field.type):
        if kind not in {"auto", "categorical"}:
            raise UnsupportedTypeError(
                f"type {field.type} holds no numbers, which kind = {kind} needs",
                column=field.name,
                remedy="Use kind = categorical or auto",
            )
        return Reading.LABELS
    return Reading.NUMBERS


def dictionary_of(text_type: pa.DataType) -> pa.DataType:
    """Return the dictionary type for a type of strings.

    String views become plain strings, as Arrow cannot look views up.
    """
    return pa.dictionary(pa.int32(), pa.string() if pat.is_string_view(text_type) else text_type)


def with_wide_indices(dictionary: pa.DataType) -> pa.DataType:
    """Return a dictionary type that has room for the labels of several dictionaries.

    Each row group, file or chunk has a dictionary of its own, which need not have the same labels.
    """
    if dictionary.index_type.bit_width >= pa.int32().bit_width:
        return dictionary
    return pa.dictionary(pa.int32(), dictionary.value_type, dictionary.ordered)


def with_dictionary(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Return text, plain or as a dictionary, as a dictionary of a given type."""
    encoded = array if pat.is_dictionary(array.type) else array.dictionary_encode()
    values = encoded.dictionary.cast(target.value_type)
    return pa.DictionaryArray.from_arrays(
        encoded.indices.cast(target.index_type), values, ordered=target.ordered
    )


def without_dictionary(array: pa.Array) -> pa.Array:
    """Return the values of an array, which may have a dictionary."""
    if not pat.is_dictionary(array.type):
        return array
    # Arrow cannot take views from a dictionary.
    if pat.is_string_view(array.type.value_type):
        array = with_dictionary(array, dictionary_of(array.type.value_type))
    return array.dictionary_decode()


def plain_labels(array: pa.Array) -> pa.Array:
    """Return labels as plain values that Arrow's kernels can count and look up.

    −0.0 becomes 0.0, dates and times become integers.
    """
    array = without_dictionary(array)
    if pat.is_string_view(array.type):
        return array.cast(pa.string())
    if counts_units(array.type):
        batch = NumberBatch.of(array)
        return pa.array(batch.numbers, mask=batch.nulls)
    # Arrow's kernels for look-ups do not take float16.
    if pat.is_float16(array.type):
        array = array.cast(pa.float32())
    # Adding 0.0 turns −0.0 into 0.0; Arrow would count them as two labels.
    return pc.add(array, pa.scalar(0.0, array.type)) if pat.is_floating(array.type) else array


def labels_of(values: list[Any], field: pa.Field) -> pa.Array:
    """Return plain labels in the type of a column's values."""
    plain = value_type(field.type)
    if not counts_units(plain):
        return pa.array(values, pa.string() if pat.is_string_view(plain) else plain)
    nulls = np.array([value is None for value in values], dtype=np.bool_)
    return from_numbers(np.array([value or 0 for value in values], dtype=np.int64), nulls, plain)

"""What values of an Arrow type mean, whatever their width, unit or layout."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import is_text, value_type

_INTEGERS = pa.decimal128(20, 0)
"""Holds all integers: the largest of uint64 has 20 digits."""


class Family(Enum):
    """Types whose values mean the same kind of thing."""

    NUMBERS = "numbers"
    DATES = "dates"
    TIMES = "times of day"
    DURATIONS = "durations"
    TEXT = "text"
    OTHER = "other"


def family_of(arrow_type: pa.DataType) -> Family:
    """Return the family of a type; booleans are numbers, 0 and 1."""
    if pat.is_boolean(arrow_type) or pat.is_decimal(arrow_type):
        return Family.NUMBERS
    if pat.is_integer(arrow_type) or pat.is_floating(arrow_type):
        return Family.NUMBERS
    if pat.is_timestamp(arrow_type) or pat.is_date(arrow_type):
        return Family.DATES
    if pat.is_time(arrow_type):
        return Family.TIMES
    if pat.is_duration(arrow_type):
        return Family.DURATIONS
    return Family.TEXT if is_text(arrow_type) else Family.OTHER


def common_type(types: Iterable[pa.DataType]) -> pa.DataType | None:
    """Return the type that holds all values of some types; None if there is none.

    Whether it holds each integer and each time exactly is seen when they are cast.
    """
    found = [each for each in dict.fromkeys(types) if not pat.is_null(each)] or [pa.null()]
    if len(found) > 1 and not all(map(pat.is_dictionary, found)):
        found = list(dict.fromkeys(map(value_type, found)))
    if len(found) > 1 and all(map(is_text, found)):
        # Arrow's own union knows no views.
        return pa.large_string()
    families = {family_of(value_type(each)) for each in found}
    decimals = any(pat.is_decimal(each) for each in found)
    # As floats, decimals would lose their last places.
    if len(families) > 1 or (decimals and any(map(pat.is_floating, found))):
        return None
    if decimals:
        found = [_INTEGERS if pat.is_integer(each) else each for each in found]
    try:
        return _united(found)
    except pa.ArrowException:
        values = set(map(value_type, found))
        return values.pop() if len(values) == 1 else None


def _united(types: Iterable[pa.DataType]) -> pa.DataType:
    schemas = [pa.schema([pa.field("", each)]) for each in types]
    return pa.unify_schemas(schemas, promote_options="permissive").field(0).type

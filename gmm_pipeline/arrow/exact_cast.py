"""Cast arrays so that no value changes in silence, as some do in Arrow's own casts.

Arrow checks integers, units of time and text. In silence it takes 13:00 of a day for the day, 1.25
for the decimal 1.2, 2 for true, 1e300 for an infinite float32, and a wall clock time for UTC.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import value_type, without_dictionary
from gmm_pipeline.arrow.type_families import Family, family_of
from gmm_pipeline.errors import ColumnDataError


def cast_to_field(array: pa.Array, field: pa.Field) -> pa.Array:
    """Return an array in the type that its column was fitted in.

    Raises
    ------
    ColumnDataError
        If the cast would change values.
    """
    try:
        return cast_exactly(array, value_type(field.type))
    except pa.ArrowException as error:
        raise ColumnDataError(
            f"holds values that are not {value_type(field.type)}, the type of the fitted rows: "
            f"{error}",
            column=field.name,
            remedy="Cast the column, or fit again",
        ) from error


def cast_exactly(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Return an array in another type, in which each value means the same.

    Floating-point numbers may be rounded to the nearest number of a floating-point type.

    Raises
    ------
    pyarrow.ArrowException
        If the types mean different things, or a value cannot be held.
    """
    array = without_dictionary(array)
    if array.type == target:
        return array
    # Arrow casts nothing to the null type, and not all types to all others.
    if array.null_count == len(array):
        return pa.nulls(len(array), target)
    if not _mean_the_same(array.type, target):
        raise pa.ArrowTypeError(f"{array.type} is not {target}")
    cast = array.cast(target)
    lost = _lost_rows(array, cast)
    if lost:
        raise pa.ArrowInvalid(f"{lost:,} values are not {target}")
    return cast


def _mean_the_same(source: pa.DataType, target: pa.DataType) -> bool:
    """Whether values of one type may stand for values of another."""
    families = (family_of(source), family_of(target))
    # Text is parsed, and numbers may be the names of categories.
    if Family.TEXT in families:
        return Family.OTHER not in families
    if pat.is_timestamp(source) and pat.is_timestamp(target):
        return (source.tz is None) == (target.tz is None)
    # CSV writes durations as numbers of their unit.
    if pat.is_integer(source) and pat.is_duration(target):
        return True
    return families[0] is families[1] is not Family.OTHER


def _lost_rows(before: pa.Array, after: pa.Array) -> int:
    """Return how many values of an array its cast changed."""
    if pat.is_floating(after.type) and not pat.is_integer(before.type):
        # Rounding is no loss; a finite number that became infinite is.
        return _infinities(after) - (_infinities(before) if pat.is_floating(before.type) else 0)
    if Family.TEXT in (family_of(before.type), family_of(after.type)):
        return 0
    try:
        same = pc.equal(after.cast(before.type), before)
    except pa.ArrowInvalid:
        return int(len(before) - before.null_count)
    return int(pc.sum(pc.invert(same)).as_py() or 0)


def _infinities(array: pa.Array) -> int:
    return int(np.count_nonzero(np.isinf(array.drop_null().to_numpy(zero_copy_only=False))))

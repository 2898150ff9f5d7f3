"""Arrow types that hold numbers on a line: integers, floats, decimals, dates and times."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.numeric_type import FloatType, IntegerType, NumericType
from gmm_pipeline.errors import ColumnDataError, SettingsError

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Arrow's units of time."""
_DIGITS = {16: 11, 32: 24, 64: 53}
"""Binary digits of floating-point types, by their width in bits."""
_MS_PER_DAY = 86_400_000
_INT64_WORDS = 2
"""Decimals are stored in 32-bit words; the lowest two make an int64."""
_DECIMALS = {4: pa.decimal32, 8: pa.decimal64, 16: pa.decimal128, 32: pa.decimal256}
"""Types of decimals by their bytes."""
_INT64 = (-(1 << 63), (1 << 63) - 1)
"""Numbers beyond these bounds cannot be encoded as numbers."""


def numeric_type(arrow_type: pa.DataType) -> NumericType | None:
    """Return what a type says of its numbers; None if it holds none.

    The unit of the coordinate is a day for dates, a second for times and durations, 1 for decimals.
    """
    if pat.is_floating(arrow_type):
        return FloatType(_DIGITS[arrow_type.bit_width])
    if pat.is_integer(arrow_type):
        return IntegerType(*_integer_bounds(arrow_type))
    if pat.is_decimal(arrow_type):
        largest = 10**arrow_type.precision - 1
        return IntegerType(
            max(-largest, _INT64[0]), min(largest, _INT64[1]), 10 ** max(arrow_type.scale, 0)
        )
    return _time_type(arrow_type) if pat.is_temporal(arrow_type) else None


def _integer_bounds(arrow_type: pa.DataType) -> tuple[int, int]:
    if pat.is_signed_integer(arrow_type):
        return -(1 << (arrow_type.bit_width - 1)), (1 << (arrow_type.bit_width - 1)) - 1
    return 0, min((1 << arrow_type.bit_width) - 1, _INT64[1])


def _time_type(arrow_type: pa.DataType) -> IntegerType | None:
    if pat.is_interval(arrow_type):
        return None
    if pat.is_date32(arrow_type):
        return IntegerType(-(1 << 31), (1 << 31) - 1)
    if pat.is_date64(arrow_type):
        return IntegerType(*_INT64, _MS_PER_DAY)
    per_second = _PER_SECOND[arrow_type.unit]
    if pat.is_time(arrow_type):
        return IntegerType(0, 86_400 * per_second - 1, per_second)
    return IntegerType(*_INT64, per_second)


def counts_units(arrow_type: pa.DataType) -> bool:
    """Whether a type stores whole numbers of a unit: decimals, dates and times."""
    return bool(pat.is_decimal(arrow_type) or pat.is_temporal(arrow_type))


def to_numbers(array: pa.Array) -> Numbers:
    """Return an array without nulls as int64 or float64 numbers, shape (n,).

    Raises
    ------
    ColumnDataError
        If int64 cannot hold them.
    """
    arrow_type = array.type
    if pat.is_floating(arrow_type):
        return _numpy(array, pa.float64())
    if pat.is_uint64(arrow_type):
        large = int(pc.sum(pc.greater(array, pa.scalar(_INT64[1], pa.uint64()))).as_py() or 0)
        _refuse_large(
            large,
            "Encode the column as categories (kind = categorical), cast it to float64, "
            "or leave it out",
        )
    if pat.is_decimal(arrow_type):
        return _unscaled(array)
    # Arrow casts these to int64 only by way of int32.
    if pat.is_date32(arrow_type) or pat.is_time32(arrow_type):
        array = array.cast(pa.int32())
    return _numpy(array, pa.int64())


def with_whole_decimals(array: pa.Array) -> pa.Array:
    """Return decimals of hundreds or thousands as decimals of ones with the same numbers.

    Arrow's kernels take 1 in hundreds for 1 in ones, and then write 100 hundreds.
    """
    if not pat.is_decimal(array.type) or array.type.scale >= 0:
        return array
    whole = _DECIMALS[array.type.byte_width](array.type.precision, 0)
    return pa.Array.from_buffers(whole, len(array), array.buffers(), offset=array.offset)


def from_numbers(
    numbers: Numbers, nulls: NDArray[np.bool_] | None, arrow_type: pa.DataType
) -> pa.Array:
    """Return numbers of shape (n,) as an array of a type; null where `nulls`, (n,), is true."""
    if pat.is_decimal(arrow_type):
        return _scaled(numbers, nulls, arrow_type)
    array = pa.array(numbers, mask=nulls)
    if pat.is_date32(arrow_type) or pat.is_time32(arrow_type):
        array = array.cast(pa.int32())
    return array.cast(arrow_type, safe=False)


def number_of(value: Any, arrow_type: pa.DataType, column: str) -> float:
    """Return a value from the settings as a number of a type; dates and times are ISO text.

    Raises
    ------
    SettingsError
        If it is not a value of the type.
    """
    try:
        given = time.fromisoformat(value) if pat.is_time(arrow_type) else value
        # By way of text: a float such as 0.1 is no exact decimal.
        given = str(value) if pat.is_decimal(arrow_type) else given
        return to_numbers(pa.array([given]).cast(arrow_type)).tolist()[0]  # type: ignore[no-any-return]
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise SettingsError(
            f"{value!r} is not a value of type {arrow_type}",
            column=column,
            remedy="Write numbers, or dates as 2013-12-31",
        ) from error


def texts_of(array: pa.Array) -> list[str | None]:
    """Return decimals, dates and times as text, durations in seconds, null as None."""
    if not pat.is_duration(array.type):
        texts: list[str | None] = array.cast(pa.string()).to_pylist()
        return texts
    per_second = _PER_SECOND[array.type.unit]
    counts = array.cast(pa.int64()).to_pylist()
    return [None if count is None else f"{Decimal(count) / per_second:f} s" for count in counts]


def _numpy(array: pa.Array, arrow_type: pa.DataType) -> Numbers:
    # A cast to the same type changes nothing, but still takes time.
    cast = array if array.type == arrow_type else array.cast(arrow_type)
    numbers: Numbers = cast.to_numpy(zero_copy_only=False)
    return numbers


def _unscaled(array: pa.Array) -> NDArray[np.int64]:
    """Return decimals as whole numbers of their last place, read from Arrow's buffer.

    A cast would divide and check each number.
    """
    words = array.type.byte_width // 4
    buffer = np.frombuffer(array.buffers()[1], dtype=np.int32)
    parts = buffer[array.offset * words : (array.offset + len(array)) * words].reshape(-1, words)
    # decimal32 has a single word.
    if words < _INT64_WORDS:
        return parts[:, 0].astype(np.int64)
    numbers = np.ascontiguousarray(parts[:, :_INT64_WORDS]).view(np.int64)[:, 0]
    # The words above the lowest two have to be copies of the sign.
    large = int(
        np.count_nonzero((parts[:, _INT64_WORDS:] != (numbers >> 63)[:, np.newaxis]).any(axis=1))
    )
    _refuse_large(
        large,
        "Cast the column to a string, which keeps every digit, or to float64, or leave it out",
    )
    return numbers


def _scaled(numbers: Numbers, nulls: NDArray[np.bool_] | None, arrow_type: pa.DataType) -> pa.Array:
    """Return whole numbers of the last place as decimals."""
    words = arrow_type.byte_width // 4
    parts = np.empty((numbers.size, words), dtype=np.int32)
    integers = numbers.astype(np.int64)
    if words < _INT64_WORDS:
        parts[:, 0] = integers
    else:
        parts[:, :_INT64_WORDS] = integers.view(np.int32).reshape(-1, _INT64_WORDS)
        parts[:, _INT64_WORDS:] = (integers >> 63)[:, np.newaxis]
    # Arrow's own packing of booleans to bits.
    validity = None if nulls is None else pa.array(~nulls).buffers()[1]
    return pa.Array.from_buffers(arrow_type, numbers.size, [validity, pa.py_buffer(parts)])


def _refuse_large(rows: int, remedy: str) -> None:
    if rows:
        raise ColumnDataError(
            "numbers beyond those of int64 cannot be encoded",
            rows=rows,
            remedy=remedy,
        )

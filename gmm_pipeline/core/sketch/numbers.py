"""The numbers of a column as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64] | NDArray[np.int64]
"""A column's numbers: int64 for types that count a fixed unit (integers, decimals, dates, times).

float64 for floating-point types.
"""


def numbers_of(values: Any, dtype: np.dtype[Any]) -> Numbers:
    """Return values as numbers of a dtype."""
    numbers: Numbers = np.asarray(values, dtype=dtype)
    return numbers

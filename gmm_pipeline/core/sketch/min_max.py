"""Minimum and maximum of floating-point numbers, by their bits.

Read as int64, the bits of positive numbers are ordered as the numbers are, those of negative ones
in reverse; inverting all bits but the sign of negative ones makes the order hold for all. Integers
are compared several at a time in vector registers, which the rules for NaN prevent for floats. NaN
sorts beyond the infinity of its sign.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gmm_pipeline.core.kernel import kernel, read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGN_SHIFT = 63
_BUT_SIGN = (1 << _SIGN_SHIFT) - 1
"""All bits of an int64 but the sign."""


@kernel
def _ordered(bits: int) -> int:
    """Map the bits of a number to an integer in the order of numbers, or such an integer back."""
    return bits ^ ((bits >> _SIGN_SHIFT) & _BUT_SIGN)


@kernel
def min_max(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the minimum and the maximum of values of shape (n,); (+inf, −inf) if there are none.

    If a value is NaN, at least one of the two is not finite. −0.0 is less than 0.0.
    """
    found = np.array([np.inf, -np.inf])
    if not values.size:
        return found[0], found[1]
    bits = values.view(np.int64)
    least = most = _ordered(bits[0])
    for i in range(values.size):
        each = _ordered(bits[i])
        least, most = min(least, each), max(most, each)
    bits_found = found.view(np.int64)
    bits_found[0], bits_found[1] = _ordered(least), _ordered(most)
    return found[0], found[1]


def all_finite(values: NDArray[np.float64]) -> bool:
    """Whether values of shape (n,) are neither infinite nor NaN."""
    return not values.size or all(map(math.isfinite, min_max(read_only(values))))

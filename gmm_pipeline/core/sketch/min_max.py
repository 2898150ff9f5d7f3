"""The extremes of floating-point numbers, found by their bits: integers are compared several at a
time.

As integers, the bits of numbers are in the order of the numbers where the sign is positive, and in
the opposite order where it is negative; with all bits but the sign's inverted there, they are
ordered throughout. NaN lies beyond the infinities then, on the side of its sign.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gmm_pipeline.core.kernel import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGN_SHIFT = 63
_BUT_SIGN = (1 << _SIGN_SHIFT) - 1


@kernel
def _ordered(bits: int) -> int:
    """Return the integer of a number's bits, in the order of numbers; or the other way round."""
    return bits ^ ((bits >> _SIGN_SHIFT) & _BUT_SIGN)


@kernel
def min_max(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the most of values of shape (n,); (+inf, −inf) if there are none.

    If one is NaN, at least one of both is no finite number; −0.0 is less than 0.0.
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
    return not values.size or all(map(math.isfinite, min_max(values)))

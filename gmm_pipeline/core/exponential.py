"""The exponential function of many numbers at once, in operations that compilers turn into vector instructions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel

_LOG2_E = math.log2(math.e)
# The first has 32 digits, so that its products with whole numbers up to 2**20 are exact (Cody & Waite, 1980).
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_TO_INTEGER = 1.5 * 2.0**52
"""Added to a whole number, it leaves that number in the last digits."""
_INTEGER_BITS = int(np.float64(_TO_INTEGER).view(np.int64))
_LOWEST = -700.0
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1.0 / math.factorial(k) for k in range(2, 14))


@kernel
def exponentials(x: NDArray[np.float64], powers: NDArray[np.float64], negligible: float) -> None:
    """Replace each x ≤ 0, shape (n,), by its exponential to within 2 units in the last place; by 0 below `negligible`.

    `powers` is room for as many numbers. With x = m·log 2 + r, the exponential is 2**m times a polynomial in r.
    """
    bits = powers.view(np.int64)
    for i in range(x.size):
        powers[i] = max(x[i], _LOWEST) * _LOG2_E + _TO_INTEGER
    for i in range(x.size):
        m = powers[i] - _TO_INTEGER
        r = (max(x[i], _LOWEST) - m * _LN2_HIGH) - m * _LN2_LOW
        tail = _C8 + r * (_C9 + r * (_C10 + r * (_C11 + r * (_C12 + r * _C13))))
        value = 1.0 + r * (1.0 + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * (_C7 + r * tail)))))))
        x[i] = value if x[i] > negligible else 0.0
    for i in range(x.size):
        bits[i] = (bits[i] - _INTEGER_BITS + 1023) << 52
    for i in range(x.size):
        x[i] *= powers[i]

"""Exponentials and logarithms of arrays, written for the compiler to use vector instructions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel

_LOG2_E = math.log2(math.e)
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
"""log 2 in two parts: the first has 32 bits, so its products with integers to 2**20 are exact.

See Cody & Waite (1980), "Software manual for the elementary functions".
"""
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_TO_INTEGER = 1.5 * 2.0**52
"""Adding it to a float rounds to a whole number, which is then in the last bits of the sum."""
_INTEGER_BITS = int(np.float64(_TO_INTEGER).view(np.int64))
_LOWEST = -700.0
"""exp(−700) ≈ 1e-304 is a normal number; below, the exponent bits would wrap around."""
_ROOT_HALF_BITS = int(np.float64(math.sqrt(0.5)).view(np.int64))
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (
    1.0 / math.factorial(k) for k in range(2, 14)
)
"""Coefficients of the Taylor series of exp(r); 13 terms suffice for |r| ≤ log(2) / 2."""
_L3, _L5, _L7, _L9, _L11, _L13, _L15, _L17, _L19, _L21 = (2.0 / k for k in range(3, 22, 2))
"""Coefficients of the series 2·artanh(s) = 2s + (2/3)s³ + …; up to s²¹ for |s| ≤ 3 − 2√2."""


@kernel
def exponentials(x: NDArray[np.float64], negligible: float) -> None:
    """Replace each x ≤ 0, shape (n,), by exp(x), or by 0 below `negligible`.

    The error is at most 2 units in the last place. With x = m·log 2 + r, the exponential is 2**m
    times a polynomial in r, evaluated in parts that do not wait for each other (Estrin, 1960).
    """
    for i in range(x.size):
        # Rounding by an addition: a vector instruction on every machine, which `np.rint` is not.
        shifted = np.float64(max(x[i], _LOWEST) * _LOG2_E + _TO_INTEGER)
        m = shifted - _TO_INTEGER
        # The first product is exact and cancels exactly; the second corrects it.
        r = (max(x[i], _LOWEST) - m * _LN2_HIGH) - m * _LN2_LOW
        r2 = r * r
        r4 = r2 * r2
        low = (_C2 + r * _C3) + r2 * (_C4 + r * _C5)
        middle = (_C6 + r * _C7) + r2 * (_C8 + r * _C9)
        high = (_C10 + r * _C11) + r2 * (_C12 + r * _C13)
        value = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)))
        # 2**m by its exponent bits.
        power = np.int64((shifted.view(np.int64) - _INTEGER_BITS + 1023) << 52).view(np.float64)
        x[i] = value * power if x[i] > negligible else 0.0


@kernel
def logarithms(x: NDArray[np.float64], logarithm: NDArray[np.float64]) -> None:
    """Write the logarithm of each normal x > 0, shape (n,), to within 2 units in the last place.

    With x = 2**p · m, m = 1 + f between √½ and √2, and s = f / (2 + f), the logarithm is p·log 2 +
    2·artanh s, where the series of artanh is added to f − f²/2, as f is exact and s is not
    (FreeBSD's msun, e_log.c).
    """
    bits = x.view(np.int64)
    for i in range(x.size):
        # Relative to √½, so that m is on both sides of 1 and f stays small.
        power = (bits[i] - _ROOT_HALF_BITS) >> 52
        m = np.int64(bits[i] - (power << 52)).view(np.float64)
        f = m - 1.0
        s = f / (2.0 + f)
        z = s * s
        half_square = 0.5 * f * f
        tail = _L13 + z * (_L15 + z * (_L17 + z * (_L19 + z * _L21)))
        series = z * (_L3 + z * (_L5 + z * (_L7 + z * (_L9 + z * (_L11 + z * tail)))))
        p = np.int64(power + _INTEGER_BITS).view(np.float64) - _TO_INTEGER
        logarithm[i] = p * _LN2_HIGH - (
            (half_square - (s * (half_square + series) + p * _LN2_LOW)) - f
        )

"""Counter-based uniform draws: a row's draw is a pure function of (seed, column, row number).

So the draws do not depend on threads, chunks or engines. The generator is SplitMix64 (Steele, Lea
& Flood, 2014, "Fast splittable pseudorandom number generators"), applied to the row number as in
counter-based generators (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3"). A
second key is mixed in between its rounds, so that two columns never share a stream.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gmm_pipeline.core.kernel import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
"""SplitMix64's increment: 2**64 divided by the golden ratio, made odd."""
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
"""SplitMix64's multipliers (David Stafford's "Mix13") …"""
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3, _SHIFT_MANTISSA = (
    np.uint64(30),
    np.uint64(27),
    np.uint64(31),
    np.uint64(11),
)
"""… and shifts; the last keeps the 53 bits that a float64 holds."""
_UNIT = 2.0**-53
"""The distance of neighbouring draws: 53 bits of a float64."""


@dataclass(frozen=True)
class DrawKey:
    """The key of one column's stream of draws: two independent 64-bit integers."""

    first: int
    second: int

    @classmethod
    def of(cls, seed: int, column: str) -> DrawKey:
        """Derive the key of a column from the seed and the column's name."""
        # A hash, so that seeds and names that differ in one bit have unrelated keys. A seed has no
        # null character, so no two pairs of seed and name give the same text.
        digest = hashlib.blake2b(
            f"{seed}\0{column}".encode("utf-8", "surrogatepass"), digest_size=16
        ).digest()
        return cls(int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))


@kernel
def uniform(first_key: np.uint64, second_key: np.uint64, row: np.uint64) -> float:
    """Return the draw of one row: 53 random bits, in [0, 1)."""
    bits = row * _GAMMA + first_key
    bits = (bits ^ (bits >> _SHIFT_1)) * _MIX_1
    # Between the rounds: before them, it would merely add to the first key.
    bits ^= second_key
    bits = (bits ^ (bits >> _SHIFT_2)) * _MIX_2
    bits ^= bits >> _SHIFT_3
    # 53 bits, so the largest draw is 1 − 2**-53 and no draw rounds to 1.
    return np.float64(bits >> _SHIFT_MANTISSA) * _UNIT


@kernel
def fill_uniforms(
    first_key: np.uint64, second_key: np.uint64, first_row: np.uint64, out: NDArray[np.float64]
) -> None:
    """Write the draws of consecutive rows."""
    for i in range(out.size):
        out[i] = uniform(first_key, second_key, first_row + np.uint64(i))


def uniforms(key: DrawKey, first_row: int, rows: int) -> NDArray[np.float64]:
    """Return the draws of `rows` consecutive rows, float64 of shape (rows,)."""
    out = np.empty(rows, dtype=np.float64)
    fill_uniforms(np.uint64(key.first), np.uint64(key.second), np.uint64(first_row), out)
    return out

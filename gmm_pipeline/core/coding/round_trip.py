"""The round-trip check: compare rows with their decoded values, mode by mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import BLOCK, LANES, kernel
from gmm_pipeline.core.modes.modes import BOUND
from gmm_pipeline.core.sketch.numbers import Numbers

_FLOAT32_PRECISION = 2.0**-22
"""Of a half-width: 8 times what rounding to float32 moves a value within ±1, for the arithmetic."""
_BOUND = float(np.float32(BOUND))
"""As encoded values are rounded: a float32 of exactly the bound is not beyond it."""
_FLOAT64_ULPS = 4 * 2.0**-52
"""Of a number: 4 units in the last place, for encoding and decoding in float64."""
_EXACT, _WITHIN, _BEYOND = 15, 30, 45
"""Bits of an int64 in which a row's outcomes are counted; the lowest 15 count all rows."""
_MOST_PACKED = (1 << _EXACT) - 1
"""Rows until the packed counts have to be unpacked, so that none runs into the next."""


@dataclass(frozen=True)
class RoundTrip:
    """Rows by their mode and by the outcome of their round trip; arrays are (n_modes,), by rank.

    Parameters
    ----------
    rows : int64 array
    exact : int64 array
        Rows that came back unchanged.
    within_precision : int64 array
        Rows that came back to within the precision of the encoded value: 2**-22 of their mode's
        half-width for float32, 4 units in the last place for float64.
    beyond_reach : int64 array
        Rows further from their mode than it reaches (±0.99); counted separately, whatever their
        outcome.
    largest_error : float64 array
        The largest difference between a number and its decoded number.
    """

    rows: NDArray[np.int64]
    exact: NDArray[np.int64]
    within_precision: NDArray[np.int64]
    beyond_reach: NDArray[np.int64]
    largest_error: NDArray[np.float64]

    @classmethod
    def none(cls, n_modes: int) -> RoundTrip:
        """Return the counts of no rows."""
        nothing = np.zeros(n_modes, dtype=np.int64)
        return cls(nothing, nothing, nothing, nothing, np.zeros(n_modes))

    @property
    def changed(self) -> NDArray[np.int64]:
        """Rows that came back neither unchanged nor within precision."""
        return self.rows - self.exact - self.within_precision

    def merge(self, other: RoundTrip) -> RoundTrip:
        """Return the counts over the rows of both."""
        return RoundTrip(
            self.rows + other.rows,
            self.exact + other.exact,
            self.within_precision + other.within_precision,
            self.beyond_reach + other.beyond_reach,
            np.maximum(self.largest_error, other.largest_error),
        )


@dataclass(frozen=True)
class Tolerance:
    """How near a decoded number has to be to the original.

    Parameters
    ----------
    half_widths : float64 array of shape (n_modes,)
        The coordinates that a value of 1 stands for, by rank.
    value_dtype : dtype
    own : float
        The relative precision of the column's own type: 2**-52 for float64, 0 for integers.
    """

    half_widths: NDArray[np.float64]
    value_dtype: np.dtype[np.floating]
    own: float


def count_labels(
    same: NDArray[np.bool_], rank: NDArray[np.unsignedinteger], n_modes: int
) -> RoundTrip:
    """Return the round trip of rows that come back unchanged or not; arrays have shape (n,)."""
    nothing = RoundTrip.none(n_modes)
    rows, exact = np.zeros(n_modes, dtype=np.int64), np.zeros(n_modes, dtype=np.int64)
    _count_same(same, rank, rows, exact)
    return RoundTrip(
        rows, exact, nothing.within_precision, nothing.beyond_reach, nothing.largest_error
    )


def count_numbers(
    before: Numbers,
    after: Numbers,
    differently_null: NDArray[np.bool_],
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
    tolerance: Tolerance,
    stretch: NDArray[np.float64],
) -> RoundTrip:
    """Return the round trip of rows that hold numbers; NaN equals NaN.

    Parameters
    ----------
    before, after : int64 or float64 arrays of shape (n,)
        The numbers of the rows, and their decoded numbers; 0 where a row is null.
    differently_null : bool array of shape (n,) or (0,)
        Which rows are null in only one of the two; empty when none are.
    value, rank : arrays of shape (n,)
    tolerance : Tolerance
    stretch : float64 array of shape (n,)
        How far numbers move when their coordinates move by 1.
    """
    counts = np.zeros((tolerance.half_widths.size, 4), dtype=np.int64)
    largest = np.zeros(tolerance.half_widths.size)
    single = tolerance.value_dtype == np.float32
    relative = _FLOAT32_PRECISION if single else _FLOAT64_ULPS
    _count_numbers(
        before,
        after,
        differently_null,
        value,
        rank,
        relative * tolerance.half_widths,
        0.0 if single else relative,
        2 * tolerance.own,
        stretch,
        counts,
        largest,
    )
    rows, exact, within, beyond = counts.T.copy()
    return RoundTrip(rows, exact, within, beyond, largest)


@kernel
def _count_numbers(
    before: Numbers,
    after: Numbers,
    differently_null: NDArray[np.bool_],
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
    reaches: NDArray[np.float64],
    relative: float,
    own: float,
    stretch: NDArray[np.float64],
    counts: NDArray[np.int64],
    largest: NDArray[np.float64],
) -> None:
    """Add rows, exact ones, those within precision and beyond reach to `counts`, (n_modes, 4).

    A number is within precision if its error is at most `own` times its size, plus the larger of
    its mode's tolerance times the stretch and `relative` times its size.
    """
    packed = np.zeros((LANES, reaches.size), dtype=np.int64)
    n_packed = 0
    outcomes, errors = np.empty(BLOCK, dtype=np.int64), np.empty(BLOCK)
    for start in range(0, rank.size, BLOCK):
        end = min(start + BLOCK, rank.size)
        n = end - start
        n_exact = _compare(
            before[start:end], after[start:end], differently_null[start:end], errors, outcomes
        )
        for j in range(n):
            # Four counts of a row in one addition: row, exact, within precision, beyond reach.
            outcomes[j] += 1 + ((abs(value[start + j]) > _BOUND) << _BEYOND)
        # Most blocks come back exactly; only others need the errors.
        if n_exact < n:
            for j in range(n):
                mode, size = rank[start + j], abs(np.float64(before[start + j]))
                near = (
                    errors[j]
                    <= max(reaches[mode] * stretch[start + j], relative * size) + own * size
                )
                outcomes[j] += (near & (outcomes[j] & (1 << _EXACT) == 0)) << _WITHIN
            for j in range(n):
                largest[rank[start + j]] = max(largest[rank[start + j]], errors[j])
        if n_packed + n > _MOST_PACKED:
            _unpack(packed, counts)
            n_packed = 0
        for j in range(n):
            packed[j & (LANES - 1), rank[start + j]] += outcomes[j]
        n_packed += n
    _unpack(packed, counts)


@kernel
def _compare(
    before: Numbers,
    after: Numbers,
    differently_null: NDArray[np.bool_],
    errors: NDArray[np.float64],
    outcomes: NDArray[np.int64],
) -> int:
    """Write the errors of rows, (n,), and which are exact; return the number of exact ones."""
    n_exact = 0
    for j in range(before.size):
        # NaN is the one value that differs from itself, before and after.
        same = (before[j] == after[j]) | ((before[j] != before[j]) & (after[j] != after[j]))
        distance = abs(np.float64(after[j]) - np.float64(before[j]))
        # A number that became NaN, or an infinity that became another, is as wrong as can be.
        errors[j] = 0.0 if same else np.inf if np.isnan(distance) else distance
        outcomes[j] = same << _EXACT
        n_exact += same
    for j in range(differently_null.size):
        if differently_null[j]:
            n_exact -= outcomes[j] >> _EXACT
            errors[j], outcomes[j] = np.inf, 0
    return n_exact


@kernel
def _unpack(packed: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Add packed counts, (LANES, n_modes), to those of each kind, (n_modes, 4), and reset them."""
    for lane in range(LANES):
        for k in range(counts.shape[0]):
            if packed[lane, k] != 0:
                for kind in range(counts.shape[1]):
                    counts[k, kind] += (packed[lane, k] >> (kind * _EXACT)) & ((1 << _EXACT) - 1)
                packed[lane, k] = 0


@kernel
def _count_same(
    same: NDArray[np.bool_],
    rank: NDArray[np.unsignedinteger],
    rows: NDArray[np.int64],
    exact: NDArray[np.int64],
) -> None:
    """Add rows and unchanged rows of each mode."""
    for i in range(rank.size):
        rows[rank[i]] += 1
        exact[rank[i]] += same[i]

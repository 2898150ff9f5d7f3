"""What encoding and decoding did to a column's rows, mode by mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import BLOCK, LANES, kernel
from gmm_pipeline.core.modes.modes import BOUND
from gmm_pipeline.core.sketch.numbers import Numbers

_FLOAT32_PRECISION = 2.0**-22
_BOUND = float(np.float32(BOUND))
_FLOAT64_ULPS = 4 * 2.0**-52
_EXACT, _WITHIN, _BEYOND = 15, 30, 45
"""Where in an integer those rows are counted, above all rows that are counted with them."""
_MOST_PACKED = (1 << _EXACT) - 1


@dataclass(frozen=True)
class RoundTrip:
    """Rows by their mode and by what the way there and back did to them; all arrays have shape
    (n_modes,), by rank.

    Parameters
    ----------
    rows : int64 array
    exact : int64 array
        Rows that came back as they were.
    within_precision : int64 array
        Rows that came back to within the precision of the encoded value: 2**-22 of their mode's
        half-width for float32, 4 units in the last place for float64.
    beyond_reach : int64 array
        Rows further from their mode than it reaches (±0.99); counted besides, whatever became of
        them.
    largest_error : float64 array
        The largest difference between a number and what came back.
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
        """Rows that came back as neither."""
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
    """How near a number has to come back.

    Parameters
    ----------
    half_widths : float64 array of shape (n_modes,)
        What a value of 1 stands for, by rank, in coordinates.
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
    """Return the round trip of rows, all of shape (n,), that come back exactly or not."""
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
    precision: Tolerance,
    stretch: NDArray[np.float64],
) -> RoundTrip:
    """Return the round trip of rows that hold numbers; NaN equals NaN.

    Parameters
    ----------
    before, after : int64 or float64 arrays of shape (n,)
        What rows held, and what decoding gives; 0 where a row is null.
    differently_null : bool array of shape (n,) or (0,)
        Which rows are null in one of both only; empty when none are.
    value, rank : arrays of shape (n,)
    precision : Tolerance
    stretch : float64 array of shape (n,)
        How far numbers move with their coordinates.
    """
    counts = np.zeros((precision.half_widths.size, 4), dtype=np.int64)
    largest = np.zeros(precision.half_widths.size)
    single = precision.value_dtype == np.float32
    relative = _FLOAT32_PRECISION if single else _FLOAT64_ULPS
    _count_numbers(
        before,
        after,
        differently_null,
        value,
        rank,
        relative * precision.half_widths,
        0.0 if single else relative,
        2 * precision.own,
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
    """Add to the rows, those that are exact, within precision, and beyond reach, (n_modes, 4), and
    the largest errors.

    A number may be off by its mode's reach times the stretch, or `relative` times its size if that
    is more; and by `own` times its size besides.
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
            outcomes[j] += 1 + ((abs(value[start + j]) > _BOUND) << _BEYOND)
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
    """Write how far rows, (n,), are from what they were, and which are exact; return how many
    are.
    """
    n_exact = 0
    for j in range(before.size):
        same = (before[j] == after[j]) | ((before[j] != before[j]) & (after[j] != after[j]))
        distance = abs(np.float64(after[j]) - np.float64(before[j]))
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
    """Add packed counts, (LANES, n_modes), to those of each kind, (n_modes, 4), and empty them."""
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
    for i in range(rank.size):
        rows[rank[i]] += 1
        exact[rank[i]] += same[i]

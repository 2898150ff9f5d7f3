"""What encoding and decoding did to a column's rows, mode by mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coordinate import Numbers
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes import BOUND

_FLOAT32_PRECISION = 2.0**-22
_BOUND = float(np.float32(BOUND))
_FLOAT64_ULPS = 4 * 2.0**-52


@dataclass(frozen=True)
class RoundTrip:
    """Rows by their mode and by what the way there and back did to them; all arrays have shape (n_modes,), by rank.

    Parameters
    ----------
    rows : int64 array
    exact : int64 array
        Rows that came back as they were.
    within_precision : int64 array
        Rows that came back to within the precision of the encoded value: 2**-22 of their mode's half-width for
        float32, 4 units in the last place for float64.
    beyond_reach : int64 array
        Rows further from their mode than it reaches (±0.99); counted besides, whatever became of them.
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
class Precision:
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


def count_labels(same: NDArray[np.bool_], rank: NDArray[np.unsignedinteger], n_modes: int) -> RoundTrip:
    """Return the round trip of rows, all of shape (n,), that come back exactly or not."""
    nothing = RoundTrip.none(n_modes)
    rows, exact = np.zeros(n_modes, dtype=np.int64), np.zeros(n_modes, dtype=np.int64)
    _count_same(same, rank, rows, exact)
    return RoundTrip(rows, exact, nothing.within_precision, nothing.beyond_reach, nothing.largest_error)


def count_numbers(
    before: Numbers,
    after: Numbers,
    differently_null: NDArray[np.bool_],
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
    precision: Precision,
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
    precision : Precision
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
    """Add to the rows, those that are exact, within precision, and beyond reach, (n_modes, 4), and the largest errors.

    A number may be off by its mode's reach times the stretch, or `relative` times its size if that is more; and by
    `own` times its size besides.
    """
    for i in range(rank.size):
        counts[rank[i], 0] += 1
        counts[rank[i], 3] += abs(value[i]) > _BOUND
        lost = differently_null.size > 0 and differently_null[i]
        if not lost and (before[i] == after[i] or (before[i] != before[i] and after[i] != after[i])):
            counts[rank[i], 1] += 1
            continue
        distance = abs(np.float64(after[i]) - np.float64(before[i]))
        error = np.inf if lost or np.isnan(distance) else distance
        size = abs(np.float64(before[i]))
        counts[rank[i], 2] += error <= max(reaches[rank[i]] * stretch[i], relative * size) + own * size
        largest[rank[i]] = max(largest[rank[i]], error)


@kernel
def _count_same(
    same: NDArray[np.bool_], rank: NDArray[np.unsignedinteger], rows: NDArray[np.int64], exact: NDArray[np.int64]
) -> None:
    for i in range(rank.size):
        rows[rank[i]] += 1
        exact[rank[i]] += same[i]

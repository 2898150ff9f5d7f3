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

    def tolerance(
        self, original: Numbers, rank: NDArray[np.unsignedinteger], stretch: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the largest error allowed, shape (n,); `stretch` is how far numbers move with their coordinates."""
        reach: NDArray[np.float64] = self.half_widths[rank] * stretch
        size: NDArray[np.float64] = np.abs(original).astype(np.float64)
        if self.value_dtype == np.float32:
            return _FLOAT32_PRECISION * reach + 2 * self.own * size
        return _FLOAT64_ULPS * np.maximum(reach, size) + 2 * self.own * size


def count_labels(same: NDArray[np.bool_], rank: NDArray[np.unsignedinteger], n_modes: int) -> RoundTrip:
    """Return the round trip of rows, all of shape (n,), that come back exactly or not."""
    nothing = RoundTrip.none(n_modes)
    rows, exact = np.zeros(n_modes, dtype=np.int64), np.zeros(n_modes, dtype=np.int64)
    _count_same(same, rank, rows, exact)
    return RoundTrip(rows, exact, nothing.within_precision, nothing.beyond_reach, nothing.largest_error)


def count_numbers(
    same: NDArray[np.bool_],
    errors: NDArray[np.float64],
    tolerance: NDArray[np.float64],
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
    n_modes: int,
) -> RoundTrip:
    """Return the round trip of rows that hold numbers; all arrays have shape (n,).

    Parameters
    ----------
    same : bool array
        Which rows came back exactly.
    errors, tolerance : float64 arrays
        Looked at for the other rows only; an error is infinite where no number came back.
    value, rank : arrays
    n_modes : int
    """
    counts = np.zeros((4, n_modes), dtype=np.int64)
    largest = np.zeros(n_modes)
    _count_same(same, rank, counts[0], counts[1])
    _count_beyond(value, rank, _BOUND, counts[3])
    if errors.size:
        _count_within(same, errors, tolerance, rank, counts[2], largest)
    return RoundTrip(counts[0], counts[1], counts[2], counts[3], largest)


@kernel
def _count_same(
    same: NDArray[np.bool_], rank: NDArray[np.unsignedinteger], rows: NDArray[np.int64], exact: NDArray[np.int64]
) -> None:
    for i in range(rank.size):
        rows[rank[i]] += 1
        exact[rank[i]] += same[i]


@kernel
def _count_beyond(
    value: NDArray[np.floating], rank: NDArray[np.unsignedinteger], bound: float, beyond: NDArray[np.int64]
) -> None:
    for i in range(rank.size):
        if abs(value[i]) > bound:
            beyond[rank[i]] += 1


@kernel
def _count_within(
    same: NDArray[np.bool_],
    errors: NDArray[np.float64],
    tolerance: NDArray[np.float64],
    rank: NDArray[np.unsignedinteger],
    within: NDArray[np.int64],
    largest: NDArray[np.float64],
) -> None:
    for i in range(rank.size):
        if not same[i]:
            within[rank[i]] += errors[i] <= tolerance[i]
            largest[rank[i]] = max(largest[rank[i]], errors[i])

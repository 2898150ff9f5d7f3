"""What encoding and decoding did to a column's rows, mode by mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coordinate import Numbers
from gmm_pipeline.core.modes import BOUND

_FLOAT32_PRECISION = 2.0**-22
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
    rows = np.bincount(rank, minlength=n_modes)
    exact = rows if same.all() else np.bincount(rank[same], minlength=n_modes)
    return RoundTrip(rows, exact, nothing.within_precision, nothing.beyond_reach, nothing.largest_error)


def count_numbers(
    same: NDArray[np.bool_],
    errors: NDArray[np.float64],
    tolerance: NDArray[np.float64],
    value: NDArray[np.floating],
    rank: NDArray[np.unsignedinteger],
    n_modes: int,
) -> RoundTrip:
    """Return the round trip of rows that hold numbers.

    Parameters
    ----------
    same : bool array of shape (n,)
        Which rows came back exactly.
    errors, tolerance : float64 arrays of shape (n_different,)
        Of the other rows; infinite where no number came back.
    value, rank : arrays of shape (n,)
    n_modes : int
    """
    counted = count_labels(same, rank, n_modes)
    beyond = np.abs(value) > np.float32(BOUND)
    beyond_reach = np.bincount(rank[beyond], minlength=n_modes) if beyond.any() else counted.beyond_reach
    if not errors.size:
        return RoundTrip(counted.rows, counted.exact, counted.within_precision, beyond_reach, counted.largest_error)
    ranks = rank[~same]
    largest = np.zeros(n_modes)
    np.maximum.at(largest, ranks, errors)
    within = np.bincount(ranks[errors <= tolerance], minlength=n_modes)
    return RoundTrip(counted.rows, counted.exact, within, beyond_reach, largest)

"""What encoding and decoding did to a column's rows."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coordinate import Numbers
from gmm_pipeline.core.modes import REACH

_PRECISION = {"float32": 2.0**-22, "float64": 2.0**-50}


@dataclass(frozen=True)
class RoundTrip:
    """Rows by what the way there and back did to them.

    Parameters
    ----------
    rows : int
    exact : int
        Rows that came back as they were.
    within_precision : int
        Rows that came back to within the precision of the encoded value: 2**-22 of their mode's half-width for float32.
    changed : int
        All other rows.
    beyond_reach : int
        Rows further from their mode than it reaches (±0.99); counted besides, whatever became of them.
    largest_error : float
        The largest difference between a number and what came back.
    """

    rows: int = 0
    exact: int = 0
    within_precision: int = 0
    changed: int = 0
    beyond_reach: int = 0
    largest_error: float = 0.0

    def merge(self, other: RoundTrip) -> RoundTrip:
        """Return the counts over the rows of both."""
        sums = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        return RoundTrip(**{**sums, "largest_error": max(self.largest_error, other.largest_error)})


def compare_numbers(
    original: Numbers,
    decoded: Numbers,
    value: NDArray[np.floating],
    half_widths: NDArray[np.float64],
    type_precision: float,
) -> RoundTrip:
    """Compare numbers with what came back; NaN equals NaN.

    Parameters
    ----------
    original, decoded : arrays of shape (n,), of the same dtype
    value : array of shape (n,)
        The encoded values.
    half_widths : float64 array of shape (n,)
        What a value of 1 stood for in each row.
    type_precision : float
        The relative precision of the column's own type: 2**-52 for float64, 0 for integers.
    """
    exact = (original == decoded) | (np.isnan(original) & np.isnan(decoded))
    differing = ~exact
    n_exact = int(np.count_nonzero(exact))
    beyond = int(np.count_nonzero(np.abs(value) > np.float32(REACH)))
    if n_exact == original.size:
        return RoundTrip(rows=original.size, exact=n_exact, beyond_reach=beyond)
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(decoded[differing].astype(np.float64) - original[differing])
    tolerance = _PRECISION[value.dtype.name] * half_widths[differing] + 2 * type_precision * np.abs(original[differing])
    within = int(np.count_nonzero(errors <= tolerance))
    return RoundTrip(
        rows=original.size,
        exact=n_exact,
        within_precision=within,
        changed=errors.size - within,
        beyond_reach=beyond,
        largest_error=float(np.nanmax(errors, initial=0.0)),
    )

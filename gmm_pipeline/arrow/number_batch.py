"""Arrow arrays of numbers as NumPy arrays, with nulls, NaN and infinities told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.arrow.numeric_types import from_numbers, to_numbers, with_whole_decimals
from gmm_pipeline.core.sketch.min_max import all_finite
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.sketch import Specials


@dataclass(frozen=True)
class NumberBatch:
    """Consecutive rows of a numeric column.

    Parameters
    ----------
    numbers : int64 or float64 array of shape (n,)
        0 where a row is null.
    nulls : bool array of shape (n,) or None
        None when no row is null.
    """

    numbers: Numbers
    nulls: NDArray[np.bool_] | None

    @classmethod
    def of(cls, array: pa.Array) -> NumberBatch:
        """Return the rows of an Arrow array of any type that holds numbers."""
        if not array.null_count:
            return cls(to_numbers(array), None)
        array = with_whole_decimals(array)
        # Filled with 0: Arrow would convert integers with nulls to floats.
        nulls = array.is_null().to_numpy(zero_copy_only=False)
        return cls(
            to_numbers(
                array.fill_null(from_numbers(np.zeros(1, dtype=np.int64), None, array.type)[0])
            ),
            nulls,
        )

    def is_null(self) -> NDArray[np.bool_]:
        """Return which rows are null, shape (n,)."""
        return np.zeros(self.numbers.size, dtype=np.bool_) if self.nulls is None else self.nulls

    def finite(self) -> NDArray[np.bool_] | None:
        """Return which rows hold a finite number, shape (n,); None when all do."""
        # Integers are finite; scanning them would cost a pass.
        usable = None
        if self.numbers.dtype == np.float64:
            usable = (
                None
                if all_finite(np.asarray(self.numbers, dtype=np.float64))
                else np.isfinite(self.numbers)
            )
        if self.nulls is None:
            return usable
        return ~self.nulls if usable is None else usable & ~self.nulls

    def split(self) -> tuple[Numbers, Specials]:
        """Return the finite numbers, and the counts of all other rows."""
        usable = self.finite()
        if usable is None:
            return self.numbers, Specials()
        others = self.numbers[~usable]
        nulls = 0 if self.nulls is None else int(np.count_nonzero(self.nulls))
        specials = Specials(
            nulls=nulls,
            nans=int(np.count_nonzero(np.isnan(others))),
            positive_infinities=int(np.count_nonzero(np.isposinf(others))),
            negative_infinities=int(np.count_nonzero(np.isneginf(others))),
        )
        return self.numbers[usable], specials

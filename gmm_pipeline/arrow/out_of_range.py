"""The setting `out_of_range`: finite numbers that the fitted rows did not reach.

These are numbers that are no atoms and lie beyond the range of the continuous modes; in a column
whose modes are all atoms, every other number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.numbers import Numbers, numbers_of
from gmm_pipeline.errors import ColumnDataError


@dataclass(frozen=True)
class KnownNumbers:
    """The numbers that a column's modes can write: its atoms, and those in the continuous range.

    Parameters
    ----------
    singles : array of shape (n,), sorted
        The finite atoms.
    ends : array of shape (2,) or (0,)
        The smallest and largest number of the continuous modes; empty without such modes.
    coordinate : Coordinate
        Its grid is that of the numbers between the ends.
    """

    singles: Numbers
    ends: Numbers
    coordinate: Coordinate

    @classmethod
    def of(cls, model: ColumnModel, coordinate: Coordinate) -> KnownNumbers:
        """Take them from a model."""
        ends = coordinate.backward(np.array(model.range if model.n_continuous else ()))
        return cls(numbers_of(sorted(model.finite_values), ends.dtype), ends, coordinate)

    def nearest(self, numbers: Numbers) -> Numbers:
        """Return the nearest known number of each finite number that is no atom, shape (n,)."""
        singles = np.union1d(self.singles, self.ends)
        if not self.ends.size:
            return _nearest_of(singles, numbers)
        low, high = self.ends
        near = numbers_of(np.clip(self.coordinate.nearest(numbers), low, high), self.singles.dtype)
        beyond = (numbers < low) | (numbers > high)
        # Without atoms, the nearer end is the nearest number already.
        if self.singles.size and beyond.any():
            near[beyond] = _nearest_of(singles, numbers[beyond])
        return near


def _nearest_of(known: Numbers, numbers: Numbers) -> Numbers:
    """Return the nearest of sorted known numbers, (n_known,), to each number, (n,)."""
    places = np.searchsorted(known, numbers)
    below = known[np.maximum(places - 1, 0)]
    above = known[np.minimum(places, known.size - 1)]
    nearest: Numbers = np.where(
        _distances(below, numbers) <= _distances(above, numbers), below, above
    )
    return nearest


def _distances(known: Numbers, numbers: Numbers) -> NDArray[np.float64] | NDArray[np.uint64]:
    """Return the distance of each number from another one, shape (n,)."""
    larger, smaller = np.maximum(known, numbers), np.minimum(known, numbers)
    if larger.dtype == np.float64:
        with np.errstate(over="ignore"):
            return larger - smaller
    # uint64 holds the distance of any two numbers of int64, and arithmetic modulo 2**64 finds it.
    return larger.view(np.uint64) - smaller.view(np.uint64)


def refuse_out_of_range(x: NDArray[np.float64], model: ColumnModel) -> None:
    """Raise ColumnDataError for coordinates out of the fitted range, if out_of_range = error."""
    low, high = model.range
    if not x.size or model.rules.out_of_range != "error" or (x.min() >= low and x.max() <= high):
        return
    raise ColumnDataError(
        "holds numbers outside of the range of the fitted rows",
        column=model.column,
        rows=int(np.count_nonzero((x < low) | (x > high))),
        remedy="Fit again on rows that include them, or with out_of_range set to clip or keep",
    )


def refuse_without_mode(rows: int, model: ColumnModel) -> None:
    """Raise ColumnDataError if any rows hold finite numbers that no mode takes."""
    if rows:
        raise ColumnDataError(
            f"holds numbers other than the {len(model.finite_values)} of the fitted rows, each of "
            "which is a mode of its own",
            column=model.column,
            rows=rows,
            remedy="Fit again on rows that include them, or with out_of_range set to clip, which "
            "writes the nearest fitted number",
        )

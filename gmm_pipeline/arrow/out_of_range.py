"""The setting `out_of_range`: numbers beyond the smallest and largest of the fitted rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.arrow.number_batch import NumberBatch
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.errors import ColumnDataError


def clip_out_of_range(
    batch: NumberBatch, model: ColumnModel, coordinate: Coordinate
) -> NumberBatch:
    """Return rows whose finite numbers are clipped to the fitted range (`out_of_range = clip`).

    Numbers between the steps of the column's grid are moved to the nearest step.
    """
    low, high = coordinate.backward(np.array(model.range))
    finite = batch.finite()
    numbers = batch.numbers.copy()
    # A slice makes views where all numbers are finite; a mask would copy twice.
    chosen = slice(None) if finite is None else finite
    numbers[chosen] = np.clip(coordinate.nearest(numbers[chosen]), low, high)
    return NumberBatch(numbers, batch.nulls)


def refuse_out_of_range(x: NDArray[np.float64], model: ColumnModel) -> None:
    """Raise ColumnDataError for coordinates out of the fitted range, if out_of_range = error."""
    low, high = model.range
    if not x.size or model.rules.out_of_range != "error" or (x.min() >= low and x.max() <= high):
        return
    raise ColumnDataError(
        "holds numbers outside of the range of the fitted rows",
        column=model.column,
        rows=int(np.count_nonzero((x < low) | (x > high))),
        remedy="Fit again on rows that include them, or set out_of_range to clip or keep",
    )

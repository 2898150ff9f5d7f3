"""The float64 coordinate of a column's numbers: what mixtures are fitted in.

A coordinate knows the grid that the column's values lie on (whole numbers, cents, days), so that
decoded values are snapped back to it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.decimal_coordinate import DecimalCoordinate
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.lattice_coordinate import LatticeCoordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.errors import ColumnDataError

PlainCoordinate = RealCoordinate | DecimalCoordinate | LatticeCoordinate | IntegerCoordinate
"""Coordinates proportional to the column's numbers."""
Coordinate = PlainCoordinate | LogCoordinate
"""Any coordinate of a column of numbers."""


def without_coordinate(coordinate: Coordinate, numbers: Numbers) -> NDArray[np.bool_]:
    """Return which numbers have no coordinate, shape (n,); each is tried by itself, for errors."""
    return np.array(
        [_has_none(coordinate, numbers[i : i + 1]) for i in range(numbers.size)], dtype=np.bool_
    )


def _has_none(coordinate: Coordinate, number: Numbers) -> bool:
    try:
        coordinate.forward(number)
    except ColumnDataError:
        return True
    return False

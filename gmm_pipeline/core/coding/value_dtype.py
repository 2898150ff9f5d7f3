"""Choose float32 or float64 for a column's encoded values: whether float32 tells them apart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.modes.column_model import ColumnModel, ValueDtype
from gmm_pipeline.core.modes.modes import HALF_WIDTH_STDS, REACH, GaussianMode, TailMode
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.numbers import numbers_of
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.core.sketch.weighted_points import Extents
from gmm_pipeline.errors import ColumnDataError

_ROUNDING_32, _ROUNDING_64 = 2.0**-25, 2.0**-54
"""Half the spacing of float32 and float64 just below 1: how far rounding moves an encoded value."""
_ARITHMETIC = 2.0**-52
"""Relative error of decoding, which rounds a product and a sum, by 2**-53 each."""
_QUARTER_STEP = 0.25
"""Snapping finds the right step up to half a step of error; half of that is left for encoding."""
_SAFE = 2.0**-10
"""Off a grid, values have to resolve a 1024th of the finest structure."""
_MANY_ROWS = 0.05
"""Share of the rows in the range that counts as the finest structure besides the narrowest mode."""


def with_narrowest_dtype(model: ColumnModel, sketch: Sketch) -> ColumnModel:
    """Return a model that writes values in the narrowest dtype that tells them apart."""
    return replace(model, rules=replace(model.rules, value_dtype=narrowest_dtype(model, sketch)))


def narrowest_dtype(model: ColumnModel, sketch: Sketch) -> ValueDtype:
    """Return float32 if it tells the column's values apart in any mode that may take them.

    On a grid, neighbouring steps have to differ at the largest value that a mode may write.
    Elsewhere, the widest mode has to resolve a small part of the narrowest one's width, and of the
    smallest range that holds many rows, because it may be the only mode that reaches them.

    Raises
    ------
    ColumnDataError
        If not even float64 tells the logarithms of neighbours apart.
    """
    if model.coordinate is None or not model.n_continuous:
        return "float32"
    extents = sketch.extents(numbers_of(model.finite_values, sketch.numbers.values.dtype))
    if model.coordinate.spacing(np.zeros(1))[0] > 0:
        modes: tuple[GaussianMode | TailMode, ...] = (*model.gaussians, *model.tails)
        if isinstance(model.coordinate, LogCoordinate) and not all(
            _resolves_grid(mode, model, extents.highs, _ROUNDING_64) for mode in modes
        ):
            raise ColumnDataError(
                "neighbouring numbers are so close that their logarithms cannot be told apart",
                remedy="Set transform = none",
            )
        fine = all(_resolves_grid(mode, model, extents.highs, _ROUNDING_32) for mode in modes)
        return "float32" if fine else "float64"
    if not model.gaussians:
        return "float32"
    finest = min(_densest_range(extents), *(mode.std for mode in model.gaussians))
    widest = max(mode.std for mode in model.gaussians)
    # Twice, as both ends of a distance are rounded.
    return "float32" if HALF_WIDTH_STDS * widest * 2 * _ROUNDING_32 < _SAFE * finest else "float64"


def _densest_range(extents: Extents) -> float:
    """Return the length of the smallest range that holds `_MANY_ROWS` of the rows.

    Single values do not count as ranges.
    """
    order = np.argsort(extents.lows, kind="stable")
    cumulative = np.cumsum(extents.weights[order])
    ends = np.searchsorted(cumulative, cumulative + _MANY_ROWS * cumulative[-1])
    starts = np.flatnonzero(ends < cumulative.size)
    lengths = extents.highs[order][ends[starts]] - extents.lows[order][starts]
    return float(lengths[lengths > 0].min(initial=math.inf))


def _resolves_grid(
    mode: GaussianMode | TailMode,
    model: ColumnModel,
    coordinates: NDArray[np.float64],
    rounding: float,
) -> bool:
    """Whether rounding encoded values moves no value of a mode by a quarter of a step."""
    if isinstance(mode, TailMode):
        low, high = mode.low, mode.high
    else:
        reach = REACH * HALF_WIDTH_STDS * mode.std
        low, high = mode.mean - reach, mode.mean + reach
    # With clipping, a mode may take values far above its reach, where a log grid is finest.
    if model.rules.extremes == "clip":
        high = math.inf
    taken = coordinates[(coordinates >= low) & (coordinates <= high)]
    if not taken.size or model.coordinate is None:
        return True
    steps = model.coordinate.spacing(taken)
    return bool(np.all(_errors(mode, taken, rounding) < _QUARTER_STEP * steps))


def _errors(
    mode: GaussianMode | TailMode, x: NDArray[np.float64], rounding: float
) -> NDArray[np.float64]:
    """Return how far rounding moves decoded coordinates x of a mode, shape (n,)."""
    arithmetic = np.abs(x) * _ARITHMETIC
    if isinstance(mode, GaussianMode):
        return HALF_WIDTH_STDS * mode.std * rounding + arithmetic
    if mode.direction == 0:
        return mode.half_width / mode.bound * rounding + arithmetic
    # On a logarithmic scale the error grows with the distance from the anchor.
    distances = np.abs(x - mode.anchor)
    nearest, furthest = sorted((abs(mode.low - mode.anchor), abs(mode.high - mode.anchor)))
    return distances * math.log(furthest / nearest) / 2 / mode.bound * rounding + arithmetic

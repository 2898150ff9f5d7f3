"""Whether the numbers of a model that was read from somewhere can be those of a fitted column."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gmm_pipeline.core.modes.column_model import ColumnModel

_ROUNDING = 1e-9
"""By which a weight that is a sum of shares may exceed 1."""


def check_model(model: ColumnModel) -> None:
    """Raise ValueError if modes have widths, places or weights that no mode has."""
    if not model.modes:
        raise ValueError("no modes")
    _check_finite("a mean", (mode.mean for mode in model.gaussians))
    for mode in model.gaussians:
        _check_positive("a standard deviation", mode.std)
    for tail in model.tails:
        _check_finite("an end of a tail", (tail.low, tail.high, tail.anchor))
        _check_positive("the width of a tail", tail.high - tail.low)
        _check_positive("the bound of a tail", tail.bound)
    for each in model.modes:
        if not 0 <= each.weight <= 1 + _ROUNDING:
            raise ValueError(f"a weight is {each.weight}")
    if model.n_continuous:
        _check_finite("an end of the range", model.range)


def _check_finite(what: str, numbers: Iterable[float]) -> None:
    for number in numbers:
        if not math.isfinite(number):
            raise ValueError(f"{what} is {number}")


def _check_positive(what: str, number: float) -> None:
    if not number > 0:
        raise ValueError(f"{what} is {number}")

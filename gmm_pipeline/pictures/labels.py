"""Labels that do not cover each other, and the texts of atoms."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.column_types import labels_of, value_type
from gmm_pipeline.arrow.numeric_types import counts_units, from_numbers, texts_of
from gmm_pipeline.core.sketch.sketch import Label
from gmm_pipeline.pictures import svg

_TRIES = 4
_LINE = 12.0


class Labels:
    """The labels of a picture that were put so far."""

    def __init__(self) -> None:
        self._boxes: list[tuple[float, float, float, float]] = []

    def put(
        self,
        x: float,
        y: float,
        text: str,
        fill: str,
        *,
        lowest: float,
        weight: Literal["normal", "bold"] = "normal",
    ) -> str:
        """Return a label centred on x with its baseline at y or higher up; nothing if that is not
        below `lowest`.
        """
        half = svg.width_of(text) / 2 + 2
        for attempt in range(_TRIES):
            base = y - attempt * _LINE
            box = (x - half, base - svg.FONT_SIZE, x + half, base + 2)
            if base < lowest:
                break
            if not any(_overlap(box, other) for other in self._boxes):
                self._boxes.append(box)
                return svg.text(x, base, text, anchor="middle", fill=fill, weight=weight)
        return ""


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def atom_text(value: Label | None, field: pa.Field) -> str:
    """Return the value of an atom as text in the column's type."""
    if value is None:
        return "null"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    plain = value_type(field.type)
    if not counts_units(plain):
        return str(labels_of([value], field)[0].as_py())
    return str(texts_of(from_numbers(np.array([value], dtype=np.int64), None, plain))[0])

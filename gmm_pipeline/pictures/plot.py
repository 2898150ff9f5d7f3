"""The parts that a picture of numbers consists of, and labels that do not cover each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.number_line import NumberLine
from gmm_pipeline.pictures.panels import Panel, ShareAxis
from gmm_pipeline.pictures.units import Units

WIDTH, HEIGHT = 700.0, 322.0
"""Fits beside Dagster's menus on a laptop, and on a printed page."""
LEFT, RIGHT, TOP, BOTTOM = 62.0, 14.0, 44.0, 54.0
"""Around the panels: shares left, legend above, values and notes below."""
MARGIN = 12.0
"""Around everything."""
GAP = 22.0
"""Between panels: room for the mark of what is left out."""
_TRIES = 4
"""A label goes up by at most three lines: further up it would not be seen what it belongs to."""
_LINE = 13.0
"""From one line of text to the next: font size and rim."""
_BLANK = 4.0
"""Between two labels on a line."""

Label = tuple[float, float, str, str]
"""Middle, baseline, text, colour."""


@dataclass
class Labels:
    """The labels of a picture so far, by the boxes that they take."""

    _boxes: list[tuple[float, float, float]] = field(default_factory=list)

    def place(
        self, labels: Iterable[Label], tries: int = _TRIES, left: float = LEFT
    ) -> Iterator[str]:
        """Write labels, right of `left`, on their line or the next free one of `tries` lines above.

        Earlier labels have precedence; those without room are left out.
        """
        for x, y, text, fill in labels:
            half = svg.width_of(text) / 2
            middle = min(max(x, left + half), WIDTH - half - 2)
            lines = (y - attempt * _LINE for attempt in range(tries))
            free = (line for line in lines if line >= TOP and self._is_free(middle, line, half))
            line = next(free, None)
            if line is not None:
                self._boxes.append((middle, line, half))
                yield svg.text(middle, line, text, fill, "middle")

    def _is_free(self, x: float, y: float, half: float) -> bool:
        return not any(
            abs(x - other_x) < half + other_half + _BLANK and abs(y - other_y) < _LINE
            for other_x, other_y, other_half in self._boxes
        )


@dataclass(frozen=True)
class Plot:
    """A column of numbers, and where it is drawn.

    Parameters
    ----------
    model : ColumnModel
    field : pa.Field
        Name and type of the column.
    line : NumberLine
    units : Units
    panels : list of Panel
        At least one.
    shares : ShareAxis
    labels : Labels
    """

    model: ColumnModel
    field: pa.Field
    line: NumberLine
    units: Units
    panels: list[Panel]
    shares: ShareAxis
    labels: Labels

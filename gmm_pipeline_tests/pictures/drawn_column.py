"""A column in memory, sketched, fitted and ranked, as pictures are drawn of it."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gmm_pipeline.arrow.memory_column import MemoryColumn
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import Ranking, rank_modes
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.fits.fitting import fit_modes, sketch_request
from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.pictures.column import column_picture, column_thumbnail

_COMMANDS = re.compile(r"([MLHVlhvZz])([^MLHVlhvZz]*)")
_NUMBERS = re.compile(r"-?\d*\.?\d+")


@dataclass(frozen=True)
class DrawnColumn:
    model: ColumnModel
    sketch: Sketch
    ranking: Ranking
    field: pa.Field

    @classmethod
    def of(cls, values: Any, name: str = "x", **settings: Any) -> "DrawnColumn":
        array = values if isinstance(values, pa.Array) else pa.array(values)
        field = pa.field(name, array.type)
        given = ColumnSettings(**settings)
        sketch = LocalEngine().sketch(
            MemoryColumn(field, pa.chunked_array([array])), sketch_request(given)
        )
        model = fit_modes(sketch, field, given)
        return cls(model, sketch, rank_modes(model, sketch), field)

    def picture(self) -> str:
        return column_picture(self.model, self.sketch, self.ranking, self.field)

    def thumbnail(self) -> str:
        return column_thumbnail(self.model, self.sketch, self.ranking)


def texts(picture: str) -> list[str]:
    """Return the texts of a picture; raise if it is no well-formed XML."""
    root = ET.fromstring(picture)  # noqa: S314
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def numbers_of_attributes(picture: str) -> list[float]:
    """Return every number by which a picture places something, those of paths from its corner."""
    root = ET.fromstring(picture)  # noqa: S314
    placed = ("x", "y", "width", "height")
    given = [element.get(name, "") for element in root.iter() for name in placed]
    numbers = [
        float(number) for text in given if "%" not in text for number in _NUMBERS.findall(text)
    ]
    return numbers + [number for element in root.iter() for number in _ends(element.get("d", ""))]


def _ends(path: str) -> list[float]:
    """Return the coordinates that the lines of a path reach."""
    x = y = start_x = start_y = 0.0
    ends: list[float] = []
    for command, text in _COMMANDS.findall(path):
        numbers = [float(number) for number in _NUMBERS.findall(text)]
        if command in "Zz":
            x, y = start_x, start_y
        elif command in "Hh":
            x = numbers[0] + (x if command == "h" else 0)
        elif command in "Vv":
            y = numbers[0] + (y if command == "v" else 0)
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=False):
            x, y = (x + dx, y + dy) if command == "l" else (dx, dy)
            ends += [x, y]
        if command == "M":
            start_x, start_y = x, y
        ends += [x, y]
    return ends

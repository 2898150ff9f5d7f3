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

_PIXELS = re.compile(r"-?\d*\.?\d+")


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

    def picture(self, title: str | None = None) -> str:
        return column_picture(self.model, self.sketch, self.ranking, self.field, title=title)

    def thumbnail(self) -> str:
        return column_thumbnail(self.model, self.sketch, self.ranking)


def texts(picture: str) -> list[str]:
    """Return the texts of a picture; raise if it is no well-formed XML."""
    root = ET.fromstring(picture)  # noqa: S314
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def numbers_of_attributes(picture: str) -> list[float]:
    """Return every number by which a picture places something."""
    root = ET.fromstring(picture)  # noqa: S314
    placed = ("d", "x", "y", "width", "height", "cx", "cy")
    given = [element.get(name, "") for element in root.iter() for name in placed]
    return [float(number) for text in given if "%" not in text for number in _PIXELS.findall(text)]

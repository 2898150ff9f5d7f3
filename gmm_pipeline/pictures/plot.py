"""All that the parts of a column's picture share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.panels import Panel, ShareAxis
from gmm_pipeline.pictures.rows import NumberRows
from gmm_pipeline.pictures.ruler import Ruler

WIDTH = 700.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 14.0, 44.0, 54.0
"""Margins around the panels."""
GAP = 22.0
"""Between panels."""
MARGIN = 12.0
"""Around everything."""


@dataclass(frozen=True)
class Plot:
    """A column, its rows, and where they are drawn.

    Parameters
    ----------
    model : ColumnModel
    field : pa.Field
    rows : NumberRows
    ruler : Ruler
    panels : sequence of Panel
        One at least.
    shares : ShareAxis
    """

    model: ColumnModel
    field: pa.Field
    rows: NumberRows
    ruler: Ruler
    panels: Sequence[Panel]
    shares: ShareAxis

    def colour(self, mode: int) -> str:
        """Return the colour of a Gaussian mode."""
        return svg.COMPONENTS[mode % len(svg.COMPONENTS)]

    @property
    def lowest_visible(self) -> float:
        """The smallest share that can be seen."""
        return self.shares.floor or self.shares.ceiling / 400

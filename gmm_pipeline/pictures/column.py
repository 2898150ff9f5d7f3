"""The picture of a column, whatever its kind."""

from __future__ import annotations

import pyarrow as pa

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.pictures.bars import atoms_picture, atoms_thumbnail
from gmm_pipeline.pictures.density import density_picture, density_thumbnail


def column_picture(model: ColumnModel, sketch: Sketch, ranking: Ranking, field: pa.Field) -> str:
    """Draw rows and modes as SVG: on a number line, or as bars if the column has atoms alone.

    Parameters
    ----------
    model : ColumnModel
    sketch : Sketch
        The rows: those that the model was fitted to, or those that the column has by now.
    ranking : Ranking
    field : pa.Field
        Name and type of the column.
    """
    if model.n_continuous:
        return density_picture(model, sketch, ranking, field)
    return atoms_picture(model, ranking, field)


def column_thumbnail(model: ColumnModel, sketch: Sketch, ranking: Ranking) -> str:
    """Draw the same small, without text."""
    if model.n_continuous:
        return density_thumbnail(model, sketch, ranking)
    return atoms_thumbnail(model, ranking)

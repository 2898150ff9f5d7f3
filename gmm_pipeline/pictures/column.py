"""The picture of a column, whatever its kind."""

from __future__ import annotations

import pyarrow as pa

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.pictures.bars import atoms_picture, atoms_thumbnail
from gmm_pipeline.pictures.density import density_picture, density_thumbnail


def column_picture(
    model: ColumnModel,
    sketch: Sketch,
    ranking: Ranking,
    field: pa.Field,
    *,
    title: str | None = None,
) -> str:
    """Draw a column's rows and modes: on a line if they are on one, as bars if it has atoms alone.

    Parameters
    ----------
    model : ColumnModel
    sketch : Sketch
        That the model was fitted to.
    ranking : Ranking
    field : pa.Field
        The column's name and type.
    title : str, optional
    """
    if model.n_continuous:
        return density_picture(model, sketch, ranking, field, title=title)
    return atoms_picture(model, ranking, field, title=title)


def column_thumbnail(model: ColumnModel, sketch: Sketch, ranking: Ranking) -> str:
    """Draw the same small, without text."""
    return (
        density_thumbnail(model, sketch, ranking)
        if model.n_continuous
        else atoms_thumbnail(model, ranking)
    )

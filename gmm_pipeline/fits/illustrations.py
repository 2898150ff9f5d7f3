"""Pictures and tables of a column's results, as Markdown for Dagster's web UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gmm_pipeline.arrow.parquet import read_table
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, SKETCH, TRANSFORMED, Stage
from gmm_pipeline.pictures.bars import frequencies_picture
from gmm_pipeline.pictures.column import column_picture
from gmm_pipeline.pictures.markdown import markdown_image, modes_table
from gmm_pipeline.pictures.units import Units
from gmm_pipeline.store.model_files import MODEL_FILE, read_model
from gmm_pipeline.store.ranking_files import RANKING_FILE, ranking_table
from gmm_pipeline.store.sketch_files import FITTED_SKETCH_FILE, SKETCH_FILE, read_sketch

if TYPE_CHECKING:
    import pyarrow as pa

    from gmm_pipeline.store.column_folder import ColumnFolder
    from gmm_pipeline.store.result import Illustrator, Result

_NAMES = {"gaussian": "Gaussian mode", "atom": "null"}
"""What to call modes without a value, by type; tails and rare categories are called by it."""


def of_model(sketch: Result) -> Illustrator:
    """Return a function that illustrates a model with the rows of a sketch."""
    return partial(_model_illustrations, sketch)


def of_transformed(feature_rank: Result) -> Illustrator:
    """Return a function that illustrates encoded rows: how frequent modes are, and should be."""
    return partial(_transformed_illustrations, feature_rank)


def illustrate_stored(stage: Stage, column: ColumnFolder) -> Mapping[str, str]:
    """Illustrate the newest result of a stage, if it has pictures and can be drawn."""
    if stage is MODEL:
        draw = of_model(column.require(SKETCH.name))
    elif stage is TRANSFORMED:
        draw = of_transformed(column.require(FEATURE_RANK.name))
    else:
        return {}
    return draw(column.require(stage.name))


def observed_frequencies(rows: int, counted: Sequence[int], modes: pa.Table) -> str:
    """Draw the observed shares of rows of the first modes beside the expected ones, as SVG.

    Parameters
    ----------
    rows : int
        All rows.
    counted : sequence of int
        The rows of each of the first ranks.
    modes : pyarrow.Table
        A `ranking_table`.
    """
    modes = modes.slice(0, len(counted))
    observed = np.array(counted, dtype=np.float64) / max(rows, 1)
    types, values = (modes[name].to_pylist() for name in ("type", "value"))
    names = [value or _NAMES.get(type_, type_) for type_, value in zip(types, values, strict=True)]
    return frequencies_picture(observed, modes["frequency"].to_numpy(), names)


def _model_illustrations(sketch: Result, result: Result) -> Mapping[str, str]:
    stored = read_model(result.checked_file(MODEL_FILE))
    fitted = read_sketch(result.file(FITTED_SKETCH_FILE))
    ranking = rank_modes(stored.model, fitted)
    # A model that is kept when rows are added is shown with all rows.
    rows = read_sketch(sketch.file(SKETCH_FILE))
    drawn = column_picture(stored.model, rows, ranking, stored.field)
    return {
        "picture": markdown_image(drawn, f"rows and modes of {stored.model.column}"),
        "modes_by_rank": modes_table(
            ranking_table(stored, ranking), Units.of(stored.model.coordinate, stored.field)
        ),
    }


def _transformed_illustrations(feature_rank: Result, result: Result) -> Mapping[str, str]:
    counted = result.manifest.summary["frequencies"]
    if not isinstance(counted, list):
        return {}
    modes = read_table(feature_rank.file(RANKING_FILE))
    drawn = observed_frequencies(result.manifest.rows, [int(str(n)) for n in counted], modes)
    alt = f"frequencies of the modes of {result.manifest.column}"
    return {"frequencies_picture": markdown_image(drawn, alt)}

"""What a column's results look like: pictures and tables as Markdown, for the pages of Dagster's
web UI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gmm_pipeline.core.modes.ranking import Ranking, rank_modes
from gmm_pipeline.pictures.bars import frequencies_picture
from gmm_pipeline.pictures.column import column_picture
from gmm_pipeline.pictures.likelihood import likelihood_picture
from gmm_pipeline.pictures.markdown import markdown_image, modes_table
from gmm_pipeline.store.model_files import MODEL_FILE, read_model
from gmm_pipeline.store.ranking_files import RANKING_FILE, ranking_table, read_ranking
from gmm_pipeline.store.sketch_files import FITTED_SKETCH_FILE, SKETCH_FILE, read_sketch

if TYPE_CHECKING:
    import pyarrow as pa

    from gmm_pipeline.store.result import Illustrate, Result

_MODE_NAMES = {"gaussian": "Gaussian mode", "atom": "null"}


def of_model(sketch: Result) -> Illustrate:
    """Return what illustrates a model: the rows of a sketch with its modes, the modes as a table,
    the likelihood.
    """
    return partial(_model_illustrations, sketch)


def of_transformed(model: Result, feature_rank: Result) -> Illustrate:
    """Return what illustrates encoded rows: how often each mode occurs, beside how often it was
    expected to.
    """
    return partial(_transformed_illustrations, model, feature_rank)


def observed_frequencies(
    rows: int, counted: Sequence[int], ranking: Ranking, modes: pa.Table
) -> str:
    """Draw the share of rows that modes have beside the expected one.

    Parameters
    ----------
    rows : int
        All rows.
    counted : sequence of int
        Those of the first ranks.
    ranking : Ranking
    modes : pyarrow.Table
        As `ranking_table` makes it.
    """
    observed = np.array(counted, dtype=np.float64) / max(rows, 1)
    names = [
        mode["value"] or _MODE_NAMES.get(mode["type"], mode["type"]) for mode in modes.to_pylist()
    ]
    return frequencies_picture(observed, ranking.frequencies[: observed.size], names)


def _model_illustrations(sketch: Result, result: Result) -> Mapping[str, str]:
    stored = read_model(result.checked_file(MODEL_FILE))
    ranking = rank_modes(stored.model, read_sketch(result.file(FITTED_SKETCH_FILE)))
    name = stored.model.column
    drawn = column_picture(
        stored.model, read_sketch(sketch.file(SKETCH_FILE)), ranking, stored.field
    )
    shown = {
        "picture": markdown_image(drawn, f"rows and modes of {name}"),
        "modes_by_rank": modes_table(ranking_table(stored, ranking)),
    }
    if stored.model.fit is not None:
        history = likelihood_picture(stored.model.fit.history)
        shown["likelihood"] = markdown_image(history, f"mean log-likelihood of {name} by iteration")
    return shown


def _transformed_illustrations(
    model: Result, feature_rank: Result, result: Result
) -> Mapping[str, str]:
    ranking = read_ranking(feature_rank.file(RANKING_FILE))
    modes = ranking_table(read_model(model.checked_file(MODEL_FILE)), ranking)
    counted = result.manifest.summary["frequencies"]
    if not isinstance(counted, list):
        return {}
    drawn = observed_frequencies(
        result.manifest.rows, [int(str(rows)) for rows in counted], ranking, modes
    )
    return {
        "frequencies_picture": markdown_image(
            drawn, f"frequencies of the modes of {result.manifest.column}"
        )
    }

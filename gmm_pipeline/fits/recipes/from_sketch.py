"""Recipes that read no rows: the model and the ranking, from the column's sketch."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.model_document import StoredModel
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.engines.engine import RowsFitter, no_rows_fitter
from gmm_pipeline.errors import RECOMPUTE, StoreError, in_column
from gmm_pipeline.fits import illustrations
from gmm_pipeline.fits.fitting import fit_modes
from gmm_pipeline.fits.refitting import decide
from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, SKETCH, TYPE
from gmm_pipeline.fits.stored_columns import original_field
from gmm_pipeline.fits.summaries import model_summary, ranking_summary
from gmm_pipeline.store.model_files import MODEL_FILE, read_model, write_model
from gmm_pipeline.store.ranking_files import write_ranking
from gmm_pipeline.store.result import Product, Result, StageOutput
from gmm_pipeline.store.sketch_files import FITTED_SKETCH_FILE, SKETCH_FILE, read_sketch

if TYPE_CHECKING:
    from pathlib import Path

    from gmm_pipeline.fits.settings import ColumnSettings


def model(
    raw: Result,
    sketch: Result,
    settings: ColumnSettings,
    last: Result | None = None,
    fit_rows: RowsFitter = no_rows_fitter,
) -> Product:
    """Return the recipe of a column's model: a new fit, or the last one if it suits the added rows.

    Parameters
    ----------
    raw, sketch : Result
    settings : ColumnSettings
    last : Result or None
        The column's last model. `refitting.decide` decides whether it stays in use.
    fit_rows : RowsFitter
        Fits the methods that need all rows instead of the sketch.
    """
    name = raw.manifest.column
    origin = MODEL.origin(
        {TYPE: str(raw.manifest.summary["type"]), SKETCH.name: sketch.manifest.content}, settings
    )
    decision = decide(last, sketch, origin, settings)
    model_in_use = None if decision.fit else last

    def write(folder: Path) -> StageOutput:
        if model_in_use is not None:
            return StageOutput({**model_in_use.manifest.summary, **decision.summary(settings)})
        with in_column(name):
            field = original_field(raw)
            new_model = fit_modes(read_sketch(sketch.file(SKETCH_FILE)), field, settings, fit_rows)
        write_model(folder, StoredModel(new_model, field))
        shutil.copyfile(sketch.file(SKETCH_FILE), folder / FITTED_SKETCH_FILE)
        return StageOutput({**model_summary(new_model), **decision.summary(settings)})

    return Product(
        column=name,
        stage=MODEL.name,
        origin=origin,
        rows=raw.manifest.rows if model_in_use is None else model_in_use.manifest.rows,
        write=write,
        columns={},
        keeps=model_in_use,
        illustrate=illustrations.of_model(sketch),
    )


def feature_rank(model: Result, settings: ColumnSettings, last: Result | None = None) -> Product:
    """Return the recipe of a ranking by the rows that the model was fitted to.

    The last ranking stays if it is of this model.
    """
    origin = FEATURE_RANK.origin({MODEL.name: model.manifest.content}, settings)
    ranking_in_use = last if last is not None and last.manifest.origin == origin else None

    def write(folder: Path) -> StageOutput:
        if ranking_in_use is not None:
            return StageOutput(ranking_in_use.manifest.summary)
        if FITTED_SKETCH_FILE not in model.manifest.files:
            raise StoreError(
                f"{model.folder} does not hold the sketch that it was fitted to",
                column=model.manifest.column,
                remedy=f"Fit it again: {RECOMPUTE}",
            )
        stored = read_model(model.checked_file(MODEL_FILE))
        ranking = rank_modes(stored.model, read_sketch(model.file(FITTED_SKETCH_FILE)))
        write_ranking(folder, stored, ranking)
        return StageOutput(ranking_summary(stored, ranking))

    return Product(
        column=model.manifest.column,
        stage=FEATURE_RANK.name,
        origin=origin,
        rows=model.manifest.rows,
        write=write,
        columns={},
        keeps=ranking_in_use,
    )

"""Publishing a column that was fitted outside of a store, and so without its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, SKETCH
from gmm_pipeline.fits.summaries import model_summary, ranking_summary, sketch_summary
from gmm_pipeline.store.manifest import Manifest, Origin
from gmm_pipeline.store.model_files import write_model
from gmm_pipeline.store.ranking_files import write_ranking
from gmm_pipeline.store.result import Product, StageOutput
from gmm_pipeline.store.sketch_files import FITTED_SKETCH_FILE, SKETCH_FILE, write_sketch

if TYPE_CHECKING:
    from pathlib import Path

    from gmm_pipeline.fits.settings import ColumnSettings
    from gmm_pipeline.store.column_folder import ColumnFolder
    from gmm_pipeline.store.fit_view import ColumnFit


def publish_without_rows(
    column: ColumnFolder, fit: ColumnFit, settings: ColumnSettings
) -> dict[str, Manifest]:
    """Publish a column's sketch, if there is one, its model and its ranking.

    Returns the manifests by stage. Each names the content of the one before, so that results of two
    fits are never taken for those of one.
    """
    model, sketch = fit.stored.model, fit.sketch()

    def write_fit_model(folder: Path) -> StageOutput:
        write_model(folder, fit.stored)
        if sketch is not None:
            write_sketch(folder / FITTED_SKETCH_FILE, sketch)
        return StageOutput(model_summary(model))

    def write_fit_sketch(folder: Path) -> StageOutput:
        if sketch is None:
            raise ValueError("there is no sketch to write")
        write_sketch(folder / SKETCH_FILE, sketch)
        return StageOutput(sketch_summary(sketch))

    def write_fit_ranking(folder: Path) -> StageOutput:
        write_ranking(folder, fit.stored, fit.ranking)
        return StageOutput(ranking_summary(fit.stored, fit.ranking))

    writers = {MODEL: write_fit_model, FEATURE_RANK: write_fit_ranking}
    if sketch is not None:
        writers = {SKETCH: write_fit_sketch, **writers}
    published: dict[str, Manifest] = {}
    for stage, write in writers.items():
        origin = Origin(
            inputs={before: manifest.content for before, manifest in published.items()},
            settings=settings.model_dump(mode="json"),
        )
        product = Product(
            column=model.column,
            stage=stage.name,
            origin=origin,
            rows=model.rows,
            write=write,
            columns={},
        )
        published[stage.name] = column.publish(product).manifest
    return published

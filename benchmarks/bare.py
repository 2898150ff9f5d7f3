"""The stages of a column by themselves: what Dagster's assets do, without Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_pipeline.orchestration import recipes
from gmm_pipeline.orchestration.source_ledger import take_stock
from gmm_pipeline.orchestration.stages import MODEL, RAW, SKETCH, TRANSFORMED

if TYPE_CHECKING:
    from gmm_pipeline.engines.local.engine import LocalEngine
    from gmm_pipeline.orchestration.fit_spec import FitSpec
    from gmm_pipeline.orchestration.stages import Stage
    from gmm_pipeline.storage.result import Product, Result
    from gmm_pipeline.storage.store import FitFolder


def make_column(spec: FitSpec, folder: FitFolder, name: str, engine: LocalEngine, *, anew: bool = False) -> None:
    """Make all results of a column; the last ones are continued if files were added, unless it is to be made anew."""
    ledger = take_stock(spec.source, folder, accept=lambda _: True)
    source = spec.open(ledger, folder.staging).column(name)
    column, settings = folder.column(name), spec.settings.of(name)

    def last(stage: Stage) -> Result | None:
        return None if anew else column.result(stage.name)

    def made(product: Product) -> Result:
        column.publish(product)
        return column.require(product.stage)

    raw = made(recipes.raw(source, ledger.digests(spec.csv_nulls), settings, engine, last(RAW)))
    sketch = made(recipes.sketch(raw, settings, engine, last(SKETCH)))
    model = made(recipes.model(raw, sketch, settings, last(MODEL)))
    ranking = made(recipes.feature_rank(model, settings))
    made(recipes.transformed(raw, model, ranking, settings, engine, last(TRANSFORMED)))

"""All stages of a column: alone, or through Dagster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.prepare import Prepared
from gmm_pipeline.fits.progress import SilentProgress
from gmm_pipeline.fits.source_ledger import update_ledger
from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, RAW, SKETCH, STAGES, TRANSFORMED, Stage
from gmm_pipeline.orchestration.execution import DagsterRunner
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from gmm_pipeline.fits.progress import Progress
    from gmm_pipeline.store.fit_folder import FitFolder
    from gmm_pipeline.store.result import Result

Make = Callable[[Sequence[str]], None]
"""Makes all results of the columns that it is given."""


def without_dagster(spec: FitSpec, store: Path) -> Make:
    """Return a function that makes columns without Dagster, one after another."""
    folder, engine = Store(store).fit(spec.name), LocalEngine()
    save_spec(spec, folder)

    def make(columns: Sequence[str]) -> None:
        for column in columns:
            make_column(spec, folder, column, engine)

    return make


def through_dagster(spec: FitSpec, store: Path, progress: Progress | None = None) -> Make:
    """Return a function that makes columns concurrently through Dagster, as `run` does."""
    folder = Store(store).fit(spec.name)
    save_spec(spec, folder)
    runner = DagsterRunner(store)

    def make(columns: Sequence[str]) -> None:
        ledger = update_ledger(spec.source, folder, accept=lambda _: True)
        prepared = Prepared(spec, folder, ledger, spec.open(ledger, folder.staging))
        work = dict.fromkeys(columns, STAGES)
        for outcome in runner.run(prepared, work, progress or SilentProgress()):
            if outcome.error:
                raise RuntimeError(outcome.error)

    return make


def make_column(
    spec: FitSpec, folder: FitFolder, name: str, engine: Engine, *, refit: bool = False
) -> None:
    """Compute all results of a column; continue the last ones if files were added."""
    ledger = update_ledger(spec.source, folder, accept=lambda _: True)
    source = spec.open(ledger, folder.staging).column(name)
    column, settings = folder.column(name), spec.settings.of(name)

    def last(stage: Stage) -> Result | None:
        return None if refit else column.result(stage.name)

    raw = column.publish(recipes.raw(source, ledger.digests(spec.csv), settings, engine, last(RAW)))
    sketch = column.publish(recipes.sketch(raw, settings, engine, last(SKETCH)))
    model = column.publish(
        recipes.model(raw, sketch, settings, last(MODEL), engine.rows_fitter(source))
    )
    ranking = column.publish(recipes.feature_rank(model, settings, last(FEATURE_RANK)))
    column.publish(recipes.transformed(raw, model, ranking, settings, engine, last(TRANSFORMED)))

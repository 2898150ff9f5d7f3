"""Computes and publishes one stage of one column, for runs of columns and for Dagster's assets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, RAW, SKETCH, STAGES, Stage
from gmm_pipeline.fits.stored_columns import stored_column

if TYPE_CHECKING:
    from gmm_pipeline.core.mixture.fit_mixture import MixtureFit
    from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
    from gmm_pipeline.engines.engine import Engine
    from gmm_pipeline.fits.plan import ColumnStatus
    from gmm_pipeline.fits.prepare import Prepared
    from gmm_pipeline.fits.settings import ColumnSettings
    from gmm_pipeline.store.column_folder import ColumnFolder
    from gmm_pipeline.store.result import Product, Result


class Refit(StrEnum):
    """Which results a run computes without building on those that are there."""

    NONE = "none"
    MODEL = "model"
    ALL = "all"

    def covers(self, stage: Stage) -> bool:
        """Whether a stage ignores its last result."""
        return self is Refit.ALL or self.value == stage.name

    def stages(self, status: ColumnStatus) -> tuple[Stage, ...]:
        """Return the stages of a column that a run has to do."""
        first = next((stage for stage in STAGES if self.covers(stage)), None)
        again = () if first is None else STAGES[STAGES.index(first) :]
        return tuple(stage for stage in STAGES if stage in again or stage in status.to_do)


@dataclass(frozen=True)
class ColumnStages:
    """A column, and what its stages are computed with.

    Parameters
    ----------
    name : str
    folder : ColumnFolder
        Holds its results.
    settings : ColumnSettings
    engine : callable
        Returns the engine; only stages that pass over rows call it.
    source : callable
        Opens the fit's source; only the first stage calls it.
    """

    name: str
    folder: ColumnFolder
    settings: ColumnSettings
    engine: Callable[[], Engine]
    source: Callable[[], Prepared]

    def product(self, stage: Stage, refit: Refit) -> Product:
        """Return the recipe of a stage's result; a failure is recorded in the column's folder."""
        last = None if refit.covers(stage) else self.folder.result(stage.name)
        try:
            product = self._recipe(stage, last)
        except Exception as error:
            record_failure(self.folder, stage.name, error)
            raise
        # Where a source was written again with the same rows, the copy comes out the same, and
        # the stages after it keep their files.
        same = last is not None and last.manifest.origin == product.origin
        return replace(product, keeps=last) if same else product

    def _recipe(self, stage: Stage, last: Result | None) -> Product:
        require = self.folder.require
        if stage is RAW:
            return self.source().raw(self.name, self.engine(), last)
        if stage is SKETCH:
            return recipes.sketch(require(RAW.name), self.settings, self.engine(), last)
        if stage is MODEL:
            raw, sketch = require(RAW.name), require(SKETCH.name)
            return recipes.model(raw, sketch, self.settings, last, self._fit_rows)
        model = require(MODEL.name)
        if stage is FEATURE_RANK:
            return recipes.feature_rank(model, self.settings, last)
        raw, ranking = require(RAW.name), require(FEATURE_RANK.name)
        return recipes.transformed(raw, model, ranking, self.settings, self.engine(), last)

    def _fit_rows(self, points: WeightedPoints, **options: Any) -> MixtureFit:
        """Fit a mixture to all rows of the column's copy; see `RowsFitter`."""
        rows = stored_column(self.folder.require(RAW.name))
        return self.engine().rows_fitter(rows)(points, **options)


def publish(folder: ColumnFolder, product: Product) -> Result:
    """Write a product and put it in place; a failure is recorded in the column's folder."""
    try:
        result = folder.publish(product)
    except Exception as error:
        record_failure(folder, product.stage, error)
        raise
    if has_failed(folder, product.stage):
        folder.clear_failure()
    return result


def record_failure(folder: ColumnFolder, stage: str, error: Exception) -> None:
    """Remember why a stage failed; a disk that is full does not hide it."""
    with suppress(OSError):
        folder.record_failure(stage, error)


def has_failed(folder: ColumnFolder, stage: str) -> bool:
    """Whether the last failure that is recorded is one of this stage."""
    failure = folder.failure()
    return failure is not None and failure.stage == stage

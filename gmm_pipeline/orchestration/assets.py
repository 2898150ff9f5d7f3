"""The five assets of a dataset, partitioned by column. Each is a recipe from `recipes`; the IO
manager makes it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.fits.source_ledger import update_ledger
from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, RAW, SKETCH, TRANSFORMED, Stage
from gmm_pipeline.orchestration.checks import check_specs, judged
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.engines import EngineResource
from gmm_pipeline.orchestration.io_managers import STAGE_METADATA
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.result import Product, Result
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.files import looks_complete

IO_MANAGER = "gmm_results"
REFIT_TAG = "gmm_pipeline/refit"
REFIT_ALL = "all"
"""The tag of runs that do not build on what there is: `model` fits again, `all` makes everything
anew.
"""
Made = Iterator[Any]
"""What assets yield: a product, and verdicts on it."""


class StoreResource(dg.ConfigurableResource[None]):
    """The folder of all fits."""

    path: str

    def fit(self, name: str) -> FitFolder:
        """Return the folder of a fit."""
        return Store(Path(self.path)).fit(name)


def partitions_of(fit: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a fit: one per column, by encoded name."""
    return dg.DynamicPartitionsDefinition(name=f"{fit}_columns")


def build_assets(dataset: Dataset) -> list[dg.AssetsDefinition]:
    """Return the assets of a dataset."""

    def settings_of(result: Result) -> ColumnSettings:
        return dataset.spec().settings.of(result.manifest.column)

    @_stage_asset(dataset, RAW, "The column as it is in the source, in checksummed Parquet.")
    def raw(
        context: dg.AssetExecutionContext, gmm_store: StoreResource, gmm_engine: EngineResource
    ) -> Made:
        folder, engine = gmm_store.fit(dataset.name), gmm_engine.engine(dataset.spec())
        yield from _made(
            dataset,
            context,
            gmm_store,
            RAW,
            lambda last: _raw(dataset, folder, context.partition_key, engine, last),
        )

    @_stage_asset(
        dataset, SKETCH, "Counts of values or grid cells: all that is needed to fit the column."
    )
    def sketch(
        context: dg.AssetExecutionContext,
        gmm_store: StoreResource,
        gmm_engine: EngineResource,
        raw: Result,
    ) -> Made:
        engine = gmm_engine.engine(dataset.spec())
        yield from _made(
            dataset,
            context,
            gmm_store,
            SKETCH,
            lambda last: recipes.sketch(raw, settings_of(raw), engine, last),
        )

    @_stage_asset(dataset, MODEL, "The column's modes: Gaussian components, tails and atoms.")
    def gmm_model(
        context: dg.AssetExecutionContext,
        gmm_store: StoreResource,
        gmm_engine: EngineResource,
        raw: Result,
        sketch: Result,
    ) -> Made:
        settings, fit_rows = settings_of(raw), partial(gmm_engine.fit_rows, dataset.spec(), raw)
        yield from _made(
            dataset,
            context,
            gmm_store,
            MODEL,
            lambda last: recipes.model(raw, sketch, settings, last, fit_rows),
        )

    @_stage_asset(dataset, FEATURE_RANK, "The modes in the order of their expected frequency.")
    def feature_rank(
        context: dg.AssetExecutionContext, gmm_store: StoreResource, gmm_model: Result
    ) -> Made:
        yield from _made(
            dataset,
            context,
            gmm_store,
            FEATURE_RANK,
            lambda last: recipes.feature_rank(gmm_model, settings_of(gmm_model), last),
        )

    @_stage_asset(
        dataset, TRANSFORMED, "Every row as value and rank, compared with what it decodes to."
    )
    def transformed(
        context: dg.AssetExecutionContext,
        gmm_store: StoreResource,
        gmm_engine: EngineResource,
        raw: Result,
        gmm_model: Result,
        feature_rank: Result,
    ) -> Made:
        engine = gmm_engine.engine(dataset.spec())
        yield from _made(
            dataset,
            context,
            gmm_store,
            TRANSFORMED,
            lambda last: recipes.transformed(
                raw, gmm_model, feature_rank, settings_of(raw), engine, last
            ),
        )

    return [raw, sketch, gmm_model, feature_rank, transformed]


def job_name(fit: str) -> str:
    """Return the name of the job that makes all results of a column."""
    return f"{fit}_job"


def asset_key(fit: str, stage: Stage) -> dg.AssetKey:
    """Return the key of a stage's asset."""
    return dg.AssetKey([fit, stage.asset])


def _stage_asset(
    dataset: Dataset, stage: Stage, description: str
) -> Callable[[Callable[..., Made]], dg.AssetsDefinition]:
    key = asset_key(dataset.name, stage)
    return dg.asset(
        key=key,
        partitions_def=partitions_of(dataset.name),
        group_name=dataset.name,
        io_manager_key=IO_MANAGER,
        metadata={STAGE_METADATA: stage.name},
        description="\n\n".join(filter(None, [description, dataset.description])),
        owners=list(dataset.owners),
        kinds={"parquet"},
        code_version=str(stage.settings),
        check_specs=check_specs(stage, key, partitions_of(dataset.name), dataset.blocking),
    )


def _made(
    dataset: Dataset,
    context: dg.AssetExecutionContext,
    store: StoreResource,
    stage: Stage,
    make: Callable[[Result | None], Product],
) -> Made:
    """Yield a product made beside the stage's last result, and verdicts on it once it is
    published.
    """
    column = store.fit(dataset.name).column_of_key(context.partition_key)
    anew = context.run.tags.get(REFIT_TAG) in {REFIT_ALL, stage.name}
    last = None if anew else column.result(stage.name)
    with _remembering(column, stage):
        product = make(last)
    # Where a source was written anew, the stages after the copies that came out the same have
    # nothing to do.
    yield dg.Output(
        replace(product, keeps=last) if last and last.manifest.origin == product.origin else product
    )
    yield from judged(stage, column, dataset.blocking)


def _raw(
    dataset: Dataset, folder: FitFolder, partition_key: str, engine: Engine, last: Result | None
) -> Product:
    spec = dataset.spec()
    name = spec.column_of(partition_key)
    ledger = update_ledger(spec.source, folder, looks_complete)
    column = spec.open(ledger, folder.staging).column(name)
    return recipes.raw(column, ledger.digests(spec.csv_nulls), spec.settings.of(name), engine, last)


@contextmanager
def _remembering(column: ColumnFolder, stage: Stage) -> Iterator[None]:
    """Record a failure that comes before anything is made."""
    try:
        yield
    except Exception as error:
        column.record_failure(stage.name, error)
        raise

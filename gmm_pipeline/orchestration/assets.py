"""The five assets of a dataset, partitioned by column: one for each stage."""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import dagster as dg

from gmm_pipeline.fits.checks import judge
from gmm_pipeline.fits.column_stages import ColumnStages, Refit
from gmm_pipeline.fits.prepare import prepare_stored
from gmm_pipeline.fits.snapshots import commit
from gmm_pipeline.fits.stages import (
    FEATURE_RANK,
    MODEL,
    RAW,
    SKETCH,
    SOURCE,
    STAGES,
    TRANSFORMED,
    TYPE,
    Stage,
)
from gmm_pipeline.orchestration.checks import check_specs, completion_fields, verdict_fields
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.engines import EngineResource
from gmm_pipeline.orchestration.failures import errors_as_failures
from gmm_pipeline.orchestration.io_managers import STAGE_METADATA
from gmm_pipeline.orchestration.metadata import definition_metadata
from gmm_pipeline.orchestration.partition_keys import column_of, partitions_of
from gmm_pipeline.orchestration.source_asset import source_key, source_observation
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store

IO_MANAGER = "gmm_results"
REFIT_TAG = "gmm_pipeline/refit"
"""The tag of a run that says what it computes anew: a value of `Refit`."""
_DESCRIPTIONS = {
    RAW: "The column as it is in the source, in checksummed Parquet.",
    SKETCH: "Counts of values or of grid cells: all that a fit of the column needs.",
    MODEL: "The column's modes: Gaussian components, tails and atoms.",
    FEATURE_RANK: "The modes, ordered by their expected frequency.",
    TRANSFORMED: "Every row as value and rank, compared with what it decodes to.",
}
_PASSES_OVER_ROWS = (RAW, SKETCH, TRANSFORMED)
_KINDS = {
    RAW: {"parquet", "polars"},
    SKETCH: {"parquet", "numba"},
    MODEL: {"json", "spark"},
    FEATURE_RANK: {"parquet", "polars"},
    TRANSFORMED: {"parquet", "polars"},
}
"""The files of each asset, and the library that they are read with if nothing else is asked for."""


class StoreResource(dg.ConfigurableResource[None]):
    """The folder of all fits."""

    path: str

    def fit(self, name: str) -> FitFolder:
        """Return the folder of a fit."""
        return Store(Path(self.path)).fit(name)


def build_assets(dataset: Dataset) -> list[dg.AssetsDefinition]:
    """Return the assets of a dataset, in the order of the stages."""
    return [_stage_asset(dataset, stage) for stage in STAGES]


def job_name(fit: str) -> str:
    """Return the name of the job that computes all results of one column."""
    return f"{fit}_job"


def asset_key(fit: str, stage: Stage) -> dg.AssetKey:
    """Return the key of a stage's asset."""
    return dg.AssetKey([fit, stage.asset])


def refit_of(run: dg.DagsterRun) -> Refit:
    """Return what a run computes anew."""
    return Refit(run.tags.get(REFIT_TAG, Refit.NONE.value))


def _stage_asset(dataset: Dataset, stage: Stage) -> dg.AssetsDefinition:
    key, partitions = asset_key(dataset.name, stage), partitions_of(dataset.name)

    @dg.asset(
        key=key,
        deps=_inputs(dataset.name, stage),
        partitions_def=partitions,
        group_name=dataset.name,
        io_manager_key=IO_MANAGER,
        metadata={STAGE_METADATA: stage.name, **definition_metadata(stage)},
        description="\n\n".join(filter(None, [_DESCRIPTIONS[stage], dataset.description])),
        owners=list(dataset.owners),
        kinds=_kinds(dataset, stage),
        pool=dataset.pool,
        code_version=str(stage.settings),
        check_specs=check_specs(stage, key, partitions, dataset.blocking),
    )
    def stage_asset(
        context: dg.AssetExecutionContext, gmm_store: StoreResource, gmm_engine: EngineResource
    ) -> Iterator[Any]:
        with errors_as_failures():
            spec, fit = dataset.spec(), gmm_store.fit(dataset.name)
            name = column_of(context.partition_key, spec.columns)
            source = cache(partial(prepare_stored, spec, fit))
            column = ColumnStages(
                name,
                fit.column(name),
                spec.settings.of(name),
                partial(gmm_engine.engine, spec),
                source,
            )
            product = column.product(stage, refit_of(context.run))
        if stage is RAW:
            context.log_event(source_observation(source()))
        yield dg.Output(product)
        # The IO manager has published the result by now.
        with errors_as_failures():
            commit(spec, fit, [name])
        for check, verdict in judge(stage, column.folder).items():
            fields = verdict_fields(name, check, verdict, dataset.blocking)
            yield dg.AssetCheckResult(**fields)
        yield dg.AssetCheckResult(**completion_fields(name, None))

    return stage_asset


def _inputs(fit: str, stage: Stage) -> list[dg.AssetKey]:
    """Return the assets that a stage is computed from; the copy tells the column's type."""
    source = [source_key(fit)] if SOURCE in stage.inputs else []
    names = {RAW.name if name == TYPE else name for name in stage.inputs}
    return [*source, *(asset_key(fit, each) for each in STAGES if each.name in names)]


def _kinds(dataset: Dataset, stage: Stage) -> set[str]:
    """Return what Dagster shows an asset to be made of, and by."""
    by_spark = dataset.engine == "spark" and stage in _PASSES_OVER_ROWS
    return {*_KINDS[stage], *(["spark"] if by_spark else [])}

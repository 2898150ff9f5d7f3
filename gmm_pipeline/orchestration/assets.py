"""The five assets of a fit, partitioned by column. Each is a recipe from `recipes`; the IO manager makes it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.orchestration import recipes
from gmm_pipeline.orchestration.fit_spec import FitSpec
from gmm_pipeline.orchestration.settings import ColumnSettings
from gmm_pipeline.orchestration.stages import FEATURE_RANK, MODEL, RAW, SKETCH, TRANSFORMED, Stage
from gmm_pipeline.storage.column_folder import ColumnFolder, Product, Result
from gmm_pipeline.storage.io_managers import STAGE_METADATA
from gmm_pipeline.storage.store import FitFolder, Store

IO_MANAGER = "results"
SpecSource = Callable[[], FitSpec]


class StoreResource(dg.ConfigurableResource[None]):
    """The folder of all fits."""

    path: str

    def fit(self, name: str) -> FitFolder:
        """Return the folder of a fit."""
        return Store(Path(self.path)).fit(name)


class LocalEngineResource(dg.ConfigurableResource[None]):
    """The engine of this machine; `threads` of 0 means one per core."""

    threads: int = 0

    def engine(self) -> LocalEngine:
        """Return the engine."""
        return LocalEngine(self.threads or None)


def partitions_of(fit: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a fit: one per column, by encoded name."""
    return dg.DynamicPartitionsDefinition(name=f"{fit}_columns")


def build_assets(fit: str, spec_source: SpecSource) -> list[dg.AssetsDefinition]:
    """Return the assets of a fit.

    Parameters
    ----------
    fit : str
        Its name, which is the prefix of the asset keys.
    spec_source : callable
        Returns what the fit is made from, as it is when an asset runs.
    """
    partitions = partitions_of(fit)

    def stage_asset(stage: Stage, description: str) -> Callable[[Callable[..., Product]], dg.AssetsDefinition]:
        return dg.asset(
            name=stage.asset,
            key_prefix=fit,
            partitions_def=partitions,
            group_name=fit,
            io_manager_key=IO_MANAGER,
            metadata={STAGE_METADATA: stage.name},
            description=description,
            kinds={"parquet"} if stage is not MODEL else {"spark"},
            code_version=str(stage.settings),
        )

    def settings_of(context: dg.AssetExecutionContext) -> tuple[str, ColumnSettings]:
        spec = spec_source()
        column = spec.column_of(context.partition_key)
        return column, spec.settings.of(column)

    @stage_asset(RAW, "The column as it is in the source, in checksummed Parquet.")
    def raw(context: dg.AssetExecutionContext, store: StoreResource, engine: LocalEngineResource) -> Product:
        folder = store.fit(fit)
        with _remembering(folder, RAW, context.partition_key):
            column, settings = settings_of(context)
            spec = spec_source()
            source = spec.open(folder).column(column)
            return recipes.raw(source, spec.source_digest(), settings, engine.engine())

    @stage_asset(SKETCH, "Counts of values or grid cells: all that is needed to fit the column.")
    def sketch(context: dg.AssetExecutionContext, engine: LocalEngineResource, raw: Result) -> Product:
        return recipes.sketch(raw, settings_of(context)[1], engine.engine())

    @stage_asset(MODEL, "The column's modes: Gaussian components and atoms.")
    def gmm_model(context: dg.AssetExecutionContext, raw: Result, sketch: Result) -> Product:
        return recipes.model(raw, sketch, settings_of(context)[1])

    @stage_asset(FEATURE_RANK, "The modes in the order of their expected frequency.")
    def feature_rank(context: dg.AssetExecutionContext, sketch: Result, gmm_model: Result) -> Product:
        return recipes.feature_rank(sketch, gmm_model, settings_of(context)[1])

    @stage_asset(TRANSFORMED, "Every row as value and rank, compared with what it decodes to.")
    def transformed(
        context: dg.AssetExecutionContext,
        engine: LocalEngineResource,
        raw: Result,
        gmm_model: Result,
        feature_rank: Result,
    ) -> Product:
        return recipes.transformed(raw, gmm_model, feature_rank, settings_of(context)[1], engine.engine())

    return [raw, sketch, gmm_model, feature_rank, transformed]


def asset_key(fit: str, stage: Stage) -> dg.AssetKey:
    """Return the key of a stage's asset."""
    return dg.AssetKey([fit, stage.asset])


@contextmanager
def _remembering(folder: FitFolder, stage: Stage, partition_key: str) -> Iterator[None]:
    """Record a failure that comes before anything is made."""
    try:
        yield
    except Exception as error:
        ColumnFolder(folder.path / partition_key).record_failure(stage.name, error)
        raise

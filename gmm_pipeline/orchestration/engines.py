"""Which engine passes over a fit's rows, and the Spark session of a run."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from gmm_pipeline.core.mixture.fit_mixture import MixtureFit
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.spark.engine import SparkEngine
from gmm_pipeline.engines.spark.session import SparkSettings, spark_session
from gmm_pipeline.fits.concurrency import memory_of_a_run
from gmm_pipeline.fits.recipes import stored_column
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.store.result import Result

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class EngineResource(dg.ConfigurableResource[None]):
    """The engines that runs are done by: each fit names its own.

    A run's Spark session starts when it is first needed and ends with the run. It is that of
    dagster-pyspark's lazy resource, configured by the fit's `spark_config`. Where the process has
    one already, the run uses it and leaves it.

    Parameters
    ----------
    threads : int
        Of the local engine; 0 means one per core.
    memory : int
        Bytes that a run may hold on this machine; 0 means what suits it.
    """

    threads: int = 0
    memory: int = 0
    _run: ExitStack = PrivateAttr(default_factory=ExitStack)

    def engine(self, spec: FitSpec) -> Engine:
        """Return the engine of a fit."""
        if spec.engine == "local":
            return LocalEngine(self.threads or None, self.memory or memory_of_a_run())
        return SparkEngine(
            self._run.enter_context(spark_session(spec.spark_config, _built_by_dagster))
        )

    def fit_rows(
        self, spec: FitSpec, raw: Result, points: WeightedPoints, **how: Any
    ) -> MixtureFit:
        """Fit a mixture to all rows of a column's copy, by the engine of its fit; see `FitRows`."""
        return self.engine(spec).rows_fitter(stored_column(raw))(points, **how)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """End the run's Spark session."""
        del context
        self._run.close()


def session_for_all_runs(spec: FitSpec) -> AbstractContextManager[object]:
    """Keep one Spark session for all runs of this process meanwhile, if the fit is one for
    Spark.
    """
    return (
        nullcontext()
        if spec.engine == "local"
        else spark_session(spec.spark_config, _built_by_dagster)
    )


def _built_by_dagster(settings: SparkSettings) -> SparkSession:
    from dagster_pyspark import LazyPySparkResource

    session: SparkSession = LazyPySparkResource(spark_config=dict(settings)).spark_session
    return session

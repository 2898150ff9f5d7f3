"""The engine that passes over a fit's rows, and the Spark session of a run."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.spark.engine import SparkEngine
from gmm_pipeline.engines.spark.session import SparkSettings, require_spark, spark_session
from gmm_pipeline.fits.concurrency import memory_of_a_run
from gmm_pipeline.fits.spec import FitSpec

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run_session(spec: FitSpec) -> AbstractContextManager[SparkSession]:
    """Return a context with the session of this process, or a new one with the settings of a fit.

    dagster-pyspark's lazy resource makes the new one, which ends with the context.
    """
    return spark_session(spec.spark_config, _built_by_dagster)


class EngineResource(dg.ConfigurableResource[None]):
    """Gives runs their engines: each fit names its own.

    A run's Spark session starts when it is first needed and ends with the run. dagster-pyspark's
    lazy resource makes it, configured by the fit's `spark_config`. If the process has a session
    already, the run uses that one and leaves it open.

    Parameters
    ----------
    threads : int
        Threads of the local engine, for each column; 0 means one per core.
    memory : int
        Bytes that a run may use on this machine; 0 means what suits it.
    """

    threads: int = 0
    memory: int = 0
    _run: ExitStack = PrivateAttr(default_factory=ExitStack)

    def engine(self, spec: FitSpec, memory: int = 0) -> Engine:
        """Return the engine of a fit, for columns that may use so many bytes each.

        By default a single column runs and may use all that the run may.
        """
        if spec.engine == "local":
            memory = memory or self.memory or memory_of_a_run()
            return LocalEngine(self.threads or None, memory)
        return SparkEngine(self._run.enter_context(run_session(spec)))

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """End the run's Spark session."""
        del context
        self._run.close()


def _built_by_dagster(settings: SparkSettings) -> SparkSession:
    require_spark("dagster_pyspark")
    from dagster_pyspark import LazyPySparkResource

    session: SparkSession = LazyPySparkResource(spark_config=dict(settings)).spark_session
    return session

"""A local Spark, for as long as it is needed."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gmm_pipeline.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

_REMEDY = "Install a JDK 17 and set JAVA_HOME to its folder, or put its java on PATH"
_LOGGING = """
appenders = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
rootLogger.level = error
rootLogger.appenderRef.console.ref = console
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
"""


class JavaMissingError(PipelineError):
    """Spark needs a Java that is not there, or does not start."""


@contextmanager
def local_session(cores: int = 2) -> Iterator[SparkSession]:
    """Give the Spark session that runs in this process, or a local one whose JVM ends with the context.

    The local one talks to this machine alone, has no UI, logs errors only, and leaves no files behind.

    Parameters
    ----------
    cores : int
        Of a local session.

    Raises
    ------
    JavaMissingError
        If a session has to be made, and there is no Java that can.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._active_spark_context is not None:  # noqa: SLF001
        yield SparkSession.builder.getOrCreate()
        return
    if not _java_is_installed():
        raise JavaMissingError("Spark found no Java", remedy=_REMEDY)
    with tempfile.TemporaryDirectory(prefix="gmm_pipeline-spark-") as name:
        folder = pathlib.Path(name)
        with _environment(SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable):
            session = _start(cores, folder)
        try:
            yield session
        finally:
            _end(session)


def _java_is_installed() -> bool:
    home = os.environ.get("JAVA_HOME")
    return (pathlib.Path(home) / "bin" / "java").exists() if home else shutil.which("java") is not None


def _start(cores: int, folder: pathlib.Path) -> SparkSession:
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    logging = folder / "log4j2.properties"
    logging.write_text(_LOGGING, encoding="utf-8")
    settings: dict[str, bool | float | int | str | None] = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging.as_uri()}",
        "spark.local.dir": str(folder),
        "spark.sql.shuffle.partitions": cores,
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
    }
    builder = SparkSession.builder.master(f"local[{cores}]").appName("gmm_pipeline")
    try:
        return builder.config(map=settings).getOrCreate()
    except PySparkRuntimeError as error:
        raise JavaMissingError("Spark could not start Java", remedy=_REMEDY) from error


def _end(session: SparkSession) -> None:
    """Stop the session and the JVM, which would run on; it ends when its standard input does."""
    from pyspark import SparkContext

    gateway = session.sparkContext._gateway  # noqa: SLF001
    try:
        session.stop()
    finally:
        if gateway is not None:
            gateway.shutdown()
            gateway.proc.stdin.close()
            gateway.proc.wait(timeout=60)
        SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables for as long as Spark starts; workers would run the first python3 on PATH."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

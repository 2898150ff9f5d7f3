"""A Spark session, which ends with its context, and its JVM with it."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gmm_pipeline.engines.spark.java import REMEDY, JavaMissingError, java_variables
from gmm_pipeline.errors import PipelineError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

SparkSettings = Mapping[str, str | bool | int | float]
"""Settings of Spark by name; `spark.master` selects the cluster."""
# Errors only, on stderr, so that they do not mix with results on stdout.
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
_PYTHON = "PYSPARK_PYTHON"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class SparkStartError(PipelineError):
    """Spark does not start, or its cluster does not answer."""


def require_spark(*packages: str) -> None:
    """Raise SettingsError unless Spark is installed, and further packages of the extra `spark`."""
    needed = ("pyspark", "pandas", *packages)
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            "engine = spark and the methods spark_ml and spark_ml_full need Spark, and "
            f"{missing[0]} is not installed",
            remedy="pip install 'gmm-pipeline[spark]'",
        )


def build_session(settings: SparkSettings) -> SparkSession:
    """Return a new session with these settings."""
    from pyspark.sql import SparkSession

    return SparkSession.builder.config(map=dict(settings)).getOrCreate()


@contextmanager
def spark_session(
    settings: SparkSettings, build: Callable[[SparkSettings], SparkSession] = build_session
) -> Iterator[SparkSession]:
    """Give the Spark session of this process, or a new one that ends with the context.

    The JVM of a new session ends with it. A new session logs errors only. On this machine, in this
    process or on a cluster of the loopback address, it has no web UI, talks to no other machine,
    and leaves no files. Executors run the same Python as this process, unless
    `spark.pyspark.python` or the environment variable `PYSPARK_PYTHON` names another.

    Parameters
    ----------
    settings : mapping
        Settings that take precedence over the defaults made here.
    build : callable
        Makes a session from complete settings.

    Raises
    ------
    SettingsError
        If Spark is not installed.
    JavaMissingError
        If there is no Java for a new session.
    SparkStartError
        If Spark fails for another reason.
    """
    require_spark()
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._active_spark_context is not None:  # noqa: SLF001
        yield SparkSession.builder.getOrCreate()
        return
    # Executors may still write to the folder for a moment after the session has ended.
    with tempfile.TemporaryDirectory(
        prefix="gmm_pipeline-spark-", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        variables = {} if "spark.remote" in settings else java_variables(folder)
        python = str(
            settings.get("spark.pyspark.python") or os.environ.get(_PYTHON) or sys.executable
        )
        own_address = {"SPARK_LOCAL_IP": "127.0.0.1"} if _is_on_this_machine(settings) else {}
        with _environment(**variables, **own_address, **{_PYTHON: python}):
            session = _start(build, {**_defaults(settings, folder), **settings})
        try:
            yield session
        finally:
            _end(session)


@contextmanager
def local_session(cores: int = 2) -> Iterator[SparkSession]:
    """Give the Spark session of this process, or a new local one with so many cores."""
    with spark_session(
        {"spark.master": f"local[{cores}]", "spark.sql.shuffle.partitions": cores}
    ) as session:
        yield session


def _is_on_this_machine(settings: SparkSettings) -> bool:
    """Whether a session needs no other machine."""
    master = str(settings.get("spark.master", "" if "SPARK_CONF_DIR" in os.environ else "local"))
    return master.startswith("local") or urlsplit(master).hostname in _LOOPBACK


def _defaults(settings: SparkSettings, folder: Path) -> SparkSettings:
    logging = folder / "log4j2.properties"
    logging.write_text(_LOGGING, encoding="utf-8")
    general: SparkSettings = {
        "spark.app.name": "gmm_pipeline",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logging.as_uri()}",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.showConsoleProgress": False,
    }
    here: SparkSettings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.ui.enabled": False,
    }
    return {**general, **(here if _is_on_this_machine(settings) else {})}


def _start(build: Callable[[SparkSettings], SparkSession], settings: SparkSettings) -> SparkSession:
    from py4j.protocol import Py4JJavaError
    from pyspark import SparkContext
    from pyspark.errors import PySparkException, PySparkRuntimeError

    try:
        return build(settings)
    except PySparkRuntimeError as error:
        raise JavaMissingError("Spark could not start Java", remedy=REMEDY) from error
    except (PySparkException, Py4JJavaError) as error:
        _end_jvm(SparkContext._gateway)  # noqa: SLF001
        reason = next(
            iter(str(getattr(error, "java_exception", error)).splitlines()), type(error).__name__
        )
        raise SparkStartError(
            f"Spark does not start on {settings.get('spark.master', 'its default master')}: "
            f"{reason}",
            remedy="Check spark.master and the other Spark settings, and that the cluster runs",
        ) from error


def _end(session: SparkSession) -> None:
    """Stop the session, and the JVM, which otherwise runs until its standard input ends."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway  # noqa: SLF001
    try:
        session.stop()
    finally:
        _end_jvm(gateway)


def _end_jvm(gateway: object) -> None:
    from pyspark import SparkContext

    process = getattr(gateway, "proc", None)
    if process is not None:
        gateway.shutdown()  # type: ignore[attr-defined]
        process.stdin.close()
        process.wait(timeout=60)  # a JVM ends within a second, unless the machine is overloaded
    SparkContext._gateway = SparkContext._jvm = None  # noqa: SLF001


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables while Spark starts."""
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

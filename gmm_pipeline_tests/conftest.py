import os
import pathlib
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from workplace import Workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession


# No deadline: the first call of a kernel compiles it. The same examples every time, so that a failure is a change's
# own; `--hypothesis-profile=searching` looks for new ones.
settings.register_profile(
    "same examples", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=1000)
settings.load_profile("same examples")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkSession]":
    """Give one real local Spark to all tests; its JVM ends with them."""
    if not _java_is_installed():
        pytest.skip("needs Java 17: install a JDK and set JAVA_HOME or put java on PATH")

    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        environment.setenv("PYSPARK_PYTHON", sys.executable)  # workers would run the first python3 on PATH
        session = (
            SparkSession.builder.master("local[2]")
            .appName("gmm_pipeline_tests")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.ui.enabled", "false")
            .config("spark.log.level", "ERROR")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("spark-warehouse")))
            .getOrCreate()
        )
        gateway = session.sparkContext._gateway
        assert gateway is not None
        yield session
        session.stop()
        # Stopping the session leaves the JVM running; it ends when its standard input does.
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=60)
        SparkContext._gateway = SparkContext._jvm = None


def _java_is_installed() -> bool:
    home = os.environ.get("JAVA_HOME")
    return (pathlib.Path(home) / "bin" / "java").exists() if home else shutil.which("java") is not None


@pytest.fixture
def workplace(tmp_path: pathlib.Path) -> Workplace:
    """Give a folder with an empty store and a Dagster instance that no other test shares."""
    return Workplace(tmp_path)


@pytest.fixture(scope="session")
def new_workplace(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[], Workplace]":
    """Give what makes such folders, for fixtures that several tests read from."""
    return lambda: Workplace(tmp_path_factory.mktemp("workplace"))

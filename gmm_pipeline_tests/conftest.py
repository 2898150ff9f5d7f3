import os
import pathlib
import sys
from typing import TYPE_CHECKING

import pytest
from browser import Browser
from hypothesis import HealthCheck, settings
from spark_cluster import Cluster, running_cluster
from workplace import Workplace
from xdist.scheduler import LoadScopeScheduling

from gmm_pipeline.engines.spark.session import spark_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession
    from watched import Watched
    from xdist.remote import Producer


# No deadline: the first call of a kernel compiles it. The same examples every time, so that a
# failure is a change's own; `--hypothesis-profile=searching` looks for new ones.
settings.register_profile(
    "same examples", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile(
    "searching", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=1000
)
settings.load_profile("same examples")

# Containers often switch bytecode off. Tests start many processes, each of which would compile
# every module anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# Those with the fixture `spark`: they share a cluster and a session, which take longer to start
# than most to run.
ON_SPARK = (
    "test_engine_contract.py",
    "test_spark_ml_mixture.py",
    "test_spark_ml.py",
    "test_models_in_spark.py",
    "test_loading_in_spark.py",
    "test_kinds.py",
)
# Those that take long for their number, as they wait for other processes: none of them is left for
# the end.
FIRST = ("operations/", *ON_SPARK, "engines/test_spark_recovery", "test_benchmarks")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next(
            (place for place, name in enumerate(FIRST) if name in item.nodeid), len(FIRST)
        )
    )


class OneSpark(LoadScopeScheduling):
    """Gives each module to one of the workers, and all that are on Spark to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return "on Spark" if scope.endswith(ON_SPARK) else scope


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> OneSpark:
    return OneSpark(config, log)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Cluster]":
    """Give a real cluster: a master and two workers, in processes that end with the tests."""
    with running_cluster(tmp_path_factory.mktemp("spark") / "cluster") as running:
        yield running


@pytest.fixture(scope="session")
def spark(cluster: Cluster) -> "Iterator[SparkSession]":
    """Give a session on that cluster."""
    with spark_session({"spark.master": cluster.master}) as session:
        yield session


@pytest.fixture
def workplace(tmp_path: pathlib.Path) -> Workplace:
    """Give a folder with an empty store and a Dagster instance that no other test shares."""
    return Workplace(tmp_path)


@pytest.fixture
def watched(tmp_path: pathlib.Path) -> "Iterator[Watched]":
    """Give a folder that a dataset watches, with a Dagster instance in memory."""
    import dagster as dg
    from watched import Watched

    with dg.DagsterInstance.ephemeral() as instance:
        yield Watched(tmp_path, instance)


@pytest.fixture(scope="session")
def new_workplace(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[], Workplace]":
    """Give what makes such folders, for fixtures that several tests read from."""
    return lambda: Workplace(tmp_path_factory.mktemp("workplace"))


@pytest.fixture(scope="session")
def browser() -> Browser:
    """Give a headless Chromium to look at pages with; tests that ask for it are skipped where there
    is none.
    """
    return Browser.installed()

"""Where Spark is not installed, whatever needs it says how to install it."""

import importlib.util
from typing import Any

import polars as pl
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.engines.spark.engine import SparkEngine
from gmm_pipeline.engines.spark.session import spark_session
from gmm_pipeline.errors import SettingsError

REFUSED = pytest.raises(
    SettingsError, match=r"pandas is not installed\. pip install 'gmm-pipeline\[spark\]'"
)


@pytest.fixture(autouse=True)
def _without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> Any:
        return None if name == "pandas" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def test_the_engine_asks_for_spark() -> None:
    with REFUSED:
        SparkEngine(None)


def test_a_session_asks_for_spark() -> None:
    with REFUSED, spark_session({}):
        pass


@pytest.mark.parametrize("method", ["spark_ml", "spark_ml_full"])
def test_methods_of_spark_ask_for_it(method: str) -> None:
    table = pl.DataFrame({"x": [0.1 * number * number for number in range(100)]})
    remedy = "gmm-pipeline" if method == "spark_ml" else "--engine spark"

    with pytest.raises(SettingsError, match=remedy):
        TableEncoder(method=method, find_atoms=False).fit(table)

import pathlib
import re
import uuid
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from running_dagster import RunningDagster, started

from gmm_pipeline.fits.demo import DEMO_FIT, demo_spec
from gmm_pipeline.fits.spec import FitSpec, load_spec, save_spec
from gmm_pipeline.orchestration.instance import HOME_VARIABLE, prepare_home
from gmm_pipeline.store.store import Store

ROWS = 300
HEAVY_ROWS = 8_000_000
HOSTILE_NAMES = ("Visit Duration (s)", "all, of (it)/in [one]: *~|%? 'ü' \"ß\"\t 日本..", "...")
RUNS_AT_ONCE = 2


@pytest.fixture(scope="session")
def running_dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDagster]:
    """A webserver and a daemon over a store of several fits of which nothing is made yet; all tests
    share it.
    """
    folder = tmp_path_factory.mktemp("operations")
    store = folder / "gmm_store"
    rng = np.random.default_rng(0)
    tables = {
        "repaired": pl.DataFrame(
            {
                "one": rng.normal(size=ROWS),
                "two": rng.integers(0, 1000, ROWS),
                "broken": [[1.0]] * ROWS,
            }
        ),
        "named": pl.DataFrame({name: rng.integers(0, 50, ROWS) for name in HOSTILE_NAMES}),
        "heavy": pl.DataFrame({"contested": rng.standard_t(2, HEAVY_ROWS)}),
        "sparked": pl.DataFrame(
            {"one": rng.normal(size=ROWS), "two": ["a", "b", "c"] * (ROWS // 3)}
        ),
    }
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
        spec = FitSpec(
            name=name, source=str(folder / f"{name}.parquet"), columns=tuple(table.columns)
        )
        save_spec(spec, Store(store).fit(name))
    _process_in_spark("sparked", store, folder / "sessions")
    demo_spec(store)
    config = folder / "datasets.yaml"
    config.write_text("datasets: {incoming: {source: incoming, watch_seconds: 3}}")
    _bound_runs(store)
    with started(folder, store, config, [*tables, DEMO_FIT]) as dagster:
        yield dagster


@pytest.fixture(scope="session")
def hostile_names() -> tuple[str, ...]:
    """The columns of fit `named`: with all that the web UI, commands and folders give a meaning
    to.
    """
    return HOSTILE_NAMES


def _process_in_spark(name: str, store: pathlib.Path, log: pathlib.Path) -> None:
    """Let Spark process a fit, and write a file for each session into a folder, .inprogress till it
    ends.
    """
    log.mkdir()
    config = {
        "spark.master": "local[1]",
        "spark.app.name": f"{name}-{uuid.uuid4().hex}",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.dir": log.as_uri(),
    }
    folder = Store(store).fit(name)
    save_spec(
        load_spec(folder).model_copy(update={"engine": "spark", "spark_config": config}), folder
    )


def _bound_runs(store: pathlib.Path) -> None:
    """Write the default instance, with a bound on runs that a backfill of a few columns meets on
    any machine.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, "")
        config = prepare_home(store) / "dagster.yaml"
    text, changed = re.subn(
        r"(max_concurrent_runs:) \d+", rf"\1 {RUNS_AT_ONCE}", config.read_text()
    )
    assert changed == 1
    config.write_text(text)

"""A folder of files that a dataset watches, for tests of its sensor and of the runs it asks for."""

import datetime as dt
import pathlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl
import pytest

from gmm_pipeline.orchestration.assets import job_name
from gmm_pipeline.orchestration.columns_job import columns_job_name, run_config_of
from gmm_pipeline.orchestration.configuration import configuration_of
from gmm_pipeline.orchestration.configured_datasets import configured_datasets
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.sensor_memory import SensorMemory
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store

FRAME = pl.DataFrame({"few": [1, 2, 3, None] * 15, "city": ["Oslo", "Bergen", "Oslo"] * 20})
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Watched:
    """A folder of files that a dataset watches, and what its sensor has seen and asked for so
    far.
    """

    path: pathlib.Path
    instance: dg.DagsterInstance
    settings: dict[str, Any] = field(default_factory=dict)
    cursor: str | None = None

    @property
    def source(self) -> pathlib.Path:
        return self.path / "table"

    @property
    def fit(self) -> FitFolder:
        return Store(self.path / "store").fit("sales")

    @property
    def dataset(self) -> Dataset:
        configuration = configuration_of(
            {"datasets": {"sales": {"source": str(self.source), **self.settings}}}
        )
        (dataset,) = configured_datasets(configuration, self.path / "store")
        return dataset

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions([self.dataset], self.path / "store", threads=1)

    def add(self, name: str, frame: pl.DataFrame = FRAME) -> pathlib.Path:
        self.source.mkdir(exist_ok=True)
        frame.write_parquet(self.source / name)
        return self.source / name

    def look(self) -> dg.SensorResult | dg.SkipReason:
        """Let the sensor look once, as the daemon does: new columns are registered, the cursor is
        kept.
        """
        sensor = self.definitions.get_repository_def().get_sensor_def("sales_sensor")
        found = sensor(dg.build_sensor_context(instance=self.instance, cursor=self.cursor))
        if isinstance(found, dg.SensorResult):
            for request in found.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions(
                    request.partitions_def_name, list(request.partition_keys)
                )
            self.cursor = found.cursor or self.cursor
        return found

    def requests(self) -> list[dg.RunRequest]:
        found = self.look()
        assert isinstance(found, dg.SensorResult), found.skip_message
        return list(found.run_requests or [])

    def skipped(self) -> str:
        found = self.look()
        reason = found.skip_reason if isinstance(found, dg.SensorResult) else found
        assert isinstance(reason, dg.SkipReason), "runs were asked for"
        return str(reason.skip_message)

    def execute(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def(columns_job_name("sales"))
        return job.execute_in_process(
            run_config={**QUIET, **request.run_config},
            instance=self.instance,
            tags=dict(request.tags),
            raise_on_error=False,
        )

    def execute_columns(self, *columns: str) -> dg.ExecuteInProcessResult:
        return self.execute(dg.RunRequest(run_config=run_config_of("sales", columns)))

    def bring_up_to_date(self) -> None:
        (request,) = self.requests()
        assert self.execute(request).success

    def end(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        """Let Dagster know of a run that ended before it did anything."""
        job = self.definitions.resolve_job_def(columns_job_name("sales"))
        self.instance.create_run_for_job(job, status=status, run_config=dict(request.run_config))

    def pause(self) -> dt.timedelta:
        """Let the time pass until the next retry, and return how long that is."""
        memory = SensorMemory.at(self.cursor)
        pause = memory.next_retry - memory.asked_at
        self.cursor = memory.updated(asked_at=memory.asked_at - pause).cursor
        return pause

    @contextmanager
    def run_of(self, column: str) -> Iterator[None]:
        """Let Dagster know of a run that is at work on a column meanwhile."""
        job = self.definitions.resolve_job_def(job_name("sales"))
        at_work = dg.DagsterRunStatus.STARTED
        run = self.instance.create_run_for_job(
            job, status=at_work, tags={"dagster/partition": column}
        )
        yield
        self.instance.delete_run(run.run_id)

    @contextmanager
    def run_over(self, *columns: str) -> Iterator[None]:
        """Let Dagster know of a run over several columns meanwhile."""
        run = self.instance.create_run_for_job(
            self.definitions.resolve_job_def(columns_job_name("sales")),
            status=dg.DagsterRunStatus.STARTED,
            run_config=run_config_of("sales", columns),
        )
        yield
        self.instance.delete_run(run.run_id)

    def registered(self) -> set[str]:
        return set(self.instance.get_dynamic_partitions("sales_columns"))


def columns_of(requests: list[dg.RunRequest]) -> list[str]:
    """The columns of the one run that is asked for."""
    (request,) = requests
    return list(request.run_config["ops"]["sales_columns"]["config"]["columns"])


def stages_of(result: dg.ExecuteInProcessResult) -> dict[str, list[str]]:
    """The assets that a run materialised, by partition."""
    made: dict[str, list[str]] = defaultdict(list)
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key is not None:
            made[str(event.partition)].append(event.asset_key.path[-1])
    return made


def told(capfd: pytest.CaptureFixture[str]) -> str:
    """What the sensor logged."""
    return capfd.readouterr().err

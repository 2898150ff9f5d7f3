"""Dagster's history in PostgreSQL, as its documentation sets it up."""

import os
import pathlib
import shutil

import dagster as dg
import polars as pl
from postgres_server import USER, postgres_server
from running_dagster import RunningDagster, started, wait_for
from workplace import Workplace

from gmm_pipeline.orchestration.columns_job import columns_job_name
from gmm_pipeline.store.names import encode_name

FRAME = pl.DataFrame({"amount": [0.5 * number for number in range(300)], "city": ["a", "b"] * 150})
STORAGE = """
storage:
  postgres:
    postgres_db:
      username: {user}
      password: any
      hostname: 127.0.0.1
      db_name: {user}
      port: {port}
run_monitoring:
  enabled: true
telemetry:
  enabled: false
"""


def materialised(workplace: Workplace, fit: str) -> set[str]:
    with workplace.history() as history:
        key = dg.AssetKey([fit, "transformed"])
        return {
            str(record.partition_key)
            for record in history.fetch_materializations(key, limit=100).records
        }


def test_commands_web_ui_daemon_and_sensor_keep_their_history_in_postgres(
    workplace: Workplace,
) -> None:
    FRAME.write_parquet(workplace.path / "t.parquet")
    incoming = workplace.path / "incoming"
    incoming.mkdir()
    config = workplace.path / "datasets.yaml"
    config.write_text("datasets: {incoming: {source: incoming, watch_seconds: 1}}")
    keys = set(map(encode_name, FRAME.columns))
    with postgres_server() as port:
        settings = workplace.dagster_home / "dagster.yaml"
        settings.write_text(STORAGE.format(user=USER, port=port))

        assert workplace.call("run", "t.parquet").status == 0
        assert workplace.runs() == 1
        assert materialised(workplace, "t") == keys
        shutil.copy(workplace.path / "t.parquet", incoming / "1.parquet")
        home = workplace.dagster_home
        with started(workplace.path, workplace.store, config, ["t"], home) as dagster:
            _encode_incoming(dagster)
            assert set(dagster.partitions("t")) == keys
        assert materialised(workplace, "incoming") == keys
        with workplace.history() as history:
            history.wipe_assets([dg.AssetKey(["t", "transformed"])])
        assert materialised(workplace, "t") == set()
        assert workplace.call("sync", "--fit", "t", "--json").json()[0]["results"] == len(keys)
        assert materialised(workplace, "t") == keys
    assert not list(pathlib.Path(os.path.realpath(home)).rglob("*.db")), "nothing is in SQLite"


def _encode_incoming(dagster: RunningDagster) -> None:
    """Wait for the run that the sensor starts, and that the daemon takes from the queue."""

    def ended() -> bool:
        runs = dagster.runs(pipelineName=columns_job_name("incoming"))
        return bool(runs) and all(run.is_ended for run in runs)

    wait_for(ended, "the run of the sensor to end")
    (run,) = dagster.runs(pipelineName=columns_job_name("incoming"))
    assert run.status == "SUCCESS", dagster.told(run.run_id)

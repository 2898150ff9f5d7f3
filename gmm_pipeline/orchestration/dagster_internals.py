"""Everything that the project needs and Dagster's public interface lacks. Tried with 1.13.27.

No other module imports from a module of Dagster whose name starts with an underscore.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import dagster as dg
from dagster._serdes import ConfigurableClassData
from sqlalchemy import event
from sqlalchemy.engine import Engine


def without_captured_output(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """Return an instance with the same history that leaves the output of this process alone.

    A run redirects stdout and stderr of its process into files, and two more processes copy these
    files back: a progress bar would no longer be on a terminal. Only `dagster.yaml` can change
    this, and only for the runs of the web UI as well, whose output is worth keeping.
    """
    nowhere = ConfigurableClassData(
        "dagster._core.storage.noop_compute_log_manager", "NoOpComputeLogManager", config_yaml="{}"
    )
    return dg.DagsterInstance.from_ref(instance.get_ref()._replace(compute_logs_data=nowhere))


@contextmanager
def quick_sqlite(instance: dg.DagsterInstance, run_id: str = "") -> Iterator[None]:
    """Record the events of a run, or else of none, in half the time if the history is in SQLite.

    Dagster's storages have no setting for either; elsewhere than in SQLite nothing changes.
    """
    with _databases_kept_open(instance, run_id), _commits_without_flush():
        yield


@contextmanager
def _commits_without_flush() -> Iterator[None]:
    """Let SQLite leave it to the system when commits reach the disk.

    An event takes two or three commits. Dagster keeps its databases in write-ahead mode, in which
    they survive a power loss in either way (https://sqlite.org/pragma.html#pragma_synchronous): at
    worst the last events are missing, never a result.
    """

    def set_synchronous(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = NORMAL")

    event.listen(Engine, "connect", set_synchronous)
    try:
        yield
    finally:
        event.remove(Engine, "connect", set_synchronous)


@contextmanager
def _databases_kept_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Keep a connection to each SQLite database that a run writes to, if its history is in SQLite.

    Dagster opens and closes a connection for each event. When the last connection closes, SQLite
    writes its log back into the database: a third of the time that recording an event takes. The
    files are where Dagster keeps them by default; elsewhere they are not found, and nothing is lost
    but that time.
    """
    folder = Path(instance.root_directory) / "history" / "runs"
    with ExitStack() as open_databases:
        for database in (folder / "index.db", folder / f"{run_id}.db"):
            if database.exists():
                connection = sqlite3.connect(database, check_same_thread=False)
                open_databases.enter_context(closing(connection))
                # Only a connection that has read counts as one.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        yield

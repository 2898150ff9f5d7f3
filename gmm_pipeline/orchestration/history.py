"""Dagster's history in two SQLite files whose connections are kept open.

Dagster's own storages open a connection for every statement, and a database for every run: a column
takes some 270 of them, and half a second of a core. These keep their connections, and keep all runs
in one database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from dagster import EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.runs import SqliteRunStorage
from dagster._serdes import ConfigurableClassData
from watchdog.events import FileSystemEvent, PatternMatchingEventHandler
from watchdog.observers import Observer

_OF_ASSETS = ASSET_EVENTS | ASSET_CHECK_EVENTS
_INSERT = SqlEventLogStorageTable.insert()
_SECONDS_TO_WAIT = 300
"""For other processes to end their writing."""


class EventHistory(ConsolidatedSqliteEventLogStorage):
    """What happened in all runs, and to all assets; in `event_log.db`."""

    _obs: Any

    @cached_property
    def _engine(self) -> sa.Engine:
        return _kept_open(self._conn_string)

    @cached_property
    def _tables(self) -> frozenset[str]:
        return frozenset(sa.inspect(self._engine).get_table_names())

    @cached_property
    def _asset_columns(self) -> frozenset[str]:
        return frozenset(
            column["name"] for column in sa.inspect(self._engine).get_columns(AssetKeyTable.name)
        )

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with self._engine.begin() as connection:
            yield connection

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; most concern neither assets nor checks, and are a row in one table.

        For each, Dagster builds the same statement anew, which takes several times what running it
        does.
        """
        if event.is_dagster_event and event.dagster_event_type in _OF_ASSETS:
            super().store_event(event)
            return
        with self._connect() as connection:
            connection.execute(_INSERT, self._event_to_row(event))

    def has_table(self, table_name: str) -> bool:
        """Whether there is a table; they are those that the database was made with."""
        return table_name in self._tables

    def _has_asset_key_col_on_connection(self, conn: sa.Connection, column_name: str) -> bool:
        del conn
        return column_name in self._asset_columns

    def watch(self, run_id: str, cursor: str | None, callback: Any) -> None:
        """Call back for each new event of a run, in whichever process it happens."""
        if not self._obs:
            self._obs = Observer()
            self._obs.start()
            self._obs.schedule(_Changes(self), self._base_dir)
        super().watch(run_id, cursor, callback)  # type: ignore[no-untyped-call]

    def dispose(self) -> None:
        """Close all connections."""
        super().dispose()  # type: ignore[no-untyped-call]
        self._engine.dispose()


class RunHistory(SqliteRunStorage):
    """Which runs there are, and how they stand; in `runs.db`."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> RunHistory:
        """Return the storage in a folder."""
        return cls.from_local(inst_data=inst_data, **config_value)

    @cached_property
    def _engine(self) -> sa.Engine:
        return _kept_open(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close all connections."""
        super().dispose()
        self._engine.dispose()


class _Changes(PatternMatchingEventHandler):
    """Tells of changes to the database or, which come first, to its write-ahead log."""

    def __init__(self, history: EventHistory) -> None:
        super().__init__(patterns=[f"{history.get_db_path()}*"])  # type: ignore[no-untyped-call]
        self._history = history

    def on_modified(self, event: FileSystemEvent) -> None:
        del event
        self._history.on_modified()  # type: ignore[no-untyped-call]


def _kept_open(url: str) -> sa.Engine:
    """Return an engine that keeps a connection for each thread that needs one at the same time."""
    engine = sa.create_engine(url, max_overflow=-1, connect_args={"timeout": _SECONDS_TO_WAIT})

    # With a write-ahead log, NORMAL can lose the last events when the power fails, but not damage
    # the database.
    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        del record
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine

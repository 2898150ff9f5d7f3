"""The SQLite databases of Dagster's history: those that were never finished are made again.

Dagster creates its tables in many steps. If the process is killed or the disk is full in between,
it takes the file for a database ever after, and fails or goes without parts of it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from enum import Enum, auto
from pathlib import Path

_DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
"""Where Dagster keeps them by default; elsewhere, and on servers, they are Dagster's business."""
_MARKS = ("alembic_version", "secondary_indexes")
"""The tables that Dagster fills last when it creates a database: it is finished if both have
rows."""
_ENDINGS = ("", "-wal", "-shm")
"""Of a database's files: SQLite's write-ahead log and its index belong to it."""


class _State(Enum):
    GOOD = auto()
    UNFINISHED = auto()
    DAMAGED = auto()


def renew_history_files(home: Path) -> list[str]:
    """Let Dagster create unfinished and damaged databases again; return a message for each.

    An unfinished one holds nothing and is removed. A damaged one is renamed and stays. Nobody may
    create databases of this instance meanwhile.

    Parameters
    ----------
    home : Path
        The folder of the instance.
    """
    messages = []
    for name in _DATABASES:
        database = home / name
        state = _state_of(database) if database.exists() else _State.GOOD
        if state is _State.UNFINISHED:
            for file in _files_of(database):
                file.unlink()
            messages.append(f"Dagster's database {database} was never finished: it is made again.")
        elif state is _State.DAMAGED:
            for file in _files_of(database):
                file.replace(f"{file}.damaged")
            messages.append(
                f"Dagster's database {database} is damaged: it is kept as {database.name}.damaged, "
                "and a new one is made. Results are not affected; `gmm-pipeline sync` shows them "
                "in Dagster's web UI again."
            )
    return messages


def _state_of(database: Path) -> _State:
    try:
        with closing(sqlite3.connect(database)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in names.fetchall()}
            filled = {table for table in tables if _has_rows(connection, table)}
    except sqlite3.OperationalError:
        # It is in use, or may not be opened from here: Dagster says so where that matters.
        return _State.GOOD
    except sqlite3.DatabaseError:
        return _State.DAMAGED
    # Databases of earlier versions of Dagster lack the marks, but hold rows.
    holds_history = filled - {*_MARKS, "sqlite_sequence"}
    return _State.GOOD if filled.issuperset(_MARKS) or holds_history else _State.UNFINISHED


def _has_rows(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is not None  # noqa: S608


def _files_of(database: Path) -> list[Path]:
    files = [database.with_name(database.name + ending) for ending in _ENDINGS]
    return [file for file in files if file.exists()]

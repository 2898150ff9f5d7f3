"""What a dataset's sensor remembers from one look at its source to the next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from gmm_pipeline.store.manifest import digest
from gmm_pipeline.store.names import decode_name

_FIRST_PAUSE = timedelta(minutes=1)
"""Longer than a code server takes to start."""
_GROWTH = 4
"""Five retries after 1, 4, 16, 64 and 256 minutes outlast an outage of five hours."""
_NEVER = datetime.fromtimestamp(0, UTC)


class SensorMemory(BaseModel):
    """What a sensor remembers, kept as its cursor.

    Parameters
    ----------
    state : str or None
        A digest of the source and the settings.
    history : str
        A digest of all states and retries so far. It is part of run keys: Dagster never starts a
        second run of the same key, but files and settings may return to an earlier state.
    since : datetime
        When this state was seen first.
    asked_at : datetime
        When a run was last asked for in this state.
    asked : tuple of str
        Columns that a run was asked for in this state, and that are not known to have ended.
    waiting : tuple of str
        Columns to run in this state, once the runs at work on them have ended.
    left_out : tuple of str
        Columns that cannot be computed in this state.
    retries : int
        How often runs that died were asked for again in this state.
    """

    model_config = ConfigDict(frozen=True)

    state: str | None = None
    history: str = ""
    since: datetime = _NEVER
    asked_at: datetime = _NEVER
    asked: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    retries: int = 0

    @classmethod
    def at(cls, cursor: str | None) -> SensorMemory:
        """Return what a cursor holds; earlier versions wrote some fields, with blanks."""
        if cursor and cursor.startswith("{"):
            return cls.model_validate_json(cursor)
        state, history, *folders = (cursor or " ").split(" ")
        waiting = tuple(decode_name(folder) for folder in folders if "~~" not in folder)
        return cls(state=state or None, history=history, waiting=waiting)

    @property
    def cursor(self) -> str:
        """The text that Dagster keeps."""
        return self.model_dump_json(exclude_defaults=True)

    @property
    def next_retry(self) -> datetime:
        """When columns are asked for again whose run died."""
        pause: timedelta = _FIRST_PAUSE * _GROWTH**self.retries
        return self.asked_at + pause

    def followed_by(self, state: str, now: datetime) -> SensorMemory:
        """Return what to remember of a new state, before anything is asked for."""
        return SensorMemory(state=state, history=digest([self.history, state]), since=now)

    def updated(self, **fields: object) -> SensorMemory:
        """Return the same with other values of some fields."""
        return self.model_copy(update=fields)

    def asking(self, columns: Iterable[str], now: datetime) -> SensorMemory:
        """Return what to remember after a run over columns is asked for; none if there are none."""
        new = tuple(columns)
        return self.updated(asked=(*self.asked, *new), asked_at=now) if new else self

    def retrying(self, now: datetime) -> SensorMemory:
        """Return what to remember after columns are asked for again whose run died."""
        retries = self.retries + 1
        history = digest([self.history, str(retries)])
        return self.updated(history=history, asked_at=now, retries=retries)

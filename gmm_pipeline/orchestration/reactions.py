"""What a sensor does about a source that changed, and about the runs that it asked for before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.fits.obstacles import note_obstacles
from gmm_pipeline.orchestration.runs_at_work import (
    ended_columns,
    queued_columns,
    running_columns,
)
from gmm_pipeline.orchestration.watching import failures, statuses_of

if TYPE_CHECKING:
    from gmm_pipeline.fits.plan import ColumnStatus
    from gmm_pipeline.orchestration.datasets import Dataset
    from gmm_pipeline.orchestration.sensor_memory import SensorMemory
    from gmm_pipeline.orchestration.watching import Sighting
    from gmm_pipeline.store.fit_folder import FitFolder

_LONGEST_LIST = 5
"""Columns that a message names."""


@dataclass(frozen=True)
class Reaction:
    """What a sensor does.

    Parameters
    ----------
    to_ask : tuple of ColumnStatus
        The columns to ask a run for.
    memory : SensorMemory
        What to remember.
    remarks : tuple of str
        What people should know.
    """

    to_ask: tuple[ColumnStatus, ...]
    memory: SensorMemory
    remarks: tuple[str, ...]


def react_to_change(
    dataset: Dataset,
    folder: FitFolder,
    sighting: Sighting,
    seen: SensorMemory,
    instance: dg.DagsterInstance,
) -> Reaction:
    """Return what to do about a source or settings that changed."""
    if not sighting.to_do:
        # Otherwise the run notes them: Dagster takes the verdict of a check once from outside of
        # runs, and a second one fails the look.
        note_obstacles(folder, sighting.obstacles)
    now = datetime.now(UTC)
    queued, running = queued_columns(dataset, instance), running_columns(dataset, instance)
    free = [status for status in sighting.to_do if status.column not in running]
    # A queued run counts as asked for: if it dies, its columns are asked for again.
    memory = (
        seen.followed_by(sighting.state, now)
        .asking([status.column for status in free], now)
        .updated(
            waiting=tuple(status.column for status in sighting.to_do if status.column in running),
            left_out=tuple(sighting.obstacles),
        )
    )
    return Reaction(
        tuple(status for status in free if status.column not in queued),
        memory,
        (
            *_remarks(dataset, folder, memory),
            *(f"left out: {error}" for error in sighting.obstacles.values()),
            *sighting.remarks,
        ),
    )


def react_to_runs(
    dataset: Dataset, folder: FitFolder, seen: SensorMemory, instance: dg.DagsterInstance
) -> Reaction:
    """Return what to do where nothing changed: about columns that waited, or whose run died."""
    now = datetime.now(UTC)
    queued, running = queued_columns(dataset, instance), running_columns(dataset, instance)
    to_ask = _not_done(dataset, folder, set(seen.waiting) - queued - running)
    memory = seen.asking([status.column for status in to_ask], now).updated(
        waiting=tuple(name for name in seen.waiting if name in running)
    )
    ended = set(seen.asked) - queued - running
    died = _died(dataset, folder, seen, ended, instance)
    settled = ended - {status.column for status in died}
    memory = memory.updated(asked=tuple(name for name in memory.asked if name not in settled))
    if died and now >= seen.next_retry and seen.retries < dataset.retries:
        to_ask, memory = [*to_ask, *died], memory.retrying(now)
    told = _word_of_died(dataset, died, seen, memory, instance) if died else []
    return Reaction(tuple(to_ask), memory, (*told, *_remarks(dataset, folder, memory)))


def _word_of_died(
    dataset: Dataset,
    died: Sequence[ColumnStatus],
    seen: SensorMemory,
    memory: SensorMemory,
    instance: dg.DagsterInstance,
) -> list[str]:
    """Say what becomes of columns whose run died, as soon as Dagster knows that it did."""
    if memory.retries > seen.retries:
        count = f"retry {memory.retries} of {dataset.retries}"
        columns = _listed(status.column for status in died)
        return [f"asked for again, as their run died: {columns} ({count})"]
    dead = ended_columns(dataset, instance, dg.DagsterRunStatus.FAILURE, seen.since)
    columns = _listed(status.column for status in died if status.column in dead)
    if not columns:
        return []
    if seen.retries < dataset.retries:
        when = f"asked for again at {seen.next_retry:%H:%M} UTC"
        return [f"their run died, and they are {when}: {columns}"]
    until = "no other is asked for until the source or the settings change"
    remedy = f"Read the log of the last run, then start {dataset.name}_run"
    return [f"every run of {columns} died, and {until}. {remedy}"]


def _not_done(dataset: Dataset, folder: FitFolder, names: Collection[str]) -> list[ColumnStatus]:
    return [status for status in statuses_of(dataset, folder, names) if not status.done]


def _died(
    dataset: Dataset,
    folder: FitFolder,
    seen: SensorMemory,
    names: Collection[str],
    instance: dg.DagsterInstance,
) -> list[ColumnStatus]:
    """Return the columns whose run ended without computing them, for no reason in their data.

    What a person canceled has not died.
    """
    open_ones = _not_done(dataset, folder, names)
    if not open_ones:
        return []
    failed = {
        name
        for name, failure in failures(dataset, folder).items()
        if failure.is_of_data and failure.at >= seen.since
    }
    canceled = ended_columns(dataset, instance, dg.DagsterRunStatus.CANCELED, seen.since)
    excused = failed | canceled
    return [status for status in open_ones if status.column not in excused]


def _remarks(dataset: Dataset, folder: FitFolder, memory: SensorMemory) -> tuple[str, ...]:
    """Say which columns have failed and since when, and which wait."""
    failed = [
        f"{name} (since {failure.at:%Y-%m-%d %H:%M} UTC)"
        for name, failure in failures(dataset, folder).items()
        if name not in memory.left_out
    ]
    return (
        *([f"failed: {_listed(failed)}"] if failed else []),
        *([f"waiting for their run to end: {_listed(memory.waiting)}"] if memory.waiting else []),
    )


def _listed(names: Iterable[str]) -> str:
    """Return names for a message, or the first of many."""
    all_names = list(names)
    left = len(all_names) - _LONGEST_LIST
    return ", ".join(all_names[:_LONGEST_LIST]) + (f" and {left} more" if left > 0 else "")

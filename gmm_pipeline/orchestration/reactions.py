"""What a sensor does about a source that changed, and about the runs that it asked for before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gmm_pipeline.fits.obstacles import note_obstacles
from gmm_pipeline.fits.stages import RAW, STAGES
from gmm_pipeline.orchestration.assets import asset_key
from gmm_pipeline.orchestration.checks import completion_evaluation
from gmm_pipeline.orchestration.runs_at_work import (
    canceled_columns,
    queued_columns,
    running_columns,
)
from gmm_pipeline.orchestration.watching import failures, statuses_of
from gmm_pipeline.store.names import encode_name

if TYPE_CHECKING:
    import dagster as dg

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
    verdicts : tuple of AssetCheckEvaluation
        Checks of columns that no run will compute.
    """

    to_ask: tuple[ColumnStatus, ...]
    memory: SensorMemory
    remarks: tuple[str, ...]
    verdicts: tuple[dg.AssetCheckEvaluation, ...] = ()


def react_to_change(
    dataset: Dataset,
    folder: FitFolder,
    sighting: Sighting,
    seen: SensorMemory,
    instance: dg.DagsterInstance,
) -> Reaction:
    """Return what to do about a source or settings that changed."""
    now = datetime.now(UTC)
    queued, running = queued_columns(dataset, instance), running_columns(dataset, instance)
    free = [status for status in sighting.to_do if status.key not in running]
    # A queued run counts as asked for: if it dies, its columns are asked for again.
    memory = (
        seen.followed_by(sighting.state, now)
        .asking([status.key for status in free], now)
        .updated(
            waiting=tuple(status.key for status in sighting.to_do if status.key in running),
            left_out=tuple(map(encode_name, sighting.obstacles)),
        )
    )
    return Reaction(
        tuple(status for status in free if status.key not in queued),
        memory,
        (
            *_remarks(dataset, folder, memory),
            *(f"left out: {error}" for error in sighting.obstacles.values()),
            *sighting.remarks,
        ),
        _verdicts(dataset, folder, sighting),
    )


def react_to_runs(
    dataset: Dataset, folder: FitFolder, seen: SensorMemory, instance: dg.DagsterInstance
) -> Reaction:
    """Return what to do where nothing changed: about columns that waited, or whose run died."""
    now = datetime.now(UTC)
    queued, running = queued_columns(dataset, instance), running_columns(dataset, instance)
    to_ask = _not_done(dataset, folder, set(seen.waiting) - queued - running)
    memory = seen.asking([status.key for status in to_ask], now).updated(
        waiting=tuple(key for key in seen.waiting if key in running)
    )
    remarks: list[str] = []
    if seen.asked and now >= seen.next_retry:
        ended = set(seen.asked) - queued - running
        died = _died(dataset, folder, seen, ended, instance)
        settled = ended - {status.key for status in died}
        memory = memory.updated(asked=tuple(key for key in memory.asked if key not in settled))
        if died and seen.retries < dataset.retries:
            to_ask += died
            memory = memory.retrying(now)
            remarks.append(
                f"the run of {_listed(status.key for status in died)} died and is asked for again, "
                f"{memory.retries} of {dataset.retries} times"
            )
        elif died:
            remarks.append(
                f"every run of {_listed(status.key for status in died)} died, and no other is "
                "asked for until the source or the settings change. Find the reason in the log of "
                f"the last run, then start {dataset.name}_run or materialise the partitions"
            )
    return Reaction(tuple(to_ask), memory, (*remarks, *_remarks(dataset, folder, memory)))


def _not_done(dataset: Dataset, folder: FitFolder, keys: Collection[str]) -> list[ColumnStatus]:
    return [status for status in statuses_of(dataset, folder, keys) if not status.done]


def _died(
    dataset: Dataset,
    folder: FitFolder,
    seen: SensorMemory,
    keys: Collection[str],
    instance: dg.DagsterInstance,
) -> list[ColumnStatus]:
    """Return the columns whose run ended without computing them, for no reason in their data.

    What a person canceled has not died.
    """
    open_ones = _not_done(dataset, folder, keys)
    if not open_ones:
        return []
    failed = {key for key, at in failures(dataset, folder).items() if at >= seen.since}
    excused = failed | canceled_columns(dataset, instance, seen.since)
    return [status for status in open_ones if status.key not in excused]


def _remarks(dataset: Dataset, folder: FitFolder, memory: SensorMemory) -> list[str]:
    """Say which columns have failed and since when, and which wait."""
    failed = [
        f"{key} (since {at:%Y-%m-%d %H:%M} UTC)"
        for key, at in failures(dataset, folder).items()
        if key not in memory.left_out
    ]
    return [
        *([f"failed: {_listed(failed)}"] if failed else []),
        *([f"waiting for their run to end: {_listed(memory.waiting)}"] if memory.waiting else []),
    ]


def _verdicts(
    dataset: Dataset, folder: FitFolder, sighting: Sighting
) -> tuple[dg.AssetCheckEvaluation, ...]:
    """Return the checks of columns that are left out from now on, or no longer failed."""
    verdicts = [
        completion_evaluation(asset_key(dataset.name, RAW), encode_name(name), name, reason)
        for name, reason in note_obstacles(folder, sighting.obstacles).items()
    ]
    for name, failure in sighting.recovered.items():
        (stage,) = (stage for stage in STAGES if stage.name == failure.stage)
        key = asset_key(dataset.name, stage)
        verdicts.append(completion_evaluation(key, encode_name(name), name, None))
        folder.column(name).clear_failure()
    return tuple(verdicts)


def _listed(names: Iterable[str]) -> str:
    """Return names for a message, or the first of many."""
    all_names = list(names)
    left = len(all_names) - _LONGEST_LIST
    return ", ".join(all_names[:_LONGEST_LIST]) + (f" and {left} more" if left > 0 else "")

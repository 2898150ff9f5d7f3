"""The runs of `scale.py`: all columns of a table, through Dagster or without, with a clock."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from columns import COLUMNS, Draw, write_table
from jobs import through_dagster, without_dagster

from gmm_pipeline.engines.local.machine import peak_memory, reset_peak_memory
from gmm_pipeline.fits.progress import SilentProgress
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.fits.stages import STAGES, TRANSFORMED, Stage
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobs import Make

    from gmm_pipeline.fits.progress import StageReport

_WARM_UP_ROWS = 40_000
"""So many that distinct values are no longer all counted, and the kernels of the grid compile."""
_NAME = "scale"


@dataclass(frozen=True)
class Run:
    """What a run over all columns of a table took.

    Parameters
    ----------
    seconds : float
        From the first column's start to the last one's end.
    stages : dict of str to float
        Seconds of each stage over all columns, with Dagster's share; those of concurrent columns
        overlap.
    peaks : dict of str to int
        The process's peak memory in bytes during each stage; empty if the system does not tell.
    changed : int
        Rows that do not decode to their values.
    disk : int
        Bytes of all results.
    left : int
        Number of temporary files left behind.
    """

    seconds: float
    stages: dict[str, float]
    peaks: dict[str, int]
    changed: int
    disk: int
    left: int


class StageClock(SilentProgress):
    """Takes the time of stages and the peak memory of the process during each.

    Other columns may run at the same time.
    """

    def __init__(self) -> None:
        self.seconds = {stage.name: 0.0 for stage in STAGES}
        self.peaks: dict[str, int] = {}
        self._started: dict[str, tuple[Stage, float]] = {}
        self._lock = Lock()

    def start(self, column: str, stages: int) -> None:
        """Note the start of a column's first stage."""
        del stages
        with self._lock:
            self._note_peak()
            self._started[column] = STAGES[0], time.perf_counter()

    def stage(self, report: StageReport) -> None:
        """Note the end of a stage, and the start of the next."""
        now, column, stage = time.perf_counter(), report.column, report.stage
        with self._lock:
            self._note_peak()
            self.seconds[stage.name] += now - self._started.pop(column)[1]
            for following in STAGES[STAGES.index(stage) + 1 :][:1]:
                self._started[column] = following, now

    def _note_peak(self) -> None:
        peak = peak_memory()
        for stage, _ in self._started.values() if peak is not None else ():
            self.peaks[stage.name] = max(peak or 0, self.peaks.get(stage.name, 0))
        reset_peak_memory()


def run_through_dagster(source: Path, columns: Sequence[str], folder: Path) -> Run:
    """Run all columns of a table, in this process."""
    os.environ.pop("DAGSTER_HOME", None)
    warm_up(through_dagster, columns, folder)
    temporary, store = folder / "temporary", folder / "store"
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    spec, clock = FitSpec(name=_NAME, source=str(source), columns=tuple(columns)), StageClock()
    make = through_dagster(spec, store, clock)
    started = time.perf_counter()
    make(columns)
    seconds = time.perf_counter() - started
    fit = Store(store).fit(_NAME)
    files = [path for path in fit.path.rglob("*") if path.is_file()]
    left = [path for path in files if ".drafts" in path.parts] + list(temporary.rglob("*"))
    summaries = [
        fit.column(column).require(TRANSFORMED.name).manifest.summary for column in columns
    ]
    changed = sum(int(str(summary["changed"])) for summary in summaries)
    return Run(
        seconds,
        clock.seconds,
        clock.peaks,
        changed,
        sum(file.stat().st_size for file in files),
        len(left),
    )


def run_without_dagster(source: Path, columns: Sequence[str], folder: Path) -> float:
    """Make all columns of a table without Dagster, in this process; return the seconds."""
    warm_up(without_dagster, columns, folder)
    make = without_dagster(
        FitSpec(name=_NAME, source=str(source), columns=tuple(columns)), folder / "store"
    )
    started = time.perf_counter()
    make(columns)
    return time.perf_counter() - started


def warm_up(prepare: Callable[[FitSpec, Path], Make], columns: Sequence[str], folder: Path) -> None:
    """Compute one column of each kind in few rows, so that kernels and Dagster are ready."""
    kinds = columns[: len(COLUMNS)]
    write_table(folder / "few", draws_of(kinds), _WARM_UP_ROWS)
    spec = FitSpec(name=_NAME, source=str(folder / "few"), columns=tuple(kinds))
    prepare(spec, folder / "few_store")(kinds)
    os.environ.pop("DAGSTER_HOME", None)


def draws_of(names: Sequence[str]) -> dict[str, Draw]:
    """Return the draws of columns that are named `KIND` or `KIND #NUMBER`, kinds of `COLUMNS`."""
    return {name: COLUMNS[name.split(" #")[0]] for name in names}

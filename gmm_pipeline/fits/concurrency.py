"""How many columns of a fit run at once, and how much memory each may use."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gmm_pipeline.engines.local.machine import GIGABYTE, memory
from gmm_pipeline.engines.local.partitioning import PROCESS_MEMORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gmm_pipeline.fits.spec import FitSpec

_MEMORY_OF_A_COLUMN = GIGABYTE // 2
"""Bytes: enough for two threads to pass over a column in full batches."""


@dataclass(frozen=True)
class Concurrency:
    """How a run over the columns of a fit shares the machine.

    Parameters
    ----------
    columns : int
        Columns that run at once.
    memory : int
        Bytes that the process may use.
    """

    columns: int
    memory: int

    @classmethod
    def of(cls, spec: FitSpec, threads: int, memory: int) -> Concurrency:
        """Return what suits a fit.

        Several columns run at once because a fit, and a pass over few rows, keep one core busy; few
        of them, because a pass over many rows keeps all cores busy. One column if Spark has a part
        in it: a process has one Spark session.

        Parameters
        ----------
        spec : FitSpec
        threads : int
            Threads for each column; 0 means one per core.
        memory : int
            Bytes; 0 means what suits the machine.
        """
        memory = memory or memory_of_a_run()
        methods = {spec.settings.of(column).method for column in spec.columns}
        if spec.engine == "spark" or any(method.startswith("spark") for method in methods):
            return cls(1, memory)
        room = (memory - PROCESS_MEMORY) // _MEMORY_OF_A_COLUMN
        columns = min(len(spec.columns), columns_at_once(threads or os.cpu_count() or 1), room)
        return cls(max(1, columns), memory)

    def over(self, columns: int) -> Concurrency:
        """Return the same where only so many columns have something to do."""
        return replace(self, columns=max(1, min(self.columns, columns)))

    @property
    def memory_of_a_column(self) -> int:
        """Bytes that the process may use if a single column runs in it."""
        return PROCESS_MEMORY + (self.memory - PROCESS_MEMORY) // self.columns

    def peak_memory(self, peaks: Sequence[int]) -> int:
        """Return the most bytes that the process uses, from the peaks of each column by itself."""
        largest = sorted(peaks)[-self.columns :]
        return PROCESS_MEMORY + sum(peak - PROCESS_MEMORY for peak in largest)


def columns_at_once(threads: int) -> int:
    """Return how many columns keep so many cores busy: each takes one core or all, in turn."""
    return threads // 2 + 1


def memory_of_a_run() -> int:
    """Return the bytes that a run may use by default: its share of half of the machine's memory."""
    total = memory()
    return total // 2 // runs_at_once(os.cpu_count() or 1, total)


def runs_at_once(cores: int, memory: int) -> int:
    """Return how many runs may go on at once on a machine of so many cores and bytes of memory.

    A run computes on one core for some seconds and then on all: a few runs overlap well, more of
    them only compete. Each takes about 1 GB, so that half of the memory stays free for the file
    cache and for others.
    """
    return max(1, min(cores // 2 + 1, memory // (2 * GIGABYTE)))

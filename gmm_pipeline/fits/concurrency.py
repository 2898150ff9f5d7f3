"""How many columns of a fit are in work at once, by how many processes, and what memory each
has.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gmm_pipeline.engines.local.machine import GIGABYTE, memory
from gmm_pipeline.engines.local.partitioning import PROCESS_MEMORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gmm_pipeline.fits.spec import FitSpec

COLUMNS_OF_A_PROCESS = 16
"""As many columns as make up for the seconds that another process takes to start."""
_MEMORY_OF_A_COLUMN = GIGABYTE // 2
"""Enough for two threads to pass over it in full batches."""


@dataclass(frozen=True)
class Concurrency:
    """How a run over the columns of a fit shares the machine.

    Parameters
    ----------
    columns : int
        Columns in work at once.
    processes : int
        That work on them: Dagster's own work is Python, of which a process does one thing at a
        time.
    memory : int
        Bytes that all processes may hold.
    """

    columns: int
    processes: int
    memory: int

    @classmethod
    def of(cls, spec: FitSpec, threads: int, memory: int) -> Concurrency:
        """Return what suits a fit, with so many threads for each column, in so much memory; 0 means
        by the machine.

        Several columns, as a fit, a small pass and Dagster's own work keep one core busy; few, as
        large passes keep all of them. One where Spark has a part in it, whose session is one for
        all of the process. Several processes where there are many columns.
        """
        memory = memory or memory_of_a_run()
        methods = {spec.settings.of(column).method for column in spec.columns}
        if spec.engine == "spark" or any(method.startswith("spark") for method in methods):
            return cls(1, 1, memory)
        room = (memory - PROCESS_MEMORY) // _MEMORY_OF_A_COLUMN
        columns = max(1, min(len(spec.columns), (threads or os.cpu_count() or 1) // 2 + 1, room))
        room = (memory - columns * _MEMORY_OF_A_COLUMN) // PROCESS_MEMORY
        return cls(
            columns, max(1, min(columns, len(spec.columns) // COLUMNS_OF_A_PROCESS, room)), memory
        )

    def over(self, columns: int) -> Concurrency:
        """Return the same where only so many columns have something to do."""
        processes = min(self.processes, columns // COLUMNS_OF_A_PROCESS)
        return replace(
            self, columns=max(1, min(self.columns, columns)), processes=max(1, processes)
        )

    @property
    def memory_of_a_column(self) -> int:
        """Bytes that a process may hold that has a single column in work."""
        return PROCESS_MEMORY + (self.memory - self.processes * PROCESS_MEMORY) // self.columns

    def held(self, peaks: Sequence[int]) -> int:
        """Return the bytes that all hold at most, by what a process holds with each of the columns
        in work.
        """
        most = sorted(peaks)[-self.columns :]
        return self.processes * PROCESS_MEMORY + sum(peak - PROCESS_MEMORY for peak in most)


def memory_of_a_run() -> int:
    """Return the bytes that a run may hold by default: a share of half of the memory, one for each
    run at once.
    """
    total = memory()
    return total // 2 // runs_at_once(os.cpu_count() or 1, total)


def runs_at_once(cores: int, memory: int) -> int:
    """Return how many runs a machine of so many cores and bytes of memory takes well."""
    return max(1, min(cores // 2 + 1, memory // (2 * GIGABYTE)))

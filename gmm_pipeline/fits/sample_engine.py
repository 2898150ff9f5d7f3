"""Passing over few rows as a pass over many goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.local.partitioning import Partitioning
from gmm_pipeline.engines.parts import pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gmm_pipeline.arrow.counters import RowCounter
    from gmm_pipeline.arrow.rows import ColumnRows
    from gmm_pipeline.core.sketch.sketch import Tally
    from gmm_pipeline.engines.engine import Written


class SampleEngine(LocalEngine):
    """Writes few rows in as many parts as there are threads, so that all are at work, and times
    each count of rows.

    Parameters
    ----------
    threads : int
    batch_rows : int
        Rows that a thread holds at a time.

    Attributes
    ----------
    counts : list of float
        The seconds of each count so far.
    """

    def __init__(self, threads: int, batch_rows: int) -> None:
        super().__init__(threads)
        self._batch_rows = batch_rows
        self.counts: list[float] = []

    def _count(
        self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]
    ) -> Tally:
        started = time.perf_counter()
        tally = super()._count(column, make, ranges)
        self.counts.append(time.perf_counter() - started)
        return tally

    def _parts(self, after: Written, rows: int) -> list[tuple[int, range]]:
        del after
        return list(enumerate(pieces(range(rows), -(-rows // self.threads))))

    def _cut(self, column: ColumnRows) -> Partitioning:
        del column
        return Partitioning(self.threads, self._batch_rows, peak_memory=0)

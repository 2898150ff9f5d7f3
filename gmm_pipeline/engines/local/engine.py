"""Passes over rows: copy, sketch, encode, write. Parts are worked on in parallel, each by one
thread.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, TypeVar

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.arrow.parquet_column import ParquetColumn
from gmm_pipeline.arrow.rows import ColumnRows
from gmm_pipeline.core.coding.round_trip import RoundTrip
from gmm_pipeline.engines.engine import NO_PARTS, CountingEngine, ExistingParts
from gmm_pipeline.engines.local.partitioning import Partitioning, partition_column
from gmm_pipeline.engines.parts import (
    MIN_ROWS_PER_THREAD,
    ROWS_PER_TASK,
    copy_part,
    encode_part,
    part_path,
    remaining_parts,
    split_rows,
    write_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from gmm_pipeline.arrow.column_codec import ColumnCodec
    from gmm_pipeline.arrow.counters import RowCounter
    from gmm_pipeline.arrow.rows import TableRows
    from gmm_pipeline.arrow.written_file import WrittenFiles
    from gmm_pipeline.core.sketch.sketch import Tally

_TASKS_PER_THREAD = 8
"""Pieces that each thread counts of a large column."""

Item = TypeVar("Item")
T = TypeVar("T")


class LocalEngine(CountingEngine):
    """Passes over columns with threads of this process.

    Parameters
    ----------
    threads : int, optional
        As many as there are cores when left out. Results do not depend on it.
    memory : int, optional
        Bytes that the process may hold: columns of wide rows are passed over in smaller batches, or
        by fewer threads.
    """

    def __init__(self, threads: int | None = None, memory: int | None = None) -> None:
        self.threads = threads or os.cpu_count() or 1
        self._memory = memory

    def copy(
        self, column: ParquetColumn, folder: Path, after: ExistingParts = NO_PARTS
    ) -> WrittenFiles:
        """Write a column to files of fixed numbers of rows, in parts and row groups that depend on
        the rows alone.
        """
        cut = self._cut(column)

        def copy(part: tuple[int, range]) -> None:
            copy_part(column, part[1], part_path(folder, part[0]), cut.batch_rows)

        _in_threads(cut.threads, copy, self._parts(after, column.rows))
        return {}

    def encode(
        self, column: ColumnRows, codec: ColumnCodec, folder: Path, after: ExistingParts = NO_PARTS
    ) -> tuple[RoundTrip, WrittenFiles]:
        """Write a column encoded, part by part, and compare what decoding gives with what the rows
        were.
        """
        cut = self._cut(column)

        def encode(part: tuple[int, range]) -> RoundTrip:
            return encode_part(column, codec, part[1], part_path(folder, part[0]), cut.batch_rows)

        return reduce(
            RoundTrip.merge, _in_threads(cut.threads, encode, self._parts(after, column.rows))
        ), {}

    def write_table(self, table: TableRows, folder: Path) -> None:
        """Write the rows of a table to files of fixed numbers of rows, in their order."""

        def write(part: tuple[int, range]) -> None:
            write_part(table, part[1], part_path(folder, part[0]))

        _in_threads(self.threads, write, self._parts(NO_PARTS, table.rows))

    def _count(
        self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]
    ) -> Tally:
        """Let each thread count every n-th piece of the ranges with a counter of its own, and merge
        the tallies.
        """
        cut = self._cut(column)
        # Row groups across a border are read twice, so there are no more borders than it takes to
        # share the work.
        rows = sum(map(len, ranges))
        share = max(-(-rows // cut.threads), MIN_ROWS_PER_THREAD)
        size = max(min(ROWS_PER_TASK, share), rows // (_TASKS_PER_THREAD * cut.threads))
        tasks = [piece for each in ranges for piece in split_rows(each, size)]
        batched = (
            replace(column, batch_rows=cut.batch_rows)
            if isinstance(column, ParquetColumn)
            else column
        )

        def count_tasks(thread: int) -> Tally:
            counter = make()
            for task in tasks[thread :: cut.threads]:
                for array in batched.arrays(task):
                    counter.add(array)
            return counter.tally()

        threads = range(min(cut.threads, max(len(tasks), 1)))
        return reduce(
            lambda left, right: left.merge(right), _in_threads(cut.threads, count_tasks, threads)
        )

    def _parts(self, after: ExistingParts, rows: int) -> list[tuple[int, range]]:
        """Return the number and the rows of each part of a column that is still to be written."""
        return remaining_parts(after, rows)

    def _cut(self, column: ColumnRows) -> Partitioning:
        """Return how a pass over a column is cut up; only what lies in files has to fit into the
        memory.
        """
        if self._memory is None or not isinstance(column, ParquetColumn):
            return Partitioning(self.threads, ROWS_PER_GROUP, peak_memory=0)
        return partition_column(column, self.threads, self._memory)


def _in_threads(threads: int, work: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise

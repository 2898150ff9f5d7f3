"""The local engine: threads of this process, one for each part or piece of the rows."""

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
"""Pieces of a large column for each thread: so many that threads end at about the same time, and so
few that reading row groups twice at their borders costs little."""

Item = TypeVar("Item")
T = TypeVar("T")


class LocalEngine(CountingEngine):
    """Passes over columns with threads of this process.

    Parameters
    ----------
    threads : int, optional
        One per core when left out. Results do not depend on it.
    memory : int, optional
        Bytes that the process may hold: wide rows are read in smaller batches, or by fewer threads.
    """

    def __init__(self, threads: int | None = None, memory: int | None = None) -> None:
        self.threads = threads or os.cpu_count() or 1
        self._memory = memory

    def copy(
        self, column: ParquetColumn, folder: Path, after: ExistingParts = NO_PARTS
    ) -> WrittenFiles:
        """Write a column as it is, in parts and row groups of fixed numbers of rows."""
        plan = self._partitioning(column)

        def copy(part: tuple[int, range]) -> None:
            copy_part(column, part[1], part_path(folder, part[0]), plan.batch_rows)

        _in_threads(plan.threads, copy, remaining_parts(after, column.rows))
        return {}

    def encode(
        self, column: ColumnRows, codec: ColumnCodec, folder: Path, after: ExistingParts = NO_PARTS
    ) -> tuple[RoundTrip, WrittenFiles]:
        """Write a column encoded, in the same parts, and compare the decoded rows with the rows."""
        plan = self._partitioning(column)

        def encode(part: tuple[int, range]) -> RoundTrip:
            return encode_part(column, codec, part[1], part_path(folder, part[0]), plan.batch_rows)

        return reduce(
            RoundTrip.merge, _in_threads(plan.threads, encode, remaining_parts(after, column.rows))
        ), {}

    def write_table(self, table: TableRows, folder: Path) -> None:
        """Write a table to files of fixed numbers of rows, in the order of its rows."""

        def write(part: tuple[int, range]) -> None:
            write_part(table, part[1], part_path(folder, part[0]))

        _in_threads(self.threads, write, remaining_parts(NO_PARTS, table.rows))

    def _count(
        self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]
    ) -> Tally:
        """Let each of n threads count every n-th piece of the ranges; merge their tallies."""
        plan = self._partitioning(column)
        # A row group across a border of pieces is read twice, so pieces are as large as sharing
        # the work allows.
        rows = sum(map(len, ranges))
        share = max(-(-rows // plan.threads), MIN_ROWS_PER_THREAD)
        size = max(min(ROWS_PER_TASK, share), rows // (_TASKS_PER_THREAD * plan.threads))
        tasks = [piece for each in ranges for piece in split_rows(each, size)]
        batched = (
            replace(column, batch_rows=plan.batch_rows)
            if isinstance(column, ParquetColumn)
            else column
        )

        def count_tasks(thread: int) -> Tally:
            counter = make()
            for task in tasks[thread :: plan.threads]:
                for array in batched.arrays(task):
                    counter.add(array)
            return counter.tally()

        threads = range(min(plan.threads, max(len(tasks), 1)))
        return reduce(
            lambda left, right: left.merge(right), _in_threads(plan.threads, count_tasks, threads)
        )

    def _partitioning(self, column: ColumnRows) -> Partitioning:
        """Return threads and batches of a pass; tables in memory do not count towards its limit."""
        if self._memory is None or not isinstance(column, ParquetColumn):
            return Partitioning(self.threads, ROWS_PER_GROUP, peak_memory=0)
        return partition_column(column, self.threads, self._memory)


def _in_threads(threads: int, work: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
    items = list(items)
    if len(items) == 1:
        # For a short column, starting a thread takes longer than the work.
        return [work(items[0])]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise

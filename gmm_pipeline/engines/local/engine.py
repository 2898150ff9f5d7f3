"""Passes over one column: copy, sketch, encode. Parts are worked on in parallel, each by one thread."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from typing import TYPE_CHECKING, TypeVar

from gmm_pipeline.arrow.extending import extend_sketch
from gmm_pipeline.arrow.sketching import SketchRequest, sketch_column
from gmm_pipeline.core.roundtrip import RoundTrip
from gmm_pipeline.engines.engine import NOTHING, ColumnRows, Written
from gmm_pipeline.engines.parts import ROWS_PER_TASK, copy_part, encode_part, part_path, parts_after, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from gmm_pipeline.arrow.counters import RowCounter
    from gmm_pipeline.arrow.encoded import ColumnCodec
    from gmm_pipeline.core.sketch import Sketch, Tally
    from gmm_pipeline.engines.local.parquet_column import ParquetColumn

T = TypeVar("T")


class LocalEngine:
    """Passes over columns with threads of this process.

    Parameters
    ----------
    threads : int, optional
        As many as there are cores when left out. Results do not depend on it.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or os.cpu_count() or 1

    def copy(self, column: ParquetColumn, folder: Path, after: Written = NOTHING) -> None:
        """Write a column to files of fixed numbers of rows, in parts and row groups that depend on the rows alone."""
        self._for_each_part(column.rows, after, lambda number, rows: copy_part(column, rows, part_path(folder, number)))

    def sketch(self, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Sketch a column."""
        return sketch_column(column.field, column.rows, request, partial(self._count, column))

    def extend_sketch(self, sketch: Sketch, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Return the sketch of a column from that of its first rows; by passing over the others alone if it can be."""
        new = range(sketch.rows, column.rows)
        extended = extend_sketch(sketch, column.field, new, request, partial(self._count, column))
        return self.sketch(column, request) if extended is None else extended

    def encode(self, column: ColumnRows, codec: ColumnCodec, folder: Path, after: Written = NOTHING) -> RoundTrip:
        """Write a column encoded, part by part, and compare what decoding gives with what the rows were."""
        outcomes = self._for_each_part(
            column.rows, after, lambda number, rows: encode_part(column, codec, rows, part_path(folder, number))
        )
        return reduce(RoundTrip.merge, outcomes)

    def _count(self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]) -> Tally:
        """Let each thread count every n-th piece of the ranges with a counter of its own, and merge the tallies."""
        tasks = [piece for rows in ranges for piece in pieces(rows, ROWS_PER_TASK)]

        def count_tasks(thread: int) -> Tally:
            counter = make()
            for rows in tasks[thread :: self.threads]:
                for array in column.arrays(rows):
                    counter.add(array)
            return counter.tally()

        threads = range(min(self.threads, max(len(tasks), 1)))
        return reduce(lambda left, right: left.merge(right), self._in_threads(count_tasks, threads))

    def _for_each_part(self, rows: int, after: Written, work: Callable[[int, range], T]) -> list[T]:
        return self._in_threads(lambda part: work(*part), parts_after(after, rows))

    def _in_threads(
        self, work: Callable[[int], T] | Callable[[tuple[int, range]], T], items: Iterable[object]
    ) -> list[T]:
        with ThreadPoolExecutor(self.threads) as pool:
            futures = [pool.submit(work, item) for item in items]  # type: ignore[arg-type]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

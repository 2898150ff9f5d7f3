"""Passes over one column: copy, sketch, encode. Parts are worked on in parallel, each by one thread."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Protocol, TypeVar

import pyarrow as pa

from gmm_pipeline.arrow.extending import extend_sketch
from gmm_pipeline.arrow.fields import stored_schema
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, ROWS_PER_PART, rechunked, write_rows
from gmm_pipeline.arrow.sketching import SketchRequest, sketch_column
from gmm_pipeline.arrow.tables import encoded_schema
from gmm_pipeline.core.roundtrip import RoundTrip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from gmm_pipeline.arrow.counters import RowCounter
    from gmm_pipeline.arrow.encoded import ColumnCodec
    from gmm_pipeline.core.sketch import Sketch, Tally
    from gmm_pipeline.engines.local.parquet_column import ParquetColumn

T = TypeVar("T")

_ROWS_PER_TASK = 1 << 20


class ColumnRows(Protocol):
    """A column that is read by ranges of rows, by several threads at once."""

    @property
    def field(self) -> pa.Field:
        """Name and type."""
        ...

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def arrays(self, rows: range) -> Iterator[pa.Array]:
        """Yield consecutive arrays that together hold a range of rows."""
        ...


@dataclass(frozen=True)
class Written:
    """What is written of a column already: so many rows, in so many parts."""

    rows: int = 0
    parts: int = 0


NOTHING = Written()


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
        schema = stored_schema(column.field)
        plain = replace(column, field=schema.field(0))

        def copy_part(number: int, rows: range) -> None:
            arrays = rechunked(plain.arrays(rows), ROWS_PER_GROUP)
            batches = (pa.RecordBatch.from_arrays([array], schema=schema) for array in arrays)
            write_rows(part_path(folder, number), schema, batches)

        self._for_each_part(column.rows, after, copy_part)

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
        schema = encoded_schema({column.field.name: codec})

        def encode_part(number: int, rows: range) -> RoundTrip:
            outcomes = [RoundTrip.none(codec.rows.n_modes)]

            def encoded_batches() -> Iterator[pa.RecordBatch]:
                row = rows.start
                for array in rechunked(column.arrays(rows), ROWS_PER_GROUP):
                    encoded = codec.encode(array, row)
                    outcomes.append(codec.compare(array, encoded, row))
                    yield encoded.batch(schema)
                    row += len(array)

            write_rows(part_path(folder, number), schema, encoded_batches())
            return reduce(RoundTrip.merge, outcomes)

        return reduce(RoundTrip.merge, self._for_each_part(column.rows, after, encode_part))

    def _count(self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]) -> Tally:
        """Let each thread count every n-th piece of the ranges with a counter of its own, and merge the tallies."""
        tasks = [piece for rows in ranges for piece in _split(rows, _ROWS_PER_TASK)]

        def count_tasks(thread: int) -> Tally:
            counter = make()
            for rows in tasks[thread :: self.threads]:
                for array in column.arrays(rows):
                    counter.add(array)
            return counter.tally()

        threads = range(min(self.threads, max(len(tasks), 1)))
        return reduce(lambda left, right: left.merge(right), self._in_threads(count_tasks, threads))

    def _for_each_part(self, rows: int, after: Written, work: Callable[[int, range], T]) -> list[T]:
        parts = list(enumerate(_split(range(after.rows, rows), ROWS_PER_PART), start=after.parts))
        return self._in_threads(lambda part: work(*part), parts)

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


def part_path(folder: Path, number: int) -> Path:
    """Return the path of a part of a stored column."""
    return folder / f"part-{number:05d}.parquet"


def _split(rows: range, size: int) -> list[range]:
    return [range(start, min(start + size, rows.stop)) for start in range(rows.start, rows.stop, size)]

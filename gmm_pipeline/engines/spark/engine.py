"""Passes over rows on the executors of a Spark cluster.

The driver gives each task ranges of rows. Tasks read them from the source's files and write parts
with the code of the local engine, so files are the same bytes on both. Tallies of sketches come
back, merged by tasks on the way. No row passes through the JVM.
"""

from __future__ import annotations

import uuid
from functools import partial, reduce
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, ROWS_PER_PART
from gmm_pipeline.arrow.rows import ColumnRows
from gmm_pipeline.arrow.written_file import WrittenFile
from gmm_pipeline.core.coding.round_trip import RoundTrip
from gmm_pipeline.core.sketch.sketch import Tally
from gmm_pipeline.engines.engine import NO_PARTS, CountingEngine, ExistingParts, RowsFitter
from gmm_pipeline.engines.parts import (
    ROWS_PER_TASK,
    copy_part,
    encode_part,
    part_path,
    remaining_parts,
    split_rows,
    write_part,
)
from gmm_pipeline.engines.spark.attempts import Attempts
from gmm_pipeline.engines.spark.mixture import fit_spark_ml_full
from gmm_pipeline.engines.spark.rows import TaskNumbers
from gmm_pipeline.engines.spark.session import require_spark
from gmm_pipeline.engines.spark.tasks import (
    MOST_TASKS,
    map_in_arrow,
    run_and_merge,
    run_tasks,
    spark_job_errors,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

    from gmm_pipeline.arrow.column_codec import ColumnCodec
    from gmm_pipeline.arrow.counters import RowCounter
    from gmm_pipeline.arrow.parquet_column import ParquetColumn
    from gmm_pipeline.arrow.rows import TableRows
    from gmm_pipeline.arrow.written_file import WrittenFiles
    from gmm_pipeline.core.mixture.fit_mixture import MixtureFit
    from gmm_pipeline.core.sketch.coordinate import Coordinate
    from gmm_pipeline.core.sketch.numbers import Numbers
    from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

T = TypeVar("T")


class SparkEngine(CountingEngine):
    """Passes over columns with the tasks of a Spark session.

    Parameters
    ----------
    session : SparkSession
    tasks : int, optional
        The most tasks of a pass; `spark.default.parallelism` when left out, and without that
        `MOST_TASKS`. A pass has no more than one for each part to write or 2**20 rows to count.
        Results do not depend on it.

    Raises
    ------
    SettingsError
        If the packages of the extra `spark` are not installed.
    """

    def __init__(self, session: SparkSession, tasks: int | None = None) -> None:
        require_spark()
        self._session = session
        self._tasks = tasks or int(
            session.conf.get("spark.default.parallelism", None) or MOST_TASKS
        )

    def copy(
        self, column: ParquetColumn, folder: Path, after: ExistingParts = NO_PARTS
    ) -> WrittenFiles:
        """Write a column as it is, in parts and row groups of fixed numbers of rows."""
        return self._write(column.rows, folder, after, partial(copy_part, column))[1]

    def encode(
        self, column: ColumnRows, codec: ColumnCodec, folder: Path, after: ExistingParts = NO_PARTS
    ) -> tuple[RoundTrip, WrittenFiles]:
        """Write a column encoded, in the same parts, and compare the decoded rows with the rows."""
        outcomes, files = self._write(
            column.rows, folder, after, partial(encode_part, column, codec)
        )
        return reduce(RoundTrip.merge, outcomes), files

    def write_table(self, table: TableRows, folder: Path) -> None:
        """Write a table to files of fixed numbers of rows, in the order of its rows."""
        self._write(table.rows, folder, NO_PARTS, partial(write_part, table))

    def frame(self, table: TableRows, files: Sequence[Path]) -> DataFrame:
        """Return the rows of a table as a Spark DataFrame, whose partitions tasks read when needed.

        Parameters
        ----------
        table : TableRows
        files : sequence of Path
            Parquet files that together have all of its columns: Spark takes their types from them.

        Raises
        ------
        SparkJobError
            If Spark does not have a type, or tasks cannot read the files.
        """
        with spark_job_errors():
            paths = [file.as_uri() for file in files]
            typed = self._session.read.option("mergeSchema", True).parquet(*paths)
            typed = typed.select(*(f"`{name.replace('`', '``')}`" for name in table.schema.names))
            arrow_schema = typed.limit(0).toArrow().schema
        ranges = split_rows(range(table.rows), ROWS_PER_PART)
        read = partial(_read_rows, table, arrow_schema, self._shares(ranges))
        tasks = max(len(self._shares(ranges)), 1)
        return map_in_arrow(self._session.range(0, tasks, 1, tasks), read, typed.schema)

    def rows_fitter(self, column: ColumnRows) -> RowsFitter:
        """Return a fitter of Spark ML's mixture to all rows of a column."""
        return partial(self._fit_rows, column)

    def _fit_rows(
        self,
        column: ColumnRows,
        points: WeightedPoints,
        *,
        coordinate: Coordinate,
        without: Numbers,
        n_components: int,
        seed: int,
    ) -> MixtureFit:
        shares = self._shares(split_rows(range(column.rows), ROWS_PER_GROUP))
        rows = partial(TaskNumbers(column, coordinate, without, shares).frame, self._session)
        return fit_spark_ml_full(points, n_components, seed=seed, rows=rows)

    def _count(
        self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]
    ) -> Tally:
        found = [piece for rows in ranges for piece in split_rows(rows, ROWS_PER_TASK)] or [
            range(0)
        ]
        # Reading a few rows of a row group costs as much as reading all of it.
        read = sum(max(len(piece), ROWS_PER_GROUP) for piece in found)
        shares = self._shares(found, -(-read // ROWS_PER_TASK))
        return run_and_merge(
            self._session, partial(_count_rows, column, make, shares), len(shares), Tally.merge
        )

    def _write(
        self, rows: int, folder: Path, after: ExistingParts, write: Callable[[range, Path], T]
    ) -> tuple[list[T], dict[str, WrittenFile]]:
        """Let tasks write the parts of a table; return the results of `write`, and the files."""
        shares = self._shares(remaining_parts(after, rows))
        with Attempts.beside(folder) as attempts:
            written = run_tasks(
                self._session, partial(_write_parts, shares, attempts, write), len(shares)
            )
            for share, (attempt, _) in zip(shares, written, strict=True):
                for number, _ in share:
                    attempts.keep(number, attempt)
        parts = [part for _, parts in written for part in parts]
        names = [part_path(folder, number).name for share in shares for number, _ in share]
        return [result for result, _ in parts], {
            name: file for name, (_, file) in zip(names, parts, strict=True)
        }

    def _shares(self, items: Sequence[T], most: int = MOST_TASKS) -> list[Sequence[T]]:
        """Split items into a share of consecutive ones for each task."""
        n_tasks = min(len(items), self._tasks, most)
        bounds = [task * len(items) // n_tasks for task in range(n_tasks + 1)] if n_tasks else [0]
        return [items[start:stop] for start, stop in pairwise(bounds)]


def _read_rows(
    table: TableRows,
    schema: pa.Schema,
    shares: Sequence[Sequence[range]],
    tasks: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of tasks in the types of Spark."""
    for batch in tasks:
        for task in batch.column(0).to_pylist():
            for rows in shares[task]:
                for found in table.batches(rows):
                    yield from pa.Table.from_batches([found]).cast(schema).to_batches()


def _count_rows(
    column: ColumnRows, make: Callable[[], RowCounter], shares: Sequence[Sequence[range]], task: int
) -> Tally:
    counter = make()
    for rows in shares[task]:
        for array in column.arrays(rows):
            counter.add(array)
    return counter.tally()


def _write_parts(
    shares: Sequence[Sequence[tuple[int, range]]],
    attempts: Attempts,
    write: Callable[[range, Path], T],
    task: int,
) -> tuple[str, list[tuple[T, WrittenFile]]]:
    """Write the parts of a task as an attempt; return its id, and results and files of the parts.

    The task flushes and hashes its files, so the driver reads none of them.
    """
    attempt, written = uuid.uuid4().hex, []
    for number, rows in shares[task]:
        path = attempts.path(number, attempt)
        written.append((write(rows, path), WrittenFile.flushed(path)))
    return attempt, written

"""The numbers of a column as a Spark DataFrame, for methods that fit all rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.number_batch import NumberBatch
from gmm_pipeline.engines.spark.mixture import POSITION
from gmm_pipeline.engines.spark.tasks import map_in_arrow

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from gmm_pipeline.arrow.rows import ColumnRows
    from gmm_pipeline.core.sketch.coordinate import Coordinate
    from gmm_pipeline.core.sketch.numbers import Numbers


@dataclass(frozen=True)
class TaskNumbers:
    """The finite numbers of a column, except some, read by tasks.

    Parameters
    ----------
    column : ColumnRows
    coordinate : Coordinate
    without : array
        Numbers to leave out.
    shares : sequence of sequence of range
        The rows that each task reads.
    """

    column: ColumnRows
    coordinate: Coordinate
    without: Numbers
    shares: Sequence[Sequence[range]]

    def frame(self, session: SparkSession, center: float, exponent: int) -> DataFrame:
        """Return a row (x − center) / 2**exponent for each number, in a partition for each task.

        x are the coordinates of the numbers.
        """
        tasks = len(self.shares)

        def positions(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for task in batch.column(0).to_pylist():
                    yield from self._positions(task, center, exponent)

        return map_in_arrow(session.range(0, tasks, 1, tasks), positions, f"{POSITION} double")

    def _positions(self, task: int, center: float, exponent: int) -> Iterator[pa.RecordBatch]:
        for rows in self.shares[task]:
            for array in self.column.arrays(rows):
                numbers, _ = NumberBatch.of(array).split()
                x = self.coordinate.forward(numbers[~np.isin(numbers, self.without)])
                yield pa.RecordBatch.from_arrays(
                    [pa.array(np.ldexp(x - center, -exponent))], names=[POSITION]
                )

"""Python functions as the tasks of a Spark job; only their return values come back.

Values are pickled by Spark's own serializer. A task that raises a PipelineError succeeds and
returns the error, which the driver raises: retrying the task would only repeat it.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from gmm_pipeline.errors import PipelineError, SourceError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

T = TypeVar("T")

MOST_TASKS = 10_000
"""The most tasks of a job: Spark's driver keeps some kilobytes for each."""
MERGED_AT_ONCE = 32
"""The most values that one task or the driver merges: 32 sketches of at most 0.25 MB are 8 MB."""
SHARED_FILES_REMEDY = (
    "Put the source and the store on a file system that the driver and all executors mount under "
    "the same path"
)
_TASK, _OUTCOME = "task", "outcome"
_COLUMNS = f"{_TASK} bigint, {_OUTCOME} binary"


class SparkJobError(PipelineError):
    """A Spark job failed."""


@contextmanager
def spark_job_errors() -> Iterator[None]:
    """Turn Spark's exceptions into SparkJobError."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise SparkJobError(
            f"a Spark job failed: {lines[-1] if lines else type(error).__name__}",
            remedy="See the logs of the executors; docs/spark.md lists what they need",
        ) from error


def map_in_arrow(
    frame: DataFrame,
    function: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]],
    schema: StructType | str,
) -> DataFrame:
    """Return `frame.mapInArrow(function, schema)`, without Spark's warning about pandas 3.

    Spark 4 asks for pandas wherever Python functions meet Arrow. No row here ever becomes pandas:
    encoded rows were the same bytes with pandas 2.3 and 3.1.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        return frame.mapInArrow(function, schema)


def run_tasks(session: SparkSession, work: Callable[[int], T], n_tasks: int) -> list[T]:
    """Call a function for each of the numbers 0 … n_tasks − 1 on executors; return its results.

    Parameters
    ----------
    session : SparkSession
    work : callable
        Sent to the executors, with all that it refers to. It may be called more than once for a
        number, even at the same time, as Spark retries and speculates.
    n_tasks : int

    Raises
    ------
    PipelineError
        The first that a task raised.
    SparkJobError
        If a task failed otherwise, in all of Spark's attempts.
    """
    collected = dict(_collect(_task_frame(session, work, n_tasks)))
    return [_raise_error(collected[task]) for task in range(n_tasks)]


def run_and_merge(
    session: SparkSession, work: Callable[[int], T], n_tasks: int, merge: Callable[[T, T], T]
) -> T:
    """Call a function as `run_tasks` does, and return its results merged.

    `merge` must be associative and commutative. Executors merge `MERGED_AT_ONCE` results at a time
    until few are left, so the driver's memory does not grow with the tasks.
    """
    frame = _task_frame(session, work, n_tasks)
    while n_tasks > MERGED_AT_ONCE:
        n_tasks = -(-n_tasks // MERGED_AT_ONCE)
        grouped = frame.withColumn(_TASK, frame[_TASK] % n_tasks).repartition(n_tasks, _TASK)
        frame = map_in_arrow(grouped, _arrow_merge(merge), _COLUMNS)
    partial: list[T] = [_raise_error(outcome) for _, outcome in _collect(frame)]
    return reduce(merge, partial)


def _task_frame(session: SparkSession, work: Callable[[int], Any], n_tasks: int) -> DataFrame:
    return map_in_arrow(session.range(0, n_tasks, 1, n_tasks), _arrow_work(work), _COLUMNS)


def _arrow_work(
    work: Callable[[int], Any],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.column(0).to_pylist():
                yield _to_batch(task, _outcome_of(work, task))

    return run


def _arrow_merge(
    merge: Callable[[Any, Any], Any],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def both(left: Any, right: Any) -> Any:
        if isinstance(left, PipelineError) or isinstance(right, PipelineError):
            return left if isinstance(left, PipelineError) else right
        return merge(left, right)

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        outcomes = (outcome for batch in batches for _, outcome in _from_batch(batch))
        for first in outcomes:
            yield _to_batch(0, reduce(both, outcomes, first))

    return run


def _outcome_of(work: Callable[[int], Any], task: int) -> Any:
    try:
        return work(task)
    except PipelineError as error:
        return error
    except FileNotFoundError as error:
        return SourceError(
            f"an executor on {socket.gethostname()} does not find a file: {error}",
            remedy=SHARED_FILES_REMEDY,
        )


def _to_batch(task: int, outcome: Any) -> pa.RecordBatch:
    from pyspark.serializers import CPickleSerializer

    packed = CPickleSerializer().dumps(outcome)  # type: ignore[no-untyped-call]
    arrays = [pa.array([task], pa.int64()), pa.array([packed], pa.binary())]
    return pa.RecordBatch.from_arrays(arrays, names=[_TASK, _OUTCOME])


def _from_batch(batch: pa.RecordBatch | pa.Table) -> Iterator[tuple[int, Any]]:
    from pyspark.serializers import CPickleSerializer

    for task, outcome in zip(batch[_TASK], batch[_OUTCOME], strict=True):
        yield task.as_py(), CPickleSerializer().loads(outcome.as_py())  # type: ignore[no-untyped-call]


def _collect(frame: DataFrame) -> Iterator[tuple[int, Any]]:
    with spark_job_errors():
        table = frame.toArrow()
    return _from_batch(table)


def _raise_error(outcome: T | PipelineError) -> T:
    if isinstance(outcome, PipelineError):
        raise outcome
    return outcome

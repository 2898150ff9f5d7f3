"""Settings of Spark that suit a table and a cluster, and what to expect of them, each with its
reason.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, ROWS_PER_PART
from gmm_pipeline.engines.local.partitioning import Footprint, partition
from gmm_pipeline.engines.parts import ROWS_PER_TASK
from gmm_pipeline.engines.spark.machines import Machines, count_of
from gmm_pipeline.engines.spark.session import SparkSettings
from gmm_pipeline.engines.spark.tasks import MERGED_AT_ONCE, MOST_TASKS
from gmm_pipeline.errors import SettingsError

NANOSECONDS = 270.0
"""Of one core, for a row of a column in all stages: `benchmarks/spark.py`, 200 million rows and one
worker.
"""
COLUMN_SECONDS, TASK_SECONDS, START_SECONDS = 3.0, 0.02, 20.0
"""Of the driver for a column however long, of a core for a task however short, and of the session
and the executors.
"""
TALLY_BYTES = 250_000
"""Of what comes of a task that counts a column of many numbers; docs/spark.md says where it was
measured.
"""
_JVM = 1 << 30
"""Spark's default, and about what Dagster's process holds besides."""
_STEP = 1 << 28
_SIZE = re.compile(r"(?P<number>\d+)(?P<unit>[kmgt]?)b?")
_SHIFTS = {"k": 10, "m": 20, "g": 30, "t": 40}


@dataclass(frozen=True)
class Advice:
    """A setting of Spark: its value, whether the user gave it, and the reason."""

    setting: str
    value: str
    given: bool
    reason: str


@dataclass(frozen=True)
class SparkPlan:
    """How Spark would pass over columns.

    Parameters
    ----------
    machines : Machines
    settings : tuple of Advice
    seconds : float
        For all columns, with the start.
    executor_memory : int
        Bytes that an executor and its Python processes hold.
    driver_memory : int
    shuffled : int
        Bytes that go from task to task, of a column.
    reasons : dict of str to str
        How these were found, by their names.
    """

    machines: Machines
    settings: tuple[Advice, ...]
    seconds: float
    executor_memory: int
    driver_memory: int
    shuffled: int
    reasons: Mapping[str, str]


def plan_spark(
    rows: int, columns: Mapping[str, Footprint], machines: Machines, given: SparkSettings
) -> SparkPlan:
    """Return how Spark would pass over columns of a table.

    Parameters
    ----------
    rows : int
    columns : dict of str to Footprint
        What the footers of the table's files say of each column that there is something to do for.
    machines : Machines
    given : mapping
        Settings of Spark, which take precedence.
    """
    parallelism = count_of(given, "spark.default.parallelism", MOST_TASKS)
    writing, counting = (
        min(-(-rows // size), parallelism) for size in (ROWS_PER_PART, ROWS_PER_TASK)
    )
    cores = count_of(given, "spark.executor.cores", machines.cores)
    executors = machines.number * max(machines.cores // cores, 1)
    busy = max(1, min(executors * cores, writing))
    name, of_task = _widest(rows, columns)
    heap = 0 if machines.here else _bytes(str(given.get("spark.executor.memory", "1g")))
    shuffled = counting * TALLY_BYTES if counting > MERGED_AT_ONCE else 0
    advised = _advised(rows, machines, (writing, counting), cores, (name, of_task), shuffled)
    seconds = START_SECONDS + len(columns) * (
        COLUMN_SECONDS
        + (rows * NANOSECONDS * 1e-9 + TASK_SECONDS * (writing * 2 + counting)) / busy
    )
    return SparkPlan(
        machines=machines,
        settings=tuple(
            Advice(setting, str(given.get(setting, value)), setting in given, reason)
            for setting, value, reason in advised
            if not (machines.here and setting.startswith("spark.executor."))
        ),
        seconds=seconds,
        executor_memory=heap + cores * of_task,
        driver_memory=2 * _JVM,
        shuffled=shuffled,
        reasons={
            "seconds": f"{START_SECONDS:.0f} s to start, and for each of {len(columns)} columns {COLUMN_SECONDS:.0f} s "
            f"and {NANOSECONDS:.0f} ns a row of one core, on {busy} of {executors * cores} cores",
            "executor_memory": "a Python process for each core"
            + ("" if machines.here else ", and its JVM"),
            "driver_memory": "Dagster and a JVM; they hold sketches and counts, which do not grow with the rows",
            "shuffled": f"{counting:,} sketches of at most {TALLY_BYTES // 1000} kB, for a column"
            if shuffled
            else f"up to {MERGED_AT_ONCE} sketches go to the driver as they are",
        },
    )


def _advised(
    rows: int,
    machines: Machines,
    tasks: tuple[int, int],
    cores: int,
    widest: tuple[str, int],
    shuffled: int,
) -> list[tuple[str, str, str]]:
    """Return setting, value and reason of each."""
    writing, counting = tasks
    name, of_task = widest
    overhead = -(-cores * of_task // _STEP) * _STEP >> 20
    there = machines.number * machines.cores
    waiting = f"; the others of the {there:,} cores have nothing to do" if there > writing else ""
    room = _room(machines, (_JVM >> 20) + overhead)
    return [
        (
            "spark.default.parallelism",
            "leave it",
            (
                f"{_tasks(writing)} to write, one for each part of {ROWS_PER_PART:,} rows, and {_tasks(counting)} to "
                f"count {ROWS_PER_TASK:,} rows each, but {MOST_TASKS:,} at most: short enough to be balanced and to be "
                f"done again{waiting}"
            ),
        ),
        (
            "spark.executor.cores",
            f"{cores}",
            (
                f"one executor on each of {machines.number} machines, with all its cores: a task uses one thread, and "
                "tasks share the JVM"
            ),
        ),
        (
            "spark.executor.memory",
            "1g",
            "no row passes through the JVM, so Spark's default is enough, but for method = spark_ml_full",
        ),
        (
            "spark.executor.memoryOverhead",
            f"{overhead}m",
            (
                f"{cores} × {of_task >> 20} MB outside of the JVM: a row group of {ROWS_PER_GROUP:,} rows of "
                f"{name!r}, the widest column, with its counters, and the libraries{room}"
            ),
        ),
        (
            "spark.driver.memory",
            "1g",
            f"at most {MERGED_AT_ONCE} sketches come back at once, and counts of {rows:,} rows",
        ),
        (
            "spark.sql.shuffle.partitions",
            "leave it",
            "merging sets its own number"
            + (
                f", one for {MERGED_AT_ONCE} sketches"
                if shuffled
                else "; there is none here, as few sketches come back"
            ),
        ),
        (
            "spark.sql.execution.arrow.maxRecordsPerBatch",
            "leave it",
            (
                "the batches that Spark makes hold the numbers of tasks, not rows; tasks read "
                f"{ROWS_PER_GROUP:,} rows at a time by themselves"
            ),
        ),
    ]


def _tasks(number: int) -> str:
    return f"{number:,} task" + ("s" if number != 1 else "")


def _widest(rows: int, columns: Mapping[str, Footprint]) -> tuple[str, int]:
    """Return the column of the widest rows, and the bytes that a Python process holds of it."""
    held = {
        name: partition(
            column.row_bytes, rows, 1, sys.maxsize, chunk_bytes=column.chunk_bytes
        ).peak_memory
        for name, column in columns.items()
    }
    name = max(held, key=lambda name: held[name], default="")
    return name, held.get(name, 0)


def _room(machines: Machines, megabytes: int) -> str:
    """Say whether an executor fits a machine, where it is known what that has."""
    if machines.memory is None:
        return ""
    there = machines.memory >> 20
    if megabytes <= there:
        return f"; with the JVM {megabytes:,} of {there:,} MB"
    return f"; with the JVM that is {megabytes:,} MB, more than the {there:,} MB that are told of: see that they are there"


def _bytes(size: str) -> int:
    """Return the bytes of a size as Spark writes it; a number alone stands for mebibytes."""
    found = _SIZE.fullmatch(size.strip().lower())
    if found is None:
        raise SettingsError(
            f"spark.executor.memory = {size!r} is no size", remedy="Write it as 512m or 2g"
        )
    return int(found["number"]) << _SHIFTS[found["unit"] or "m"]

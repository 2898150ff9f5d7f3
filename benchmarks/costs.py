"""Measures what rows, files and tasks cost, for the calculation of a trillion rows."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from columns import COLUMNS, write_table
from measuring import seconds
from spark import COLUMN
from stages import FittedColumn

from gmm_pipeline.arrow.parquet import read_footer
from gmm_pipeline.arrow.parquet_column import ParquetColumn
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.spark.session import spark_session
from gmm_pipeline.engines.spark.tasks import run_tasks
from gmm_pipeline.store.manifest import FileFacts, Manifest, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PASSES = ("raw", "sketch", "transformed")
_MERGED_ROWS = 60_000
"""Enough distinct values for a sketch on the grid, whose size hardly grows with more rows."""
_TASKS, _CORES = 1000, 2
"""Tasks to schedule: a few seconds, so that Spark's start of a job does not count."""
_HASHED = 1 << 26
"""Bytes to take a checksum of: 67 MB, a fraction of a second."""
_TURNS = 3
"""Repetitions, of which the fastest counts, where a single one takes only milliseconds."""


@dataclass(frozen=True)
class Costs:
    """The measured costs.

    Parameters
    ----------
    rows : dict of str to float
        Seconds of one core per row, by stage.
    fit : float
        Seconds of the driver for the model of a column.
    sizes : dict of str to float
        Bytes per row, by stage.
    task, python_task : float
        Seconds of the driver per task, at most, and of a core per task that does nothing in Python.
    tally_bytes, merge : float
        Bytes of a sketch, and seconds to add one to another.
    footer, rename, unpickle, manifest_entry, checksum : float
        Seconds: to read a footer, to rename a file, to unpickle the path of a file in a task, to
        write a file into a manifest and read it back, and to take the checksum of a byte.
    manifest_bytes : float
        Bytes of a file in a manifest.
    """

    rows: Mapping[str, float]
    fit: float
    sizes: Mapping[str, float]
    task: float
    python_task: float
    tally_bytes: float
    merge: float
    footer: float
    rename: float
    unpickle: float
    manifest_entry: float
    checksum: float
    manifest_bytes: float


def costs_of(passes: Mapping[str, Any], files: int, folder: Path) -> Costs:
    """Return the costs: those of rows from measured passes, and the others, measured here."""
    tally_bytes, merge = _merging(folder)
    return Costs(
        rows={name: passes["stages"][name] * passes["workers"] / passes["rows"] for name in PASSES},
        fit=passes["stages"]["model"],
        sizes={name: size / passes["rows"] for name, size in passes["sizes"].items()},
        **_scheduling(min(files, _TASKS)),
        tally_bytes=tally_bytes,
        merge=merge,
        **_of_files(files, folder),
    )


def _scheduling(tasks: int) -> dict[str, float]:
    """Return the seconds of a task that does nothing, without Python and with it.

    Without Python, it is at most the share of the driver.
    """
    with spark_session({"spark.master": f"local[{_CORES}]"}) as session:
        bare = session.range(0, tasks, 1, tasks).write.format("noop").mode("overwrite")
        run_tasks(session, abs, 1)
        without_python = seconds(bare.save) / tasks
        with_python = seconds(run_tasks, session, abs, tasks) / tasks
    return {"task": without_python, "python_task": _CORES * with_python}


def _merging(folder: Path) -> tuple[float, float]:
    """Return the bytes of a sketch, and the seconds of merging two."""
    write_table(folder / "merged", {COLUMN: COLUMNS[COLUMN]}, _MERGED_ROWS)
    tally = FittedColumn.of(folder / "merged", COLUMN).sketch(LocalEngine(1)).tally
    tally.merge(tally)
    return len(pickle.dumps(tally)), seconds(tally.merge, tally)


def _of_files(number: int, folder: Path) -> dict[str, float]:
    """Return the seconds of the driver for a file of a column, by action."""
    paths = [folder / f"part-{part:05d}.parquet" for part in range(number)]
    table = pa.table({COLUMN: np.zeros(8)})
    for path in paths:
        pq.write_table(table, path)
    facts = {path.name: FileFacts(size=1, sha256="0" * 64) for path in paths}
    column = ParquetColumn(pa.field(COLUMN, pa.float64()), tuple(paths), (8,) * number)
    packed = pickle.dumps(column)
    manifest = _manifest(facts)
    text = manifest.model_dump_json(indent=2)
    block = np.zeros(_HASHED, dtype=np.uint8)
    large_file = folder / "large"
    block.tofile(large_file)

    def of_one(work: Callable[[], object]) -> float:
        return seconds(work) / number

    return {
        "footer": of_one(lambda: [read_footer(path) for path in paths]),
        "unpickle": min(of_one(lambda: pickle.loads(packed)) for _ in range(_TURNS)),  # noqa: S301 - pickled here
        "rename": of_one(lambda: [path.rename(path.with_suffix(".moved")) for path in paths]),
        "manifest_entry": of_one(
            lambda: Manifest.model_validate_json(_manifest(facts).model_dump_json(indent=2)).content
        ),
        "manifest_bytes": len(text) / number,
        "checksum": seconds(FileFacts.of, large_file) / _HASHED,
    }


def _manifest(files: dict[str, FileFacts]) -> Manifest:
    return Manifest(
        column=COLUMN,
        stage="raw",
        rows=1,
        columns={},
        files=files,
        origin=Origin(inputs={}, settings={}),
        versions={},
        created=datetime.now(UTC),
        seconds=0.0,
        summary={},
    )

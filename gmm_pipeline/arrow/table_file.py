"""A table in one file, Parquet or CSV, written batch by batch; it appears as a whole or not at
all.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from gmm_pipeline.arrow.parquet import write_rows
from gmm_pipeline.arrow.prefetch import prefetch
from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.errors import SourceError

TABLES = (".parquet", ".csv")


def check_target(path: Path, inputs: Iterable[Path], endings: tuple[str, ...] = TABLES) -> None:
    """Raise SourceError if a path cannot be written to: by its ending or folder, or as it is an
    input.
    """
    if path.exists() and any(path.samefile(file) for file in inputs if file.exists()):
        raise SourceError(f"{path} is what would be read from", remedy="Give another --out")
    if path.suffix.lower() not in endings:
        raise SourceError(
            f"{path} is neither {' nor '.join(endings)}",
            remedy="Give the output one of these endings",
        )
    if not path.absolute().parent.is_dir():
        raise SourceError(f"folder {path.absolute().parent} does not exist", remedy="Make it first")


def write_file(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write batches to a .parquet or .csv file, each while the next one is made; return the number
    of rows.
    """
    write = write_rows if path.suffix.lower() == ".parquet" else _write_csv
    with atomic_write(path) as partial:
        return write(partial, schema, prefetch(batches))


def _write_csv(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    with pa_csv.CSVWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows

"""Write a table to one Parquet or CSV file, batch by batch; it appears complete or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from gmm_pipeline.arrow.output_types import batch_in, in_csv, in_parquet, schema_in
from gmm_pipeline.arrow.parquet import write_rows
from gmm_pipeline.arrow.prefetch import prefetch
from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.errors import SourceError

TABLES = (".parquet", ".csv")
"""The endings of files that `write_file` writes."""


def check_target(path: Path, inputs: Iterable[Path], endings: tuple[str, ...] = TABLES) -> None:
    """Raise SourceError if a path cannot be written to.

    That is if it is one of the inputs, has an unknown ending, or its folder does not exist.
    """
    if path.exists() and any(path.samefile(file) for file in inputs if file.exists()):
        raise SourceError(f"{path} is an input of this command", remedy="Give another --out")
    if path.suffix.lower() not in endings:
        raise SourceError(
            f"{path} is neither {' nor '.join(endings)}",
            remedy="Give the output one of these endings",
        )
    if not path.absolute().parent.is_dir():
        raise SourceError(
            f"folder {path.absolute().parent} does not exist", remedy="Create it first"
        )


def write_file(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write batches to a .parquet or .csv file; return the number of rows.

    A thread computes the next batch while one is written.
    """
    is_parquet = path.suffix.lower() == ".parquet"
    write, form = (write_rows, in_parquet) if is_parquet else (_write_csv, in_csv)
    schema = schema_in(form, schema)
    # Other programs see the old file, or the complete new one.
    with atomic_write(path) as unfinished:
        return write(unfinished, schema, prefetch(map(partial(batch_in, schema), batches)))


def _write_csv(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    with pa_csv.CSVWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows

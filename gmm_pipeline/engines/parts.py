"""The parts of a stored column: which rows each holds, and how each is written, on any engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pyarrow as pa

from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.arrow.encoded_rows import value_name
from gmm_pipeline.arrow.encoded_tables import encoded_schema
from gmm_pipeline.arrow.field_text import stored_schema
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, ROWS_PER_PART, write_rows
from gmm_pipeline.arrow.parquet_column import ParquetColumn
from gmm_pipeline.arrow.regroup import rechunk
from gmm_pipeline.arrow.rows import ColumnRows, TableRows
from gmm_pipeline.core.coding.round_trip import RoundTrip
from gmm_pipeline.engines.engine import ExistingParts, prefer_dictionaries

ROWS_PER_TASK = 1 << 20
"""Rows of a task that counts: some 5 ms of one core, long beside what a task costs itself."""
MIN_ROWS_PER_THREAD = 1 << 16
"""Rows worth a thread of their own: it starts in 0.1 ms, and passes over them in 0.3 ms."""


def remaining_parts(existing: ExistingParts, rows: int) -> list[tuple[int, range]]:
    """Return the number and the rows of each part that is still to be written.

    Added rows are mostly few, and somebody waits for them: they become two parts at least, which
    two threads write at once, unless they are too few for that.
    """
    added = rows - existing.rows
    size = (
        min(ROWS_PER_PART, max(-(-added // 2), MIN_ROWS_PER_THREAD))
        if existing.rows
        else ROWS_PER_PART
    )
    return list(enumerate(split_rows(range(existing.rows, rows), size), start=existing.parts))


def part_path(folder: Path, number: int) -> Path:
    """Return the path of a part; the names of up to a million parts sort by number."""
    return folder / f"part-{number:06d}.parquet"


def split_rows(rows: range, size: int) -> list[range]:
    """Split a range of rows into ranges of a size; the last may be shorter."""
    return [
        range(start, min(start + size, rows.stop)) for start in range(rows.start, rows.stop, size)
    ]


def copy_part(
    column: ParquetColumn, rows: range, path: Path, batch_rows: int = ROWS_PER_GROUP
) -> None:
    """Write some rows of a column as they are, dictionaries as plain values."""
    schema = stored_schema(column.field)
    plain = replace(column, field=schema.field(0))
    arrays = rechunk(plain.arrays(rows), batch_rows)
    batches = (pa.RecordBatch.from_arrays([array], schema=schema) for array in arrays)
    write_rows(path, schema, batches, schema.names)


def encode_part(
    column: ColumnRows,
    codec: ColumnCodec,
    rows: range,
    path: Path,
    batch_rows: int = ROWS_PER_GROUP,
) -> RoundTrip:
    """Write some rows of a column encoded, and compare the decoded rows with the rows."""
    schema = encoded_schema({column.field.name: codec})
    outcomes = [RoundTrip.none(codec.rows.n_modes)]

    def encoded_batches() -> Iterator[pa.RecordBatch]:
        row = rows.start
        for array in rechunk(prefer_dictionaries(column).arrays(rows), batch_rows):
            encoded = codec.encode(array, row)
            outcomes.append(codec.compare(array, encoded, row))
            yield encoded.batch(schema)
            row += len(array)

    write_rows(path, schema, encoded_batches(), [value_name(column.field.name)])
    return reduce(RoundTrip.merge, outcomes)


def write_part(table: TableRows, rows: range, path: Path) -> None:
    """Write some rows of a table."""
    write_rows(path, table.schema, table.batches(rows))

"""The parts of a stored column: which rows each holds, and how it is written. Every engine writes them by this."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from gmm_pipeline.arrow.encoded import ColumnCodec
from gmm_pipeline.arrow.fields import stored_schema
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, ROWS_PER_PART, open_writer, rechunked
from gmm_pipeline.arrow.tables import encoded_schema
from gmm_pipeline.core.roundtrip import RoundTrip
from gmm_pipeline.engines.engine import ColumnRows, Written
from gmm_pipeline.engines.local.parquet_column import ParquetColumn

ROWS_PER_TASK = 1 << 20
"""Rows that are counted at a time."""


def parts_after(written: Written, rows: int) -> list[tuple[int, range]]:
    """Return the number and the rows of each part of a column that is still to be written."""
    return list(enumerate(pieces(range(written.rows, rows), ROWS_PER_PART), start=written.parts))


def part_path(folder: Path, number: int) -> Path:
    """Return the path of a part of a stored column."""
    return folder / f"part-{number:05d}.parquet"


def pieces(rows: range, size: int) -> list[range]:
    """Cut a range of rows into ranges of a size; the last may be shorter."""
    return [range(start, min(start + size, rows.stop)) for start in range(rows.start, rows.stop, size)]


def copy_part(column: ParquetColumn, rows: range, path: Path) -> None:
    """Write some rows of a column as they are, with plain values for dictionaries."""
    schema = stored_schema(column.field)
    plain = replace(column, field=schema.field(0))
    with open_writer(path, schema) as writer:
        for array in rechunked(plain.arrays(rows), ROWS_PER_GROUP):
            writer.write_table(pa.table([array], schema=schema), row_group_size=ROWS_PER_GROUP)


def encode_part(column: ColumnRows, codec: ColumnCodec, rows: range, path: Path) -> RoundTrip:
    """Write some rows of a column encoded, and compare what decoding gives with what they were."""
    schema = encoded_schema({column.field.name: codec})
    outcome = RoundTrip.none(codec.rows.n_modes)
    row = rows.start
    with open_writer(path, schema) as writer:
        for array in rechunked(column.arrays(rows), ROWS_PER_GROUP):
            encoded = codec.encode(array, row)
            outcome = outcome.merge(codec.compare(array, encoded, row))
            table = pa.table([pa.array(encoded.value), pa.array(encoded.rank)], schema=schema)
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)
            row += len(array)
    return outcome

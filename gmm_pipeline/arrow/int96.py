"""Times in Parquet's old type INT96, in which Spark and Impala write them.

It counts nanoseconds from years far beyond those that 64 bits of nanoseconds reach, so such columns
are read in microseconds, which hold the years 1 to 9999. Arrow drops what is below a microsecond
without a word; here it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gmm_pipeline.errors import ColumnDataError

UNIT = "us"
"""Of the times, in Arrow's words: that of Spark's own timestamps."""
_NANOSECONDS = 1000
"""Nanoseconds of a microsecond."""


def int96_columns(metadata: pq.FileMetaData) -> list[str]:
    """Return the columns of a file that are of type INT96."""
    columns = (metadata.schema.column(number) for number in range(metadata.num_columns))
    return [column.path for column in columns if column.physical_type == "INT96"]


def schema_in_microseconds(metadata: pq.FileMetaData) -> pa.Schema:
    """Return the schema of a file's rows as they are read."""
    schema = metadata.schema.to_arrow_schema()
    for name in set(int96_columns(metadata)) & set(schema.names):
        number = schema.get_field_index(name)
        schema = schema.set(number, schema.field(number).with_type(pa.timestamp(UNIT)))
    return schema


def refuse_nanoseconds(
    batches: Iterator[pa.RecordBatch],
    in_nanoseconds: Iterator[pa.RecordBatch],
    names: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    """Yield batches; raise ColumnDataError if times of them have digits below a microsecond.

    Parameters
    ----------
    batches, in_nanoseconds : iterators of pyarrow.RecordBatch
        The same rows in either unit. Nanoseconds may have overflowed.
    names : sequence of str
        The columns of times.
    """
    for batch, exact in zip(batches, in_nanoseconds, strict=True):
        for name in names:
            # Both wrap around alike, so the difference is right even where nanoseconds overflow.
            rest = _counts(exact.column(name)) - _counts(batch.column(name)) * _NANOSECONDS
            if rest.any():
                raise ColumnDataError(
                    "holds times of type INT96 with digits below a microsecond",
                    column=name,
                    rows=int(np.count_nonzero(rest)),
                    remedy="Write the file with INT64 timestamps, in nanoseconds, or round them",
                )
        yield batch


def _counts(times: pa.Array) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = times.cast(pa.int64()).fill_null(0).to_numpy()
    return counts

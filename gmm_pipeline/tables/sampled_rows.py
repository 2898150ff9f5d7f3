"""Writes a sample of a table: ranges of rows spread evenly over it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP

if TYPE_CHECKING:
    from gmm_pipeline.tables.local_table import LocalTable

_MOST_ROWS_AT_ONCE = 1 << 20
"""Rows of a range at most, so that a few large row groups still give several ranges."""


def sampled_ranges(groups: Sequence[range], rows: int) -> list[range]:
    """Return evenly spaced ranges of at least `rows` rows that start where row groups do, in order.

    Parameters
    ----------
    groups : sequence of range
        The rows of each row group, one after the other.
    rows : int
        Rows of the sample at least; a smaller table is sampled as a whole.
    """
    if rows >= groups[-1].stop:
        return list(groups)
    at_once = min(max(map(len, groups)), _MOST_ROWS_AT_ONCE)
    count = -(-rows // at_once)
    starts = [group.start for group in groups]
    chosen = Counter(
        bisect_right(starts, number * groups[-1].stop // count) - 1 for number in range(count)
    )
    return [
        range(start := groups[number].start, min(start + times * at_once, groups[number].stop))
        for number, times in sorted(chosen.items())
    ]


def row_groups(table: LocalTable) -> list[range]:
    """Return the rows of each row group of a table's files."""
    groups: list[range] = []
    for footer in table.file_metadata():
        for number in range(footer.num_row_groups):
            start = groups[-1].stop if groups else 0
            groups.append(range(start, start + footer.row_group(number).num_rows))
    return [group for group in groups if group]


def write_sample(
    table: LocalTable, columns: Sequence[str], ranges: Sequence[range], path: Path
) -> None:
    """Write ranges of a table's rows to a Parquet file, compressed as its own."""
    schema = pa.schema([table.schema.field(name) for name in columns])
    sources = [table.column(name) for name in columns]
    with pq.ParquetWriter(path, schema, compression=_compression(table)) as writer:
        for rows in ranges:
            arrays = [pa.chunked_array(each.arrays(rows), each.field.type) for each in sources]
            writer.write_table(pa.table(arrays, schema=schema), row_group_size=ROWS_PER_GROUP)


def _compression(table: LocalTable) -> str:
    for footer in table.file_metadata():
        if footer.num_row_groups and footer.num_columns:
            found = str(footer.row_group(0).column(0).compression).lower()
            return "none" if found == "uncompressed" else found
    return "none"

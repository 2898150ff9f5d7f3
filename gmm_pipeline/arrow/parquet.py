"""Parquet files with checksummed pages: equal rows give equal bytes, and damage is noticed."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_pipeline.arrow import int96
from gmm_pipeline.arrow.column_types import is_text
from gmm_pipeline.arrow.parquet_encoding import (
    DELTA,
    DICTIONARY,
    choose_compression,
    choose_encoding,
)
from gmm_pipeline.arrow.regroup import split_rows
from gmm_pipeline.errors import RECOMPUTE, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

ROWS_PER_GROUP = 1 << 18
"""Rows of a row group, and so of a batch: 2 MB of float64."""
ROWS_PER_PART = 1 << 21
"""Rows of a file of a stored column: the share of a thread, 8 row groups."""


def write_rows(
    path: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    without_statistics: Sequence[str] = (),
) -> int:
    """Write batches as one Parquet file; return the number of rows.

    The file does not depend on how rows are batched.

    Parameters
    ----------
    path : Path
    schema : pyarrow.Schema
    batches : iterable of pyarrow.RecordBatch
    without_statistics : sequence of str
        Columns without minimum and maximum of their row groups, because nobody filters by them.
    """
    groups = (
        pa.Table.from_batches(pieces, schema=schema).combine_chunks()
        for pieces in split_rows(batches, ROWS_PER_GROUP)
    )
    # The first row group decides the encodings, so the file is opened only after it is there.
    first = next(groups, schema.empty_table())
    rows = 0
    with _open_writer(path, first, without_statistics) as writer:
        for group in chain([first] if first.num_rows else [], groups):
            writer.write_table(group, ROWS_PER_GROUP)
            rows += group.num_rows
    return rows


def _open_writer(
    path: Path, first: pa.Table, without_statistics: Sequence[str]
) -> pq.ParquetWriter:
    """Open a file for writing, its columns encoded as suits their first row group.

    Minimum and maximum of text are not written: they would cost about as much as writing it.
    """
    encodings = {name: choose_encoding(first[name]) for name in first.column_names}
    return pq.ParquetWriter(
        path,
        first.schema,
        compression={
            name: choose_compression(first[name], encoding) for name, encoding in encodings.items()
        },
        use_dictionary=[name for name, encoding in encodings.items() if encoding == DICTIONARY],
        column_encoding={
            name: encoding for name, encoding in encodings.items() if encoding == DELTA
        },
        write_statistics=[
            field.name
            for field in first.schema
            if field.name not in without_statistics and not is_text(field.type)
        ],
        write_page_checksum=True,
        # Without Arrow's schema, durations would come back as integers.
        store_schema=True,
    )


def open_reader(
    path: Path,
    metadata: pq.FileMetaData | None = None,
    dictionaries: Sequence[str] = (),
    int96_unit: str = int96.UNIT,
) -> pq.ParquetFile:
    """Open a Parquet file for reading; pages are verified by their checksums.

    Parameters
    ----------
    path : Path
    metadata : pyarrow.parquet.FileMetaData, optional
        Its footer, if known.
    dictionaries : sequence of str
        Columns of text to read as dictionaries.
    int96_unit : str
        The unit in which times of type INT96 are read.
    """
    # Prefetching in Arrow's own threads costs more than it saves, as several threads read already.
    return pq.ParquetFile(
        path,
        metadata=metadata,
        read_dictionary=list(dictionaries),
        page_checksum_verification=True,
        pre_buffer=False,
        coerce_int96_timestamp_unit=int96_unit,
    )


def read_footer(path: Path) -> pq.FileMetaData:
    """Return the metadata of a Parquet file."""
    with open_reader(path) as reader:
        return reader.metadata


def write_table(path: Path, table: pa.Table) -> None:
    """Write a small table as one file."""
    write_rows(path, table.schema, table.to_batches())


def read_table(path: Path) -> pa.Table:
    """Read a small table; raise SourceError if the file is damaged."""
    with name_read_errors(path), open_reader(path) as reader:
        # Threads would cost more than a small table takes.
        return reader.read(use_threads=False)


def batches(paths: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of consecutive files, by row groups; raise SourceError if one is damaged."""
    for path in paths:
        with name_read_errors(path), open_reader(path) as reader:
            yield from reader.iter_batches(ROWS_PER_GROUP, use_threads=False)


@contextmanager
def name_read_errors(path: Path) -> Iterator[None]:
    """Raise SourceError, with the file and a remedy, if a file cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"file {path} cannot be read as Parquet: {error}",
            remedy="Write the file again, or leave it out; files of a fit are written again by "
            f"{RECOMPUTE}",
        ) from error

"""Tables in the forms in which Python users have them, as files, Arrow tables or Arrow streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeGuard

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.errors import SourceError, UnsupportedTypeError
from gmm_pipeline.tables.files import SourceFiles, find_files
from gmm_pipeline.tables.forked import refuse_where_polars_hangs

_UNNAMED_INDEX = "__index_level_"
"""How Arrow calls an index of pandas without a name, before its number."""


class ArrowStream(Protocol):
    """Rows by the Arrow C stream interface: a frame of pandas, a query of DuckDB or Ibis."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class ArrowArray(Protocol):
    """Rows by the Arrow C array interface, such as a record batch."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> object: ...


class ArrowDataset(Protocol):
    """A dataset of PyArrow."""

    schema: pa.Schema

    def scanner(self) -> Any:
        """Return what reads its rows."""
        ...


Table: TypeAlias = (
    str
    | Path
    | Sequence[str | Path]
    | ArrowStream
    | ArrowArray
    | pl.LazyFrame
    | ArrowDataset
    | Mapping[str, Any]
    | NDArray[np.void]
)
"""The path of a Parquet or CSV file, a folder or a glob, or a list of them; a frame of Polars or
pandas, or anything else with an Arrow C interface; a dataset of PyArrow; arrays by name."""


def files_of(table: Table) -> SourceFiles | None:
    """Return the files of a path or a list of paths; None for another table.

    Raises
    ------
    SourceError
        If there are none, or files of several formats.
    """
    if isinstance(table, str | Path):
        return find_files(str(table))
    if not isinstance(table, list | tuple):
        return None
    if not table or not all(isinstance(path, str | Path) for path in table):
        raise _no_table(table)
    found = [find_files(str(path)) for path in table]
    if len({files.is_csv for files in found}) > 1:
        raise SourceError(
            "the list of paths has files of several formats",
            remedy="Give files that are all Parquet or all CSV",
        )
    return SourceFiles(tuple(dict.fromkeys(stamp for files in found for stamp in files.stamps)))


def table_in_memory(table: Table) -> pa.Table | None:
    """Return a table whose rows are in memory; None if they come in a stream.

    Raises
    ------
    SourceError, UnsupportedTypeError
        If Arrow cannot hold it.
    """
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, pl.DataFrame):
        return _of_polars(table)
    with _named_errors():
        if isinstance(table, np.ndarray) and table.dtype.names:
            table = {name: table[name] for name in table.dtype.names}
        if isinstance(table, Mapping):
            return pa.table(dict(table))
        # What has a length and can be an array, such as a frame of pandas, is in memory already.
        if hasattr(table, "__arrow_c_stream__") and {"__len__", "__array__"} <= set(dir(table)):
            return _without_row_numbers(pa.table(table))
        if hasattr(table, "__arrow_c_array__"):
            return pa.Table.from_batches([pa.record_batch(table)])
    return None


def is_dataset(table: object) -> TypeGuard[ArrowDataset]:
    """Whether a table is a dataset of PyArrow, without its module, which loads pandas."""
    return type(table).__module__.startswith("pyarrow.") and hasattr(table, "scanner")


def _without_row_numbers(table: pa.Table) -> pa.Table:
    """Leave out the index of a frame of pandas if it has no name: it numbers the rows.

    Only frames that were filtered, sorted or sampled bring it to Arrow at all.
    """
    index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    return table.drop_columns([name for name in index if str(name).startswith(_UNNAMED_INDEX)])


def stream_of(table: Table) -> pa.RecordBatchReader:
    """Return the rows of a table as a stream, which can be read once.

    Raises
    ------
    SourceError
        If it is no table.
    UnsupportedTypeError
        If Arrow does not have the type of a column.
    """
    if isinstance(table, pl.LazyFrame):
        return _of_lazy_frame(table)
    if is_dataset(table):
        rows: pa.RecordBatchReader = table.scanner().to_reader()
        return rows
    if hasattr(table, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(table)
    raise _no_table(table)


def map_stream(rows: pa.RecordBatchReader, folder: Path) -> pa.Table:
    """Write a stream into a folder once, and map it: rows are read from there, not held in memory.

    Raises
    ------
    SourceError
        If whoever makes the rows fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "table.arrow"
    # Arrow's format of streams, as that of files has one dictionary for all batches.
    with (
        _named_errors(),
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_stream(file, rows.schema) as writer,
    ):
        for batch in rows:
            writer.write_batch(batch)
    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


def _of_lazy_frame(frame: pl.LazyFrame) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for piece in frame.collect_batches(chunk_size=ROWS_PER_GROUP, maintain_order=True):
            yield from piece.to_arrow().to_batches()

    refuse_where_polars_hangs()
    empty = pl.DataFrame(schema=frame.collect_schema())
    return pa.RecordBatchReader.from_batches(_of_polars(empty).schema, batches())


def _of_polars(frame: pl.DataFrame) -> pa.Table:
    for column in frame.iter_columns():
        try:
            column.head(0).to_arrow()
        except pa.ArrowException as error:
            raise UnsupportedTypeError(
                f"type {column.dtype} cannot be encoded",
                column=column.name,
                remedy="Leave the column out, or cast it",
            ) from error
    return frame.to_arrow()


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    # Arrow's own errors, and those of NumPy and pandas beneath it.
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SourceError(
            f"the table cannot be read as an Arrow table: {' '.join(map(str, error.args))}",
            remedy="Give columns of one length, each with a name and values of one type",
        ) from error


def _no_table(table: object) -> SourceError:
    return SourceError(
        f"a {type(table).__name__} is no table",
        remedy="Give a path or a list of paths, arrays by name, a frame of Polars or pandas, or "
        "anything else with the Arrow C stream interface",
    )

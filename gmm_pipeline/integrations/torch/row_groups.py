"""Row groups of an encoded table: of narrow files, or of a fit's columns side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_pipeline.arrow.encoded_rows import rank_name, value_name
from gmm_pipeline.arrow.identity import Identities, identities_in
from gmm_pipeline.arrow.parquet import open_reader
from gmm_pipeline.arrow.regroup import side_by_side
from gmm_pipeline.errors import SourceError, StoreError
from gmm_pipeline.interfaces.matrix import NarrowRows
from gmm_pipeline.interfaces.spans import ColumnSpans
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.tables.files import find_files

CHUNK_ROWS = 1 << 13
"""Rows read from a row group at a time: 64 kB a column, so a chunk of 100 columns takes 6.5 MB."""
_READ_AHEAD = 1 << 16
"""Bytes read at a time from each column: what a chunk needs. PyArrow would otherwise read all of a
column's part of the row group, and several row groups are open at once.
"""


@dataclass(frozen=True)
class Piece:
    """A row group of one file, and the columns to read from it."""

    file: Path
    number: int
    names: tuple[str, ...]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield its rows in order, reading pages only as they are needed."""
        with pq.ParquetFile(
            self.file, buffer_size=_READ_AHEAD, page_checksum_verification=True
        ) as file:
            yield from file.iter_batches(
                CHUNK_ROWS, row_groups=[self.number], columns=self.names, use_threads=False
            )


@dataclass(frozen=True)
class RowGroup:
    """Consecutive rows of all columns: one piece, or pieces side by side."""

    pieces: tuple[Piece, ...]
    rows: int

    def chunks(self, columns: Sequence[str]) -> Iterator[NarrowRows]:
        """Yield its rows in order."""
        for batch in side_by_side([piece.batches() for piece in self.pieces]):
            yield NarrowRows.of(batch, columns)


def row_groups(source: str | Path, spans: Sequence[ColumnSpans]) -> tuple[RowGroup, ...]:
    """Find the row groups of an encoded table.

    Parameters
    ----------
    source : str or Path
        The folder of a fit, or narrow Parquet: a file, a folder or a glob.
    spans : sequence of ColumnSpans
        The columns to read, and the fits that encoded them.

    Raises
    ------
    SourceError
        If there are no such files, or a column is missing.
    StoreError
        If the fit has no encoded rows of a column, or its columns are not of the same rows, or
        another fit encoded them.
    """
    fit = FitFolder(Path(source))
    view = fit.view()
    if view is not None:
        stored = [
            _pieces(view.require(each.column, "transformed").tables(), [each]) for each in spans
        ]
        return tuple(_align(fit, pieces) for pieces in _zip(fit, stored))
    files = find_files(str(source))
    if files.is_csv:
        raise SourceError(
            f"{source} is CSV",
            remedy="Write the encoded rows as Parquet, for example with `gmm-pipeline export`",
        )
    return tuple(RowGroup((piece,), rows) for piece, rows in _pieces(files.files, spans))


def _pieces(files: Sequence[Path], spans: Sequence[ColumnSpans]) -> list[tuple[Piece, int]]:
    """Return the row groups of files, in order, and how many rows each has."""
    columns = [each.column for each in spans]
    names = tuple(name for column in columns for name in (value_name(column), rank_name(column)))
    pieces = []
    for path in files:
        with open_reader(path) as file:
            _check_fits(path, identities_in(file.schema_arrow.metadata), spans)
            for name in names:
                if name not in file.schema_arrow.names:
                    raise SourceError(
                        f"{path} has no column {name!r}",
                        remedy="Give rows that this encoder encoded",
                    )
            metadata = file.metadata
            pieces += [
                (Piece(path, number, names), metadata.row_group(number).num_rows)
                for number in range(metadata.num_row_groups)
            ]
    return [(piece, rows) for piece, rows in pieces if rows]


def _check_fits(path: Path, identities: Identities, spans: Sequence[ColumnSpans]) -> None:
    """Raise StoreError if a file says that another fit encoded a column than the one given."""
    for each in spans:
        found = identities.get(each.column, each.identity)
        if each.identity and found != each.identity:
            raise StoreError(
                f"another fit encoded {path}: {found}, and the encoder is {each.identity}",
                column=each.column,
                remedy="Load the encoder and the rows of one generation, or encode the rows again",
            )


def _zip(
    fit: FitFolder, columns: list[list[tuple[Piece, int]]]
) -> Iterator[tuple[tuple[Piece, int], ...]]:
    try:
        yield from zip(*columns, strict=True)
    except ValueError as error:
        raise _different_rows(fit) from error


def _align(fit: FitFolder, pieces: tuple[tuple[Piece, int], ...]) -> RowGroup:
    if len({rows for _, rows in pieces}) != 1:
        raise _different_rows(fit)
    return RowGroup(tuple(piece for piece, _ in pieces), pieces[0][1])


def _different_rows(fit: FitFolder) -> StoreError:
    return StoreError(
        f"the columns of {fit.path} are encoded from different rows",
        remedy="Encode all of them again with `gmm-pipeline run`",
    )

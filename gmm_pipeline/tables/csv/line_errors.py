"""Finds the line of a CSV file that cannot be read. Slow, and only called once reading failed."""

from __future__ import annotations

import codecs
import csv
from contextlib import suppress
from pathlib import Path
from typing import IO

from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.csv import stream
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.lines import lines_of

_PIECE_BYTES = 1 << 22
"""Bytes that are decoded at a time."""


def require_readable(path: Path, dialect: CsvDialect, width: int) -> None:
    """Raise SourceError for what is wrong in a file, by its line.

    Parameters
    ----------
    path : Path
    dialect : CsvDialect
        Complete.
    width : int
        How many cells rows have to have.
    """
    with stream.open_bytes(path) as file:
        _require_encoding(path, file, dialect)
    # Bytes of another encoding are told above, those of multi-byte encodings here.
    with suppress(UnicodeError), stream.open_bytes(path) as file:
        _require_width(path, file, dialect, width)


def _require_encoding(path: Path, file: IO[bytes], dialect: CsvDialect) -> None:
    encoding = dialect.encoding or stream.UTF_8
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    while piece := file.read(_PIECE_BYTES):
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as error:
            line += piece.count(b"\n", 0, error.start)
            problem = f"is not {encoding.upper()} in line {line:,}"
            raise stream.encoding_error(path, stream.likely_encoding(piece), problem) from None
        line += piece.count(b"\n")


def _require_width(path: Path, file: IO[bytes], dialect: CsvDialect, width: int) -> None:
    """Raise SourceError for the first row that has another number of cells than the header."""
    quote, comment = dialect.mark("quote"), dialect.mark("comment")
    reader = csv.reader(
        # A blank line in place of a comment, as lines are counted.
        (
            "\n" if comment and line.startswith(comment) else line
            for line in lines_of(file, dialect)
        ),
        delimiter=dialect.delimiter or ",",
        quotechar=quote or '"',
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=dialect.blanks == "strip",
    )
    first = (dialect.skip or 0) + int(bool(dialect.header))
    start = 1
    for row in reader:
        if row and len(row) != width and start > first:
            few = "few" if len(row) < width else "many"
            raise SourceError(
                f"CSV cannot be read: line {start:,} of {path} has too {few} cells, {len(row)} "
                f"instead of {width}",
                remedy="Repair the line, or check the delimiter and the quotes (--csv delimiter=…, "
                "--csv quote=…)",
            )
        start = reader.line_num + 1

"""The lines of CSV text, and lines that are rewritten where Arrow cannot read them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

from gmm_pipeline.tables.csv import stream
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.sniff import splitter_of


def lines_of(file: IO[bytes], dialect: CsvDialect) -> Iterator[str]:
    """Yield the lines of a file with their ends, without a byte order mark."""
    encoding = dialect.encoding or stream.UTF_8
    reader = io.TextIOWrapper(io.BufferedReader(_Unclosed(file)), encoding, newline="")
    for number, line in enumerate(reader):
        yield line.removeprefix("\ufeff") if number == 0 else line
    reader.detach()


def plain_lines(file: IO[bytes], dialect: CsvDialect) -> Iterator[str]:
    """Yield lines without comments, and their cells without the blanks around them."""
    rows = _rows(lines_of(file, dialect), dialect.mark("quote"), dialect.mark("comment"))
    if dialect.blanks != "strip":
        yield from rows
        return
    splitter, delimiter = splitter_of(dialect), dialect.delimiter or ","
    for text in rows:
        for row in splitter.rows(text):
            yield delimiter.join(cell.strip(" \t") for cell in row) + "\n"


def _rows(lines: Iterator[str], quote: str | None, comment: str | None) -> Iterator[str]:
    """Yield the text of rows, without comments; a row goes on while a quote is open."""
    text = ""
    for line in lines:
        if comment and not text and line.startswith(comment):
            continue
        text += line if line.endswith(("\n", "\r")) else line + "\n"
        if quote is None or text.count(quote) % 2 == 0:
            yield text
            text = ""
    yield text


class _Unclosed(io.RawIOBase):
    """A file that stays open when what reads it is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

"""The rows of a CSV file as text, batch by batch. Rows of a wrong number of cells are refused."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NoReturn

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.csv import stream
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.csv.layout import Layout, find_layout
from gmm_pipeline.tables.csv.line_errors import require_readable
from gmm_pipeline.tables.csv.lines import plain_lines
from gmm_pipeline.tables.csv.sniff import Start, find_dialect

_DIGITS = re.compile(r"[+-]?\d+")
_BLOCK_BYTES = 1 << 22
"""Bytes that are split into cells at a time; no row may be longer."""


@dataclass(frozen=True)
class CsvFile:
    """A CSV file, the dialect that its rows are read by, and its columns.

    Parameters
    ----------
    path : Path
    dialect : CsvDialect
        Complete.
    layout : Layout
    filtered : bool
        Whether lines have to be changed before Arrow can read them: comments, or blanks before
        quotes.
    quoted_digits : frozenset of str
        Columns whose cells are digits in quotes, by the first rows, where not all cells are quoted.
    """

    path: Path
    dialect: CsvDialect
    layout: Layout
    filtered: bool
    quoted_digits: frozenset[str]

    @classmethod
    def open(cls, path: Path, told: CsvDialect) -> CsvFile:
        """Look at the first bytes of a file, and complete what is told of its dialect.

        Raises
        ------
        SourceError
            If it is empty, or in an encoding that is not told.
        """
        start = stream.first_bytes(path)
        encoding = told.encoding or stream.find_encoding(path, start)
        text = stream.decode_start(path, start, encoding)
        if len(start) < stream.SAMPLE_BYTES and not text.endswith(("\n", "\r")):
            text += "\n"
        found = find_dialect(text, told.model_copy(update={"encoding": encoding}))
        if not found.rows:
            raise SourceError(
                f"CSV cannot be read: file {path} holds no line",
                remedy="Leave it out, or write it again",
            )
        splitter = found.splitter
        padded_quotes = found.dialect.blanks == "strip" and any(
            splitter.is_quoted(cell) for row in found.rows for cell in row
        )
        filtered = padded_quotes or found.dialect.mark("comment") is not None
        layout = find_layout(found.rows, found.dialect, splitter)
        return cls(path, found.dialect, layout, filtered, _quoted_digits(found, layout))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of the table."""
        return self.layout.kept

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the rows, every cell as text; null where it is empty or stands for null.

        Raises
        ------
        SourceError
            If a row has too few or too many cells, text is not of the encoding, or a quote is never
            closed. The message names file and line.
        """
        last: pl.DataFrame | None = None
        with self._reader() as reader:
            for batch in reader:
                if not batch.num_rows:
                    continue
                last = self._frame(batch)
                yield last
        if last is not None:
            self._require_closed(last)

    def rows(self) -> int:
        """Return the number of rows: a pass over the file."""
        return sum(frame.height for frame in self.batches())

    def _frame(self, batch: pa.RecordBatch) -> pl.DataFrame:
        frame = pl.DataFrame(pa.Table.from_batches([batch]).select(list(self.names)))
        if self.dialect.blanks == "strip" and not self.filtered:
            cells = pl.all().str.strip_chars(" \t")
            null = cells.is_in(["", *self.dialect.nulls])
            frame = frame.select(pl.when(~null).then(cells))
        return frame

    @contextmanager
    def _reader(self) -> Iterator[pa_csv.CSVStreamingReader]:
        try:
            with stream.open_bytes(self.path) as file:
                source = self._filtered(file) if self.filtered else file
                yield pa_csv.open_csv(source, *self._options())
        except (pa.ArrowInvalid, UnicodeError) as error:
            self._explain(error)

    def _options(
        self,
    ) -> tuple[pa_csv.ReadOptions, pa_csv.ParseOptions, pa_csv.ConvertOptions]:
        dialect, names = self.dialect, list(self.layout.names)
        read = pa_csv.ReadOptions(
            block_size=_BLOCK_BYTES,
            column_names=names,
            skip_rows=dialect.skip or 0,
            skip_rows_after_names=int(bool(dialect.header)),
            encoding="utf8"
            if self.filtered or dialect.encoding == stream.UTF_8
            else dialect.encoding,
        )
        parse = pa_csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.mark("quote") or False,
            newlines_in_values=True,
            # A blank line is the only way to write a null in a table of one column.
            ignore_empty_lines=len(names) > 1,
            invalid_row_handler=_skip_blanks,
        )
        convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=["", *dialect.nulls],
            strings_can_be_null=True,
            quoted_strings_can_be_null=dialect.quoted == "all",
        )
        return read, parse, convert

    def _filtered(self, file: IO[bytes]) -> IO[bytes]:
        pieces = (line.encode() for line in plain_lines(file, self.dialect))
        return io.BufferedReader(stream.ByteStream(pieces))

    def _require_closed(self, last: pl.DataFrame) -> None:
        """Refuse a file whose last quote is not closed: its row would hold the rest of the file."""
        cell = last[-1, -1]
        if cell is None or "\n" not in cell:
            return
        with stream.open_bytes(self.path) as file:
            *_, end = iter(lambda: file.read(_BLOCK_BYTES), b"") or [b""]
        text = end.decode(self.dialect.encoding or stream.UTF_8, errors="ignore")
        if not text.rstrip().endswith(self.dialect.mark("quote") or ""):
            lines = cell.count("\n")
            raise SourceError(
                f"CSV cannot be read: a quote of the last {lines:,} lines of {self.path} is never "
                "closed",
                remedy="Close it, or use --csv quote=none if quotes mean nothing in this file",
            )

    def _explain(self, error: Exception) -> NoReturn:
        """Raise what is wrong with the file, by its line."""
        require_readable(self.path, self.dialect, len(self.layout.names))
        raise SourceError(
            f"CSV cannot be read: file {self.path}: {str(error).splitlines()[0]}",
            remedy="Check the delimiter and the quotes (--csv delimiter=…, --csv quote=…)",
        ) from error


def open_known(path: Path, known: Known) -> CsvFile:
    """Open a file by the dialect of earlier files if it has their columns, else by its own."""
    if known.found is not None:
        # Encodings and titles are found in each file.
        shared = known.found.model_copy(update={"types": {}, "encoding": None, "skip": None})
        kept = CsvFile.open(path, known.told.over(shared))
        if set(known.found.types) <= set(kept.names):
            return kept
    return CsvFile.open(path, known.told)


def _quoted_digits(found: Start, layout: Layout) -> frozenset[str]:
    """Return the columns whose cells are digits in quotes: somebody means them as text."""
    if found.dialect.quoted == "all":
        return frozenset()
    splitter = found.splitter
    quoted = set()
    for number, name in enumerate(layout.names):
        cells = [row[number] for row in found.body if number < len(row) and row[number]]
        if cells and all(
            splitter.is_quoted(c) and _DIGITS.fullmatch(splitter.value(c)) for c in cells
        ):
            quoted.add(name)
    return frozenset(quoted)


def _skip_blanks(row: Any) -> str:
    """Skip lines of blanks alone, and refuse other rows of a wrong number of cells."""
    return "error" if row.text.strip() else "skip"

"""Cells of CSV text as they are written, quotes included: what readers of CSV do not tell."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class CellSplitter:
    """Splits text into rows of raw cells, for a delimiter and a quote (None: there is none)."""

    delimiter: str
    quote: str | None = '"'

    def rows(self, text: str) -> Iterator[list[str]]:
        """Yield each row that is not blank as its raw cells.

        A cell keeps its quotes and the blanks around it. A last row without a line end is left out,
        as text may be cut there.
        """
        row: list[str] = []
        for match in self._pattern().finditer(text):
            cell, end = match[1], match[2]
            if not end:
                return
            row.append(cell)
            if end != self.delimiter:
                if len(row) > 1 or row[0].strip():
                    yield row
                row = []

    def is_quoted(self, cell: str) -> bool:
        """Whether a raw cell is quoted."""
        return self.quote is not None and cell.lstrip(" \t").startswith(self.quote)

    def value(self, cell: str) -> str:
        """Return what a raw cell means; blanks around quotes are left out."""
        if not self.is_quoted(cell):
            return cell
        quote = str(self.quote)
        inner = cell.strip(" \t").removeprefix(quote).removesuffix(quote)
        return inner.replace(quote * 2, quote)

    def _pattern(self) -> re.Pattern[str]:
        mark = re.escape(self.delimiter)
        plain = rf"[^{mark}\r\n]*"
        end = rf"({mark}|\r\n|\n|\r|\Z)"
        if self.quote is None:
            return re.compile(rf"({plain}){end}")
        quote = re.escape(self.quote)
        # Blanks before a quote belong to it, except where they are the delimiter.
        blanks = "" if self.delimiter in " \t" else "[ \t]*"
        quoted = rf"{blanks}{quote}(?:[^{quote}]|{quote}{quote})*+{quote}{plain}"
        return re.compile(rf"({quoted}|{plain}){end}")


def without_comments(text: str, comment: str | None) -> str:
    """Return text without the lines that start with a comment mark."""
    if comment is None:
        return text
    lines = io.StringIO(text, newline="")
    return "".join(line for line in lines if not line.startswith(comment))

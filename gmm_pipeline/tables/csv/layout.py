"""Which columns a CSV file has, by its first rows: names, with or without a header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gmm_pipeline.tables.csv.cells import CellSplitter
from gmm_pipeline.tables.csv.dialect import CsvDialect

_NUMBER = re.compile(r"[-+]?(\d+([.,]\d+)*|[.,]\d+)([eE][-+]?\d+)?")
_WHOLE = re.compile(r"\d+")
_YEARS = range(1900, 2101)
INDEX = "index"
"""The name of a first column without one: pandas and R write row names so."""


@dataclass(frozen=True)
class Layout:
    """The columns of a file.

    Parameters
    ----------
    names : tuple of str
        As many as the rows have cells; an empty name is of a column that nobody named.
    dropped : str
        The placeholder for what follows a delimiter at the end of each line; empty if none does.
    remarks : tuple of str
        What is unusual.
    """

    names: tuple[str, ...]
    dropped: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the columns of the table."""
        return tuple(name for name in self.names if not self.dropped or name != self.dropped)


def find_layout(rows: Sequence[list[str]], dialect: CsvDialect, splitter: CellSplitter) -> Layout:
    """Return the columns of a file by its first rows, the header among them if there is one."""
    if not rows:
        return Layout(())
    width = max(len(row) for row in rows[1:2] or rows)
    if not dialect.header:
        names = tuple(f"column_{number + 1}" for number in range(len(rows[0])))
        return Layout(names, remarks=("no header: the columns are named by their positions",))
    names = tuple(splitter.value(cell) for cell in rows[0])
    if dialect.blanks == "strip":
        names = tuple(name.strip() for name in names)
    body = rows[1:]
    if body and not any(row[-1] for row in body) and {len(row) for row in body} == {width}:
        dropped = _without_end(names, width)
        if dropped is not None:
            return dropped
    if _has_row_names(body, len(names)):
        names = ("", *names)
    return _with_index(names)


def _has_row_names(body: Sequence[list[str]], named: int) -> bool:
    """Whether rows have one cell more than the header: names of the rows, which are unique."""
    first = [row[0] for row in body if len(row) == named + 1]
    return bool(first) and len(first) == len(body) == len(set(first))


def _without_end(names: tuple[str, ...], width: int) -> Layout | None:
    """Return the layout of lines that end in a delimiter; None if the last column is named."""
    named = names if len(names) == width else (*names, "")
    if len(named) != width or named[-1]:
        return None
    # No column can have this name, as no line end is in it.
    end = "\n"
    layout = _with_index(named[:-1])
    remark = "a delimiter ends each line; no column follows it"
    return Layout((*layout.names, end), end, (*layout.remarks, remark))


def _with_index(names: tuple[str, ...]) -> Layout:
    if names and not names[0] and len(names) > 1 and INDEX not in names:
        remark = f"the first column has no name; it is called {INDEX!r}"
        return Layout((INDEX, *names[1:]), remarks=(remark,))
    return Layout(names)


def has_header(rows: Sequence[list[str]], dialect: CsvDialect) -> bool:
    """Whether the first row names the columns.

    It does not if it holds numbers where the other rows do, and nothing that looks like a name:
    neither text above numbers, nor years or running numbers. Where all is text, it does not if most
    of its cells come again in their columns, as values do.
    """
    splitter = CellSplitter(dialect.delimiter or ",", dialect.mark("quote"))
    if len(rows) < 2:  # noqa: PLR2004 - nothing to compare with
        return True
    first, *body = ([splitter.value(cell).strip() for cell in row] for row in rows)
    columns = [
        [row[number] for row in body if number < len(row) and row[number]]
        for number in range(len(first))
    ]
    numeric = [
        number
        for number, cells in enumerate(columns)
        if cells and all(map(_NUMBER.fullmatch, cells))
    ]
    if not numeric:
        return not _are_values(first, columns)
    if any(first[n] and not _NUMBER.fullmatch(first[n]) for n in numeric):
        return True
    above = [first[number] for number in numeric if first[number]]
    if not above:
        return True
    if _is_a_range(above):
        return not _repeats(first, columns, numeric)
    return False


def _is_a_range(cells: Sequence[str]) -> bool:
    """Whether cells are names all the same: years, or running numbers from 0 or 1 on."""
    if not all(map(_WHOLE.fullmatch, cells)):
        return False
    numbers = [int(cell) for cell in cells]
    running = len(numbers) > 1 and numbers in (
        list(range(len(numbers))),
        list(range(1, len(numbers) + 1)),
    )
    years = len(set(numbers)) == len(numbers) and all(number in _YEARS for number in numbers)
    return running or years


def _are_values(first: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether most cells of the first row come again below it."""
    again = [cell in column for cell, column in zip(first, columns, strict=True) if cell]
    return sum(again) > len(again) / 2


def _repeats(
    first: Sequence[str], columns: Sequence[Sequence[str]], numeric: Sequence[int]
) -> bool:
    """Whether text of the first row comes again in its column, as values do and names do not."""
    return any(
        cell and cell in columns[number]
        for number, cell in enumerate(first)
        if number not in numeric
    )

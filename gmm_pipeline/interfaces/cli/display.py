"""The output of commands: tables and JSON on stdout, messages on stderr."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PIPE_WIDTH = 160
"""Columns of text where no terminal sets them: enough for the widest table, a run's summary."""
_MINUTE, _HOUR = 60, 3600
"""In seconds."""
_UNITS = ("B", "kB", "MB", "GB", "TB")
_UNIT_STEP = 1000
"""Decimal units, as those of disks and of `--memory`."""


def stdout() -> Console:
    """Return the console for results; in files and pipes its lines are wide, not folded."""
    return (
        Console(highlight=False)
        if sys.stdout.isatty()
        else Console(width=_PIPE_WIDTH, highlight=False)
    )


def stderr() -> Console:
    """Return the console for messages and progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None
) -> None:
    """Print a table; columns of numbers are aligned right."""
    cells = [[_text(value) for value in row] for row in rows]
    table = Table(
        title=None if title is None else Text(title),
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
    )
    for number, column in enumerate(columns):
        numeric = all(_is_number(row[number]) for row in cells)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    stdout().print(table)


def print_json(value: Any) -> None:
    """Print a value as JSON; NaN and infinities, which JSON does not know, become null."""
    # Other encodings lack characters, which JSON can write as numbers.
    is_utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(_plain(value), indent=2, ensure_ascii=not is_utf8) + "\n")


def duration(seconds: float) -> str:
    """Return seconds in words, for example "3 min 20 s"."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR / _MINUTE:.0f} min"


def amount(size: float) -> str:
    """Return bytes in words, for example "1.5 GB"."""
    unit = 0
    while size >= _UNIT_STEP and unit + 1 < len(_UNITS):
        size, unit = size / _UNIT_STEP, unit + 1
    return f"{size:.{0 if unit <= 1 else 1}f} {_UNITS[unit]}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _is_number(text: str) -> bool:
    return (
        text == "–"
        or text.replace(",", "").replace(".", "").replace("-", "").replace("e+", "").isdigit()
    )

"""Pictures and tables as Markdown, which Dagster's web UI shows."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.numbers import share_text, value_text

MOST_MODES = 30
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~&$])")
_LONGEST = 60
HEADINGS = ("rank", "type", "value", "weight", "mean", "std", "low", "high", "frequency")


def markdown_image(picture: str, alt: str) -> str:
    """Return an SVG picture as a Markdown image that holds its own data."""
    data = base64.b64encode(picture.encode()).decode()
    return f"![{_plain(alt)}](data:image/svg+xml;base64,{data})"


def modes_table(modes: pa.Table, most: int = MOST_MODES) -> str:
    """Return the modes of a column as a Markdown table.

    Parameters
    ----------
    modes : pa.Table
        As `storage.ranking_files.ranking_table` makes it.
    most : int
        So many modes at most; below stands how many more there are.
    """
    shown = modes.slice(0, most).select(list(HEADINGS)).to_pylist()
    rest = modes.num_rows - len(shown)
    table = _table(HEADINGS, [mode_cells(row) for row in shown])
    return table + (f"\n\n{rest:,} more" if rest else "")


def mode_cells(mode: dict[str, Any]) -> list[str]:
    """Return what a table says of a mode, in the order of its headings: a row of `ranking_table` as
    text.
    """
    texts = [str(mode["rank"]), mode["type"], _value(mode)]
    numbers = [
        value_text(mode[name]) if mode[name] is not None else ""
        for name in ("mean", "std", "low", "high")
    ]
    return [*texts, share_text(mode["weight"]), *numbers, share_text(mode["frequency"])]


def _value(mode: dict[str, Any]) -> str:
    if mode["value"] is None:
        return "null" if mode["type"] == "atom" else ""
    return svg.shortened(str(mode["value"]), _LONGEST)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---", "---", "---", *["---:"] * (len(headings) - 3)]]
    lines += [[_plain(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(svg.printable(text).split()))

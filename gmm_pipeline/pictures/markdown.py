"""Pictures and tables as Markdown, which Dagster's web UI shows."""

from __future__ import annotations

import base64
import re
from typing import Any

import pyarrow as pa

from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.numbers import share_text
from gmm_pipeline.pictures.units import Units

MOST_MODES = 30
"""More are read in the ranking's own table."""
HEADINGS = ("rank", "type", "value", "weight", "mean", "std", "low", "high", "frequency")
_TEXTS = 3
"""So many of the first columns are texts; numbers are aligned on the right."""
_LONGEST = 60
"""Characters of a category: the table is not to be wider than a page."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~&$])")


def markdown_image(picture: str, alt: str) -> str:
    """Return an SVG picture as a Markdown image that holds its own data."""
    data = base64.b64encode(svg.with_its_colours_alone(picture).encode()).decode()
    return f"![{_plain(alt)}](data:image/svg+xml;base64,{data})"


def modes_table(modes: pa.Table, units: Units) -> str:
    """Return the most frequent modes of a `ranking_table` as a Markdown table."""
    rows = [[_plain(cell) for cell in cells] for cells in mode_rows(modes, units)]
    rules = ["---"] * _TEXTS + ["---:"] * (len(HEADINGS) - _TEXTS)
    table = "\n".join(f"| {' | '.join(row)} |" for row in [HEADINGS, rules, *rows])
    more = modes.num_rows - len(rows)
    return table + (f"\n\n{more:,} more" if more else "")


def mode_rows(modes: pa.Table, units: Units) -> list[list[str]]:
    """Return the most frequent modes of a `ranking_table` as texts, in the order of `HEADINGS`."""
    shown = modes.slice(0, MOST_MODES).select(HEADINGS)
    return [_cells(mode, units) for mode in shown.to_pylist()]


def _cells(mode: dict[str, Any], units: Units) -> list[str]:
    value = "null" if mode["type"] == "atom" else ""
    if mode["value"] is not None:
        value = svg.shortened(str(mode["value"]), _LONGEST)
    place, width = units.place_text, units.width_text
    numbers = [
        "" if mode[name] is None else text(mode[name])
        for name, text in (("mean", place), ("std", width), ("low", place), ("high", place))
    ]
    shares = [share_text(mode[name]) for name in ("weight", "frequency")]
    return [str(mode["rank"]), mode["type"], value, shares[0], *numbers, shares[1]]


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(svg.printable(text).split()))

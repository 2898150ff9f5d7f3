"""Elements of SVG as text: escaped, rounded to a tenth of a pixel, the same for the same
numbers.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Anchor = Literal["start", "middle", "end"]

INK = "#1f2933"
"""Text and the mixture."""
MUTED = "#52606d"
"""Less important text, and axes."""
FAINT = "#e4e7eb"
"""Lines that guide the eye."""
BARS = "#b8c4d0"
"""Rows as they are."""
SHADE = "#f3d9b1"
"""Ranges of tails."""
ON_SHADE = "#7a4a00"
"""Text on them."""
STEM = "#b3006b"
"""Atoms."""
COMPONENTS = (
    "#0072b2",
    "#d55e00",
    "#007a5a",
    "#8f4fa8",
    "#996300",
    "#2b7fb8",
    "#a3174f",
    "#4d6b00",
)
"""Gaussian modes, in turn: distinguishable with any colour vision, and dark enough on white."""

FONT_SIZE = 11
_CHARACTER = 0.58
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def printable(text: str) -> str:
    """Return text without what XML cannot hold and without characters that turn the direction of
    others.
    """
    return _UNPRINTABLE.sub("\ufffd", text)


def escaped(text: str) -> str:
    """Return text as it may stand in an element or an attribute."""
    return html.escape(printable(text))


def shortened(text: str, most: int) -> str:
    """Return text of at most so many characters, on one line."""
    line = " ".join(text.split()) if text.strip() else text
    return line if len(line) <= most else line[: most - 1] + "…"


def width_of(text: str, size: float = FONT_SIZE) -> float:
    """Return about how many pixels wide a text is; ideographs count twice."""
    return size * sum(
        2 * _CHARACTER if ord(character) >= 0x1100 else _CHARACTER for character in text
    )


def fitted(text: str, room: float) -> str:
    """Return as much of a text as takes so many pixels, on one line."""
    line = shortened(text, max(int(room), 1))
    while width_of(line) > room and len(line) > 1:
        line = line[:-2].rstrip() + "…"
    return line


def px(length: float) -> str:
    """Return a length as text."""
    rounded = round(length, 1) if math.isfinite(length) else 0.0
    return f"{rounded:.1f}".removesuffix(".0").replace("-0.", "-.") if rounded else "0"


def document(width: float, height: float, label: str, elements: Iterable[str]) -> str:
    """Return a whole picture on white; `label` tells those who cannot see it what it shows."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {px(width)} {px(height)}" width="{px(width)}" '
        f'height="{px(height)}" role="img" aria-label="{escaped(label)}" '
        f'font-family="system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif" font-size="{FONT_SIZE}">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(elements)}</svg>'
    )


@dataclass(frozen=True)
class Heading:
    """A picture's title, and the height that it takes."""

    element: str
    height: float


def heading(title: str | None) -> Heading:
    """Return a title as the first line of a picture; without one it takes no room."""
    if not title:
        return Heading("", 0.0)
    return Heading(text(12, 18, shortened(title, 90), weight="bold", size=13), 22.0)


def text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: Anchor = "start",
    fill: str = INK,
    size: float = FONT_SIZE,
    weight: Literal["normal", "bold"] = "normal",
    style: Literal["normal", "italic"] = "normal",
) -> str:
    """Return a line of text with its baseline at y; a white rim keeps it legible on what lies
    below.
    """
    attributes = f'x="{px(x)}" y="{px(y)}" fill="{fill}"'
    if anchor != "start":
        attributes += f' text-anchor="{anchor}"'
    if size != FONT_SIZE:
        attributes += f' font-size="{px(size)}"'
    if weight != "normal":
        attributes += f' font-weight="{weight}"'
    if style != "normal":
        attributes += f' font-style="{style}"'
    return f'<text {attributes} stroke="#fff" stroke-width="3" paint-order="stroke">{escaped(content)}</text>'


def rect(
    x: float, y: float, width: float, height: float, fill: str, *, opacity: float = 1.0
) -> str:
    """Return a filled rectangle."""
    faded = "" if opacity == 1.0 else f' fill-opacity="{opacity:g}"'
    return (
        f'<rect x="{px(x)}" y="{px(y)}" width="{px(max(width, 0.0))}" height="{px(max(height, 0.0))}" '
        f'fill="{fill}"{faded}/>'
    )


def dot(x: float, y: float, fill: str) -> str:
    """Return a small filled circle."""
    return f'<circle cx="{px(x)}" cy="{px(y)}" r="2.2" fill="{fill}"/>'


def lines(
    segments: Iterable[tuple[float, float, float, float]], stroke: str, *, width: float = 1.0
) -> str:
    """Return straight lines from (x, y) to (x, y) as one element; nothing if there are none."""
    data = "".join(f"M{px(x)} {px(y)}L{px(to_x)} {px(to_y)}" for x, y, to_x, to_y in segments)
    return (
        f'<path d="{data}" fill="none" stroke="{stroke}" stroke-width="{width:g}"/>' if data else ""
    )


def curve(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    stroke: str,
    *,
    width: float = 1.5,
    dash: str = "",
) -> str:
    """Return a line through points, both of shape (n,); points that are not finite are left out."""
    finite = np.isfinite(x) & np.isfinite(y)
    points = [
        f"{px(a)} {px(b)}" for a, b in zip(x[finite].tolist(), y[finite].tolist(), strict=True)
    ]
    if not points:
        return ""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    data = "M" + "L".join(points)
    return f'<path d="{data}" fill="none" stroke="{stroke}" stroke-width="{width:g}" stroke-linejoin="round"{dashed}/>'


def steps(edges: NDArray[np.float64], tops: NDArray[np.float64], base: float, fill: str) -> str:
    """Return bars side by side as one shape: `edges` of shape (n + 1,), `tops` of shape (n,), in
    pixels.
    """
    level = base
    data = [f"M{px(float(edges[0]))} {px(base)}"]
    for left, top in zip(edges[:-1].tolist(), tops.tolist(), strict=True):
        if px(top) != px(level):
            data.append(f"H{px(left)}V{px(top)}")
            level = top
    return f'<path d="{"".join(data)}H{px(float(edges[-1]))}V{px(base)}Z" fill="{fill}"/>'

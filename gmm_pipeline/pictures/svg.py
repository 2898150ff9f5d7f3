"""Elements of SVG as text, in colours for light and dark surroundings."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Anchor = Literal["start", "middle", "end"]

INK = "var(--ink)"
"""Text, and the mixture."""
MUTED = "var(--quiet)"
"""Axes, and less important text."""
FAINT = "var(--faint)"
"""Grid lines."""
ROWS = "var(--rows)"
"""Bars of rows."""
TAIL = "var(--tail)"
"""Ranges of tails."""
ON_TAIL = "var(--on-tail)"
"""Text on ranges of tails."""
ATOM = "var(--atom)"
"""Atoms."""
MODES = tuple(f"var(--m{number})" for number in range(8))
"""Gaussian modes, in turn."""

# The colours of the modes start from those of Okabe and Ito (2008), who chose them to differ for
# every colour vision. Light: dark enough for bold text on white (contrast of 3.9 to 7.5; WCAG 2.1
# asks for 3 to 4.5). Dark: bright enough on the ground (7.4 to 9.6) and on bars (3.2 to 4.2).
_COLOURS = {
    "ground": ("#fff", "#181c21"),
    "ink": ("#1f2933", "#e6eaee"),
    "quiet": ("#52606d", "#a4b0bd"),
    "faint": ("#e4e7eb", "#2c343d"),
    "rows": ("#b8c4d0", "#4a5663"),
    "tail": ("#f6dfbf", "#5f4b2a"),
    "on-tail": ("#7a4a00", "#f0c48a"),
    "atom": ("#b3006b", "#ff8ac8"),
    "m0": ("#0072b2", "#56b4e9"),
    "m1": ("#d55e00", "#ff9a4d"),
    "m2": ("#007a5a", "#3ecfa3"),
    "m3": ("#8f4fa8", "#d6a3ea"),
    "m4": ("#996300", "#e0b84c"),
    "m5": ("#2b7fb8", "#8fc7f0"),
    "m6": ("#a3174f", "#ff8fb3"),
    "m7": ("#4d6b00", "#b5cc5a"),
}
"""By name, in light and in dark surroundings."""


def _style(names: Iterable[str]) -> str:
    """Return a style sheet with these colours.

    Texts have a rim, to be legible on bars and curves; those in the colour of a mode are bold.
    """
    names = list(names)
    light, dark = (
        "".join(f"--{name}:{_COLOURS[name][scheme]};" for name in names) for scheme in (0, 1)
    )
    return (
        f"svg{{{light}}}@media screen and (prefers-color-scheme:dark){{svg{{{dark}}}}}"
        "text{stroke:var(--ground);stroke-width:3px;paint-order:stroke}"
        'text[fill^="var(--m"]{font-weight:bold}'
    )


STYLE = _style(_COLOURS)
"""The style sheet of every picture."""
STYLE_ELEMENT = f"<style>{STYLE}</style>"

FONT_SIZE = 11
SMALL_WIDTH, SMALL_HEIGHT = 120.0, 32.0
"""A thumbnail, in pixels: two lines of a table."""
_CHARACTER = 0.58
"""Width of a character in parts of the font size: measured 0.50 to 0.58 in DejaVu Sans, the widest
of the usual system fonts, and 0.44 to 0.52 in Liberation Sans, which is as wide as Helvetica.
"""
_IDEOGRAPHS = 0x1100
"""Characters from here on (Hangul, kana, Chinese) are about twice as wide."""
_THINNING = 0.3
"""A curve may miss its points by so many pixels: a quarter of its own width."""
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def printable(text: str) -> str:
    """Replace what XML cannot hold, and characters that change the direction of writing."""
    return _UNPRINTABLE.sub("\ufffd", text)


def shortened(text: str, most: int) -> str:
    """Return a text on one line, cut after `most` characters."""
    line = " ".join(text.split()) if text.strip() else text
    return line if len(line) <= most else line[: most - 1] + "…"


def width_of(text: str) -> float:
    """Estimate how many pixels wide a text is."""
    wide = sum(ord(character) >= _IDEOGRAPHS for character in text)
    return FONT_SIZE * _CHARACTER * (len(text) + wide)


def fitted(text: str, room: float) -> str:
    """Return a text on one line, cut to a width in pixels."""
    line = shortened(text, max(int(room), 1))
    while width_of(line) > room and len(line) > 1:
        line = line[:-2].rstrip() + "…"
    return line


def document(width: float, height: float, label: str, elements: Iterable[str]) -> str:
    """Return a picture; `label` describes it to those who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_px(width)} {_px(height)}" '
        f'width="{_px(width)}" height="{_px(height)}" role="img" '
        f'aria-label="{html.escape(printable(label))}" fill="{INK}" font-size="{FONT_SIZE}" '
        f'font-family="system-ui,Segoe UI,Helvetica,Arial,sans-serif">{STYLE_ELEMENT}'
        f'<rect width="100%" height="100%" fill="var(--ground)"/>{"".join(elements)}</svg>'
    )


def with_its_colours_alone(picture: str) -> str:
    """Return a picture whose style sheet has no colour that the picture does not use."""
    used = set(re.findall(r"var\(--([\w-]+)\)", picture.replace(STYLE_ELEMENT, ""))) | {"ground"}
    style = _style(name for name in _COLOURS if name in used)
    return picture.replace(STYLE_ELEMENT, f"<style>{style}</style>")


def text(x: float, y: float, content: str, fill: str = INK, anchor: Anchor = "start") -> str:
    """Return a line of text with its baseline at y."""
    attributes = f'x="{_px(x)}" y="{_px(y)}"'
    attributes += "" if anchor == "start" else f' text-anchor="{anchor}"'
    attributes += "" if fill == INK else f' fill="{fill}"'
    return f"<text {attributes}>{html.escape(printable(content))}</text>"


def rects(boxes: Iterable[tuple[float, float, float, float]], fill: str) -> str:
    """Return filled rectangles, each (x, y, width, height), as one element; "" for none."""
    data = "".join(
        f"M{_px(x)} {_px(y)}h{_px(width)}v{_px(height)}h{_px(-width)}z"
        for x, y, width, height in boxes
    )
    return f'<path d="{data}" fill="{fill}"/>' if data else ""


def lines(
    segments: Iterable[tuple[float, float, float, float]], stroke: str, width: float = 1.0
) -> str:
    """Return straight lines, each from (x, y) to (x, y), as one element; "" if there are none."""
    data = "".join(f"M{_px(x)} {_px(y)}L{_px(to_x)} {_px(to_y)}" for x, y, to_x, to_y in segments)
    return _stroked(data, stroke, width) if data else ""


def curve(x: NDArray[np.float64], y: NDArray[np.float64], stroke: str, width: float) -> str:
    """Return a line through points, x and y of shape (n,), without those that it does not need."""
    finite = np.isfinite(x) & np.isfinite(y)
    points = np.stack([x[finite], y[finite]], axis=1)
    if not points.size:
        return ""
    tenths = np.rint(10 * points[_needed(points)]).astype(np.int64)
    start = f"M{tenths[0, 0] / 10:g} {tenths[0, 1] / 10:g}"
    # A sign before every number makes blanks between them unnecessary.
    steps = "".join(f"{step / 10:+g}" for step in np.diff(tenths, axis=0).ravel().tolist())
    return _stroked(f"{start}l{steps}" if steps else start, stroke, width)


def _needed(points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which of the points of a curve, shape (n, 2), show its form; both ends are among them.

    A chord that turns by φ over a length L misses the curve by φL/8, so points are taken
    more densely where the curve bends.
    """
    dx, dy = np.diff(points, axis=0).T
    bends = np.abs(np.diff(np.arctan2(dy, dx)))
    lengths = np.hypot(dx, dy)
    around = (lengths[:-1] + lengths[1:]) / 2
    chords = np.floor(np.cumsum(np.sqrt(bends * around / (8 * _THINNING))))
    inner = 1 + np.flatnonzero(np.diff(chords, prepend=0.0))
    return np.unique([0, *inner, len(points) - 1])


def bars(edges: NDArray[np.float64], tops: NDArray[np.float64], base: float, fill: str) -> str:
    """Return bars side by side as one shape: pixels of shape (n + 1,) and (n,)."""
    x, y = (
        np.rint(10 * pixels).astype(np.int64).tolist() for pixels in (edges, np.append(tops, base))
    )
    at, level = x[0], y[-1]
    data = [f"M{at / 10:g} {level / 10:g}"]
    for left, top in zip(x, y, strict=True):
        if top != level:
            data.append(f"h{(left - at) / 10:g}v{(top - level) / 10:g}")
            at, level = left, top
    return f'<path d="{"".join(data)}Z" fill="{fill}"/>'


def _stroked(data: str, stroke: str, width: float) -> str:
    return f'<path d="{data}" fill="none" stroke="{stroke}" stroke-width="{width:g}"/>'


def _px(length: float) -> str:
    """Return a length in pixels, to a tenth; 0 for what is not finite."""
    return f"{round(length, 1) + 0.0:g}" if math.isfinite(length) else "0"

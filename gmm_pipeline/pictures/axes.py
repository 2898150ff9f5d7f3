"""The axes of a picture of numbers, its legend, and notes on what lies outside."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.numbers import Tick, counted, share_text
from gmm_pipeline.pictures.panels import Panel
from gmm_pipeline.pictures.plot import GAP, HEIGHT, LEFT, MARGIN, WIDTH, Plot
from gmm_pipeline.pictures.units import atom_text

_TICK_ROOM = 75.0
"""Pixels for a tick: a date or seven digits with a blank."""
_SIGN = 18.0
"""Pixels for a sign of the legend, before its text."""
_MOST_ELSEWHERE = 70
"""Characters that fit beside the caption of the share axis."""


def share_axis(plot: Plot) -> Iterator[str]:
    """Draw the grid lines and texts of the vertical axis."""
    ticks = [(plot.shares.pixel(share), text) for share, text in plot.shares.ticks()]
    grid = ((panel.left, y, panel.right, y) for panel in plot.panels for y, _ in ticks)
    yield svg.lines(grid, svg.FAINT)
    for y, text in ticks:
        yield svg.text(LEFT - 6, y + 4, text, svg.MUTED, "end")
    caption = "share of rows per bar" + (", logarithmic" if plot.shares.floor else "")
    yield svg.text(MARGIN, plot.shares.top - 10, caption, svg.MUTED)


def value_axes(plot: Plot) -> Iterator[str]:
    """Draw the axis below each panel, and a mark between panels."""
    y = plot.shares.bottom
    for before, panel in pairwise([None, *plot.panels]):
        if panel is None:
            continue
        ticks, reference = _ticks(plot, panel)
        strokes = [(panel.left, y, panel.right, y), *((x, y, x, y + 4) for x, _ in ticks)]
        if before:
            x = panel.left - GAP / 2
            strokes += [(x - 6, y + 5, x - 1, y - 5), (x + 1, y + 5, x + 6, y - 5)]
        yield svg.lines(strokes, svg.MUTED)
        under = [(x, y + 29, tick.under, svg.MUTED) for x, tick in ticks if tick.under]
        caption = ", ".join(filter(None, (plot.units.caption, reference)))
        if caption and not under:
            under = [((panel.left + panel.right) / 2, y + 29, caption, svg.MUTED)]
        texts = [(x, y + 16, tick.text, svg.MUTED) for x, tick in ticks]
        yield from plot.labels.place([*texts, *under], tries=1, left=0.0)


def _ticks(plot: Plot, panel: Panel) -> tuple[list[tuple[float, Tick]], str]:
    """Return the ticks of a panel with their pixels, and what they are counted from."""
    units = plot.units
    if panel.single is None:
        most = max(int((panel.right - panel.left) / _TICK_ROOM), 2)
        ticks, reference = units.ticks(panel.low, panel.high, most)
        placed = [(panel.pixel(units.coordinate_of(tick.at)), tick) for tick in ticks]
        seen = [(x, tick) for x, tick in placed if panel.left - 1 <= x <= panel.right + 1]
        if seen:
            return seen, reference
    at = panel.low / 2 + panel.high / 2 if panel.single is None else panel.single
    return [(panel.pixel(at), Tick(units.value(at), units.text(at)))], ""


def legend(plot: Plot) -> Iterator[str]:
    """Explain the signs that are used, and name the atoms that are not on the axis."""
    y, x = plot.shares.top - 28, MARGIN
    for kind, text in _entries(plot):
        width = 2.5 if kind == svg.ATOM else 1.8
        stroke = (x + 6, y + 1, x + 6, y - 9) if kind == svg.ATOM else (x, y - 4, x + 13, y - 4)
        area = kind in (svg.ROWS, svg.TAIL)
        yield svg.rects([(x, y - 9, 12, 10)], kind) if area else svg.lines([stroke], kind, width)
        yield svg.text(x + _SIGN, y, text)
        x += 2 * _SIGN + svg.width_of(text)
    if plot.line.elsewhere:
        names = (
            f"{atom_text(atom.value, plot.field)} {share_text(atom.weight)}"
            for atom in plot.line.elsewhere
        )
        note = svg.shortened(f"not on the axis: {', '.join(names)}", _MOST_ELSEWHERE)
        yield svg.text(WIDTH - MARGIN, plot.shares.top - 10, note, svg.MUTED, "end")


def _entries(plot: Plot) -> Iterator[tuple[str, str]]:
    """Return the colour and the text of each entry."""
    line = plot.line
    yield svg.ROWS, counted(line.rows, "row")
    if line.mixture.n_components:
        yield svg.INK, "mixture"
        yield svg.MODES[0], f"{counted(line.mixture.n_components, 'Gaussian mode')} by rank"
    if line.tail_shares.size:
        share = share_text(float(line.tail_shares.sum()))
        yield svg.TAIL, f"{counted(line.tail_shares.size, 'tail')} {share}"
    if line.atoms.size:
        share = share_text(line.atoms.total_weight / line.rows)
        yield svg.ATOM, f"{counted(line.atoms.size, 'atom')} {share}"


def outside(plot: Plot) -> Iterator[str]:
    """Say how many rows lie outside of the panels, and how far they go if there is room for it."""
    line, units = plot.line, plot.units
    (lowest, highest), first, last = plot.model.range, plot.panels[0].low, plot.panels[-1].high
    below, above = line.rows_between(-math.inf, first), line.rows_between(last, math.inf)
    between = sum(line.rows_between(one.high, next_.low) for one, next_ in pairwise(plot.panels))
    left = f"◂ {counted(below, 'row')} ({share_text(below / line.rows)}) below" if below else ""
    right = f"{counted(above, 'row')} ({share_text(above / line.rows)}) above" if above else ""
    middle = f"{counted(between, 'row')} between" if between else ""
    # A model that is kept when rows are added has the range of the rows that it was fitted to.
    down = f", down to {units.text(lowest)}" if below and lowest < first else ""
    up = f", up to {units.text(highest)}" if above and highest > last else ""
    if svg.width_of(left + down + middle + right + up) > WIDTH - 6 * MARGIN:
        down = up = ""
    y = HEIGHT - 7
    yield svg.text(MARGIN, y, left + down, svg.MUTED) if below else ""
    yield svg.text(WIDTH / 2, y, middle, svg.MUTED, "middle") if between else ""
    yield svg.text(WIDTH - MARGIN, y, f"{right}{up} ▸", svg.MUTED, "end") if above else ""

"""The axes of a column's picture, its legend, and what lies outside of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.labels import atom_text
from gmm_pipeline.pictures.numbers import Tick, apart, counted, share_text
from gmm_pipeline.pictures.panels import Panel
from gmm_pipeline.pictures.plot import GAP, LEFT, MARGIN, WIDTH, Plot

_TICK_ROOM = 75.0
_SIGN = 18.0


def share_axis(plot: Plot) -> Iterator[str]:
    """Draw the lines and texts of the vertical axis."""
    ticks = plot.shares.ticks()
    heights = [plot.shares.pixel(share) for share, _ in ticks]
    yield svg.lines(
        ((panel.left, y, panel.right, y) for panel in plot.panels for y in heights), svg.FAINT
    )
    for (_, label), y in zip(ticks, heights, strict=True):
        yield svg.text(LEFT - 6, y + 4, label, anchor="end", fill=svg.MUTED)
    scale = ", logarithmic" if plot.shares.logarithmic else ""
    yield svg.text(MARGIN, plot.shares.top - 10, f"share of rows per bar{scale}", fill=svg.MUTED)


def value_axes(plot: Plot) -> Iterator[str]:
    """Draw the axis below each panel, and marks where ranges are left out between them."""
    bottom = plot.shares.bottom
    for number, panel in enumerate(plot.panels):
        yield svg.lines([(panel.left, bottom, panel.right, bottom)], svg.MUTED)
        if number:
            x = panel.left - GAP / 2
            yield svg.lines(
                [(x - 6, bottom + 5, x - 1, bottom - 5), (x + 1, bottom + 5, x + 6, bottom - 5)],
                svg.MUTED,
            )
        yield from _value_axis(plot, panel)


def _value_axis(plot: Plot, panel: Panel) -> Iterator[str]:
    bottom = plot.shares.bottom
    ticks, reference = _ticks(plot, panel)
    yield svg.lines(((x, bottom, x, bottom + 4) for _, x in ticks), svg.MUTED)
    for number in apart([x for _, x in ticks], [svg.width_of(tick.text) for tick, _ in ticks]):
        tick, x = ticks[number]
        yield svg.text(
            _within(x, tick.text), bottom + 16, tick.text, anchor="middle", fill=svg.MUTED
        )
    unders = [(tick.under, _within(x, tick.under)) for tick, x in ticks if tick.under]
    for number in apart([x for _, x in unders], [svg.width_of(text) for text, _ in unders]):
        yield svg.text(
            unders[number][1], bottom + 29, unders[number][0], anchor="middle", fill=svg.MUTED
        )
    caption = ", ".join(part for part in (plot.ruler.caption, reference) if part)
    if caption and not unders:
        x = _within((panel.left + panel.right) / 2, caption)
        yield svg.text(x, bottom + 29, caption, anchor="middle", fill=svg.MUTED)


def _ticks(plot: Plot, panel: Panel) -> tuple[list[tuple[Tick, float]], str]:
    """Return the ticks of a panel with their pixels, and what they are counted from."""
    if panel.single is None:
        most = max(int((panel.right - panel.left) / _TICK_ROOM), 2)
        ticks, reference = plot.ruler.ticks(panel.low, panel.high, most)
        placed = [(tick, panel.pixel(plot.ruler.place(tick.at))) for tick in ticks]
        shown = [
            (tick, x)
            for tick, x in placed
            if math.isfinite(x) and panel.left - 1 <= x <= panel.right + 1
        ]
        if shown:
            return shown, reference
    at = panel.low / 2 + panel.high / 2 if panel.single is None else panel.single
    return [(Tick(plot.ruler.value(at), plot.ruler.text(at)), panel.pixel(at))], ""


def _within(x: float, text: str) -> float:
    half = svg.width_of(text) / 2
    return min(max(x, half + 2), WIDTH - half - 2)


def legend(plot: Plot, y: float) -> Iterator[str]:
    """Explain the signs that are used, and say which atoms have no place on the axis."""
    x = MARGIN
    for sign, label in _signs(plot, y):
        yield f'<g transform="translate({svg.px(x)} 0)">{sign}</g>'
        yield svg.text(x + _SIGN, y, label)
        x += _SIGN + svg.width_of(label) + 14
    if plot.rows.others:
        atoms = ", ".join(
            f"{atom_text(atom.value, plot.field)} {share_text(atom.weight)}"
            for atom in plot.rows.others
        )
        label = svg.shortened(f"not on the axis: {atoms}", 70)
        yield svg.text(WIDTH - MARGIN, plot.shares.top - 10, label, anchor="end", fill=svg.MUTED)


def _signs(plot: Plot, y: float) -> Iterator[tuple[str, str]]:
    rows, n_gaussians = plot.rows, plot.rows.mixture.n_components
    yield svg.rect(0, y - 9, 12, 10, svg.BARS), counted(rows.total, "row")
    if n_gaussians:
        yield svg.lines([(0, y - 4, 13, y - 4)], svg.INK, width=2), "mixture"
        names = f"{counted(n_gaussians, 'Gaussian mode')} by rank"
        yield svg.lines([(0, y - 4, 13, y - 4)], svg.COMPONENTS[0], width=1.5), names
    if rows.tail_shares.size:
        share = share_text(float(rows.tail_shares.sum()))
        yield (
            svg.rect(0, y - 9, 12, 10, svg.SHADE),
            f"{counted(rows.tail_shares.size, 'tail')} {share}",
        )
    if rows.stems.size:
        share = share_text(rows.stems.total_weight / rows.total)
        sign = svg.lines([(6, y + 1, 6, y - 9)], svg.STEM, width=2.5)
        yield sign, f"{counted(rows.stems.size, 'atom')} {share}"


def outside(plot: Plot, y: float) -> Iterator[str]:
    """Say how many rows lie outside of what is shown, and how far they go if there is room to."""
    rows, (lowest, highest) = plot.rows, plot.model.range
    first, last = plot.panels[0].low, plot.panels[-1].high
    below, above = rows.between(-math.inf, first), rows.between(last, math.inf)
    left = f"◂ {counted(below, 'row')} ({share_text(below / rows.total)}) below" if below else ""
    right = f"{counted(above, 'row')} ({share_text(above / rows.total)}) above" if above else ""
    hidden = sum(rows.between(one.high, other.low) for one, other in pairwise(plot.panels))
    middle = f"{counted(hidden, 'row')} between" if hidden else ""
    left_end = f", down to {plot.ruler.text(lowest)}" if below and lowest < first else ""
    right_end = f", up to {plot.ruler.text(highest)}" if above and highest > last else ""
    arrow = " ▸" if above else ""
    if sum(map(svg.width_of, (left, left_end, middle, right, right_end))) > WIDTH - 6 * MARGIN:
        left_end = right_end = ""
    yield svg.text(MARGIN, y, left + left_end, fill=svg.MUTED) if below else ""
    yield svg.text(WIDTH / 2, y, middle, anchor="middle", fill=svg.MUTED) if hidden else ""
    yield (
        svg.text(WIDTH - MARGIN, y, right + right_end + arrow, anchor="end", fill=svg.MUTED)
        if above
        else ""
    )

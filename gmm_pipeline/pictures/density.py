"""The picture of a column of numbers: rows as bars, with the modes of its model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.axes import legend, outside, share_axis, value_axes
from gmm_pipeline.pictures.number_line import NumberLine
from gmm_pipeline.pictures.numbers import counted, share_text
from gmm_pipeline.pictures.panels import Panel, ShareAxis, panels_of
from gmm_pipeline.pictures.plot import (
    BOTTOM,
    GAP,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Label,
    Labels,
    Plot,
)
from gmm_pipeline.pictures.units import Units

_MOST_LABELS = 12
"""Of modes, and of atoms: more do not find room."""
_MOST_CURVES = 60
"""Of the most frequent modes; more cannot be told apart, and each takes about 300 bytes."""


def density_picture(model: ColumnModel, sketch: Sketch, ranking: Ranking, field: pa.Field) -> str:
    """Draw the rows of a column of numbers and the modes of its model.

    Bars are shares of all rows. Curves are the shares that each Gaussian mode, and their sum,
    expect in a bar around each place, so that they compare with the bars on any grid. Shaded
    ranges are tails, upright lines are atoms. Panels show where most rows lie; how many lie
    outside, and how far, stands below.
    """
    if model.coordinate is None:
        raise ValueError("categories have no coordinates")
    line = NumberLine.of(model, sketch, ranking, model.coordinate)
    panels = panels_of(line, LEFT, WIDTH - RIGHT, GAP)
    if not panels:
        note = svg.text(12, 34, "no numbers on the axis")
        return svg.document(WIDTH, 60, f"{model.column}: no numbers", [note])
    shares = ShareAxis.of(panels, line, TOP, HEIGHT - BOTTOM)
    units = Units.of(model.coordinate, field)
    plot = Plot(model, field, line, units, panels, shares, Labels())
    elements = [
        *_tails(plot),
        *share_axis(plot),
        *(_bars(panel, shares) for panel in panels),
        *_curves(plot),
        *(_atoms(line, panel, shares, 2.5) for panel in panels),
        *value_axes(plot),
        *plot.labels.place(_atom_labels(plot)),
        *plot.labels.place(_mode_labels(plot)),
        *legend(plot),
        *outside(plot),
    ]
    described = (
        f"{model.column}: histogram of {counted(line.rows, 'row')} with "
        f"{counted(len(model.gaussians), 'Gaussian mode')}, {counted(len(model.tails), 'tail')} "
        f"and {counted(len(model.atoms), 'atom')}"
    )
    return svg.document(WIDTH, HEIGHT, described, elements)


def density_thumbnail(model: ColumnModel, sketch: Sketch, ranking: Ranking) -> str:
    """Draw bars, mixture and atoms small, without axes and text."""
    if model.coordinate is None:
        raise ValueError("categories have no coordinates")
    line = NumberLine.of(model, sketch, ranking, model.coordinate)
    elements: list[str] = []
    panels = panels_of(line, 1.0, svg.SMALL_WIDTH - 1, 4.0)
    if panels:
        shares = ShareAxis.of(panels, line, 1.0, svg.SMALL_HEIGHT - 1)
        for panel in panels:
            elements += [_bars(panel, shares), _mixture(panel, shares, svg.MODES[0], 1.2)]
            elements.append(_atoms(line, panel, shares, 1.5))
    return svg.document(svg.SMALL_WIDTH, svg.SMALL_HEIGHT, f"shape of {model.column}", elements)


def _bars(panel: Panel, shares: ShareAxis) -> str:
    tops = shares.pixels(panel.shares)
    return svg.bars(panel.pixels(panel.edges), tops, shares.bottom, svg.ROWS)


def _mixture(panel: Panel, shares: ShareAxis, stroke: str, width: float) -> str:
    if not panel.expected.size:
        return ""
    y = shares.pixels(panel.expected.sum(axis=1))
    return svg.curve(panel.pixels(panel.x), y, stroke, width)


def _atoms(line: NumberLine, panel: Panel, shares: ShareAxis, width: float) -> str:
    at = line.atoms.positions
    inside = (at >= panel.low) & (at <= panel.high)
    y = shares.pixels(line.atoms.weights[inside] / line.rows).tolist()
    ends = zip(panel.pixels(at[inside]).tolist(), y, strict=True)
    return svg.lines(((x, shares.bottom, x, y) for x, y in ends), svg.ATOM, width)


def _curves(plot: Plot) -> Iterator[str]:
    """Draw the Gaussian modes where they can be seen, and their sum."""
    for panel in plot.panels:
        x = panel.pixels(panel.x)
        for mode in np.argsort(plot.line.gaussian_ranks)[:_MOST_CURVES].tolist():
            seen = panel.expected[:, mode] > plot.shares.lowest_visible
            seen[:-1] |= seen[1:]
            seen[1:] |= seen[:-1]
            y = plot.shares.pixels(panel.expected[seen, mode])
            yield svg.curve(x[seen], y, _colour(mode), 1.3)
        yield _mixture(panel, plot.shares, svg.INK, 1.8)


def _mode_labels(plot: Plot) -> Iterator[Label]:
    """Return the rank of each mode, at its highest point."""
    for mode in np.argsort(plot.line.gaussian_ranks)[:_MOST_LABELS].tolist():
        peaks = [float(panel.expected[:, mode].max()) for panel in plot.panels]
        highest = max(peaks)
        if highest > plot.shares.lowest_visible:
            panel = plot.panels[peaks.index(highest)]
            x = panel.pixel(float(panel.x[np.argmax(panel.expected[:, mode])]))
            rank = str(plot.line.gaussian_ranks[mode])
            yield x, plot.shares.pixel(highest) - 4, rank, _colour(mode)


def _colour(mode: int) -> str:
    return svg.MODES[mode % len(svg.MODES)]


def _tails(plot: Plot) -> Iterator[str]:
    """Shade the ranges of tails, with their shares where these fit."""
    top, bottom = plot.shares.top, plot.shares.bottom
    for panel in plot.panels:
        for tail, share in zip(plot.model.tails, plot.line.tail_shares.tolist(), strict=True):
            low, high = max(tail.low, panel.low), min(tail.high, panel.high)
            if low < high:
                left, right = panel.pixel(low), panel.pixel(high)
                yield svg.rects([(left, top, max(right - left, 1.0), bottom - top)], svg.TAIL)
                label = share_text(share)
                if right - left > svg.width_of(label):
                    middle = (left + right) / 2
                    yield from plot.labels.place([(middle, top + 11, label, svg.ON_TAIL)])


def _atom_labels(plot: Plot) -> Iterator[Label]:
    """Return value and share of the most frequent atoms."""
    atoms = plot.line.atoms
    for number in np.argsort(-atoms.weights, kind="stable")[:_MOST_LABELS].tolist():
        at, share = float(atoms.positions[number]), float(atoms.weights[number]) / plot.line.rows
        for panel in plot.panels:
            if panel.low <= at <= panel.high:
                y = max(plot.shares.pixel(share) - 4, plot.shares.top + 10)
                text = f"{plot.units.text(at)}: {share_text(share)}"
                yield panel.pixel(at), y, text, svg.ATOM

"""The picture of a column's numbers: its rows as bars, with the Gaussian modes, tails and atoms of
its model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.axes import legend, outside, share_axis, value_axes
from gmm_pipeline.pictures.curves import thin_curve
from gmm_pipeline.pictures.labels import Labels
from gmm_pipeline.pictures.numbers import counted, share_text
from gmm_pipeline.pictures.panels import Panel, ShareAxis, panels_of
from gmm_pipeline.pictures.plot import BOTTOM, GAP, LEFT, RIGHT, TOP, WIDTH, Plot
from gmm_pipeline.pictures.rows import NumberRows
from gmm_pipeline.pictures.ruler import Ruler

_HEIGHT = 322.0
_MOST_LABELS = 12
_MOST_DRAWN = 60
_SMALL = (120.0, 32.0)


def density_picture(
    model: ColumnModel,
    sketch: Sketch,
    ranking: Ranking,
    field: pa.Field,
    *,
    title: str | None = None,
) -> str:
    """Draw the rows of a column of numbers and what its model makes of them.

    Bars are shares of all rows. Curves are the shares that the mixture and each Gaussian mode lead
    to expect in a bar around each place, so that they can be compared with the bars on any grid.
    Shaded ranges are tails, stems are atoms. Shown is where most rows lie; how many lie outside,
    and how far, stands below.

    Parameters
    ----------
    model : ColumnModel
        With a coordinate.
    sketch : Sketch
        That the model was fitted to.
    ranking : Ranking
        Whose ranks name the modes.
    field : pa.Field
        The column's name and type.
    title : str, optional
    """
    if model.coordinate is None:
        raise ValueError("categories have no coordinates")
    rows = NumberRows.of(model, sketch, ranking, model.coordinate)
    panels = panels_of(rows, LEFT, WIDTH - RIGHT, GAP, _step(model))
    heading = svg.heading(title)
    top, height = TOP + heading.height, _HEIGHT + heading.height
    if not panels:
        return svg.document(
            WIDTH, 60, f"{model.column}: no numbers", [svg.text(12, 34, "no numbers on the axis")]
        )
    shares = ShareAxis.of(panels, rows, top, height - BOTTOM)
    plot = Plot(model, field, rows, Ruler.of(model.coordinate, field), panels, shares)
    labels = Labels()
    elements = [
        heading.element,
        *_tails(plot, labels),
        *share_axis(plot),
        *_bars(plot),
        *_components(plot),
        *_stems(plot),
        *value_axes(plot),
        *_stem_labels(plot, labels),
        *_component_labels(plot, labels),
        *legend(plot, top - 28),
        *outside(plot, height - 7),
    ]
    return svg.document(WIDTH, height, _described(plot), elements)


def density_thumbnail(model: ColumnModel, sketch: Sketch, ranking: Ranking) -> str:
    """Draw the same small, without axes and text."""
    if model.coordinate is None:
        raise ValueError("categories have no coordinates")
    width, height = _SMALL
    rows = NumberRows.of(model, sketch, ranking, model.coordinate)
    panels = panels_of(rows, 1.0, width - 1.0, 4.0, _step(model))
    elements: list[str] = []
    if panels:
        shares = ShareAxis.of(panels, rows, 1.0, height - 1.0)
        for panel in panels:
            elements.append(
                svg.steps(
                    panel.pixels(panel.edges), shares.pixels(panel.shares), shares.bottom, svg.BARS
                )
            )
            elements.append(_sum(rows, panel, shares, svg.COMPONENTS[0], 1.2))
            elements.append(_stem_lines(rows, panel, shares, 1.5))
    return svg.document(width, height, f"shape of {model.column}", elements)


def _step(model: ColumnModel) -> float:
    """Return the distance between the values of a column in coordinates, 0 if it varies."""
    if model.coordinate is None or isinstance(model.coordinate, LogCoordinate):
        return 0.0
    return float(model.coordinate.spacing(np.zeros(1))[0])


def _bars(plot: Plot) -> Iterator[str]:
    for panel in plot.panels:
        tops = plot.shares.pixels(panel.shares)
        yield svg.steps(panel.pixels(panel.edges), tops, plot.shares.bottom, svg.BARS)


def _components(plot: Plot) -> Iterator[str]:
    """Draw the Gaussian modes where they can be seen, and their sum."""
    for panel in plot.panels:
        for mode in np.argsort(plot.rows.gaussian_ranks)[:_MOST_DRAWN].tolist():
            seen = _with_neighbours(panel.expected[:, mode] > plot.lowest_visible)
            y = plot.shares.pixels(panel.expected[seen, mode])
            yield thin_curve(panel.pixels(panel.x[seen]), y, plot.colour(mode), 1.3)
        yield _sum(plot.rows, panel, plot.shares, svg.INK, 1.8)


def _sum(rows: NumberRows, panel: Panel, shares: ShareAxis, stroke: str, width: float) -> str:
    if not rows.mixture.n_components:
        return ""
    return thin_curve(
        panel.pixels(panel.x), shares.pixels(panel.expected.sum(axis=1)), stroke, width
    )


def _with_neighbours(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    spread = chosen.copy()
    spread[:-1] |= chosen[1:]
    spread[1:] |= chosen[:-1]
    return spread


def _component_labels(plot: Plot, labels: Labels) -> Iterator[str]:
    """Write the rank of each mode at its highest point."""
    for mode in np.argsort(plot.rows.gaussian_ranks)[:_MOST_LABELS].tolist():
        panel = max(plot.panels, key=lambda panel, mode=mode: float(panel.expected[:, mode].max()))  # type: ignore[misc]
        peak = int(np.argmax(panel.expected[:, mode]))
        height = float(panel.expected[peak, mode])
        if height > plot.lowest_visible:
            x, y = panel.pixel(float(panel.x[peak])), plot.shares.pixel(height) - 4
            rank = str(plot.rows.gaussian_ranks[mode])
            yield labels.put(
                x, y, rank, plot.colour(mode), weight="bold", lowest=plot.shares.top + 6
            )


def _tails(plot: Plot, labels: Labels) -> Iterator[str]:
    top, height = plot.shares.top, plot.shares.bottom - plot.shares.top
    tails = list(zip(plot.model.tails, plot.rows.tail_shares.tolist(), strict=True))
    for panel in plot.panels:
        for tail, share in tails:
            low, high = max(tail.low, panel.low), min(tail.high, panel.high)
            if low >= high:
                continue
            left, right = panel.pixel(low), panel.pixel(high)
            yield svg.rect(left, top, max(right - left, 1.0), height, svg.SHADE, opacity=0.55)
            inner = [
                panel.pixel(end) for end in (tail.low, tail.high) if panel.low < end < panel.high
            ]
            yield svg.lines(((x, top, x, top + height) for x in inner), svg.SHADE)
            label = share_text(share)
            if right - left > svg.width_of(label):
                yield labels.put((left + right) / 2, top + 11, label, svg.ON_SHADE, lowest=top)


def _stems(plot: Plot) -> Iterator[str]:
    for panel in plot.panels:
        yield _stem_lines(plot.rows, panel, plot.shares, 2.5)


def _stem_lines(rows: NumberRows, panel: Panel, shares: ShareAxis, width: float) -> str:
    stems = rows.stems
    inside = (stems.positions >= panel.low) & (stems.positions <= panel.high)
    x, y = panel.pixels(stems.positions[inside]), shares.pixels(stems.weights[inside] / rows.total)
    ends = zip(x.tolist(), y.tolist(), strict=True)
    return svg.lines(((x, shares.bottom, x, y) for x, y in ends), svg.STEM, width=width)


def _stem_labels(plot: Plot, labels: Labels) -> Iterator[str]:
    """Write value and share above the most frequent atoms."""
    stems = plot.rows.stems
    for number in np.argsort(-stems.weights, kind="stable")[:_MOST_LABELS].tolist():
        at, share = float(stems.positions[number]), float(stems.weights[number]) / plot.rows.total
        panel = next((panel for panel in plot.panels if panel.holds(at)), None)
        if panel is not None:
            text = f"{plot.ruler.text(at)}: {share_text(share)}"
            half = svg.width_of(text) / 2
            x = min(max(panel.pixel(at), LEFT + half), WIDTH - 4 - half)
            y = max(plot.shares.pixel(share) - 4, plot.shares.top + 10)
            yield labels.put(x, y, text, svg.STEM, lowest=plot.shares.top)


def _described(plot: Plot) -> str:
    model = plot.model
    return (
        f"{model.column}: histogram of {counted(plot.rows.total, 'row')} with "
        f"{counted(len(model.gaussians), 'Gaussian mode')}, {counted(len(model.tails), 'tail')} and "
        f"{counted(len(model.atoms), 'atom')}"
    )

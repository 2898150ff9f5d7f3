"""Which pixels show which coordinates and shares of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.pictures.histogram import bar_edges, expected_shares, rows_in_bars
from gmm_pipeline.pictures.number_line import NumberLine
from gmm_pipeline.pictures.numbers import number_ticks, share_text
from gmm_pipeline.pictures.ranges import MATTERS, Range, shown_ranges

_SINGLE = 0.25
"""A range of one value gets this part of the width of another range."""
_BAR_BOUNDS = (16, 120)
"""Fewer bars show no form; more of them, on 620 pixels, could not be told apart."""
_FEWEST_BARS = 8
"""In the narrowest of several ranges."""
_NARROWEST = 4.0
"""Every value of a grid has its own bar if that is at least so many pixels wide."""
_PADDING = 0.02
"""Space beside the outermost rows, in parts of the range."""
_LARGEST = 1.7e308
"""Edges stay within float64."""
_PIXELS_A_POINT = 3.0
"""The mixture is computed at points this far apart, and around each of its modes."""
_AROUND = np.linspace(-4.0, 4.0, 21)
"""How far from the mean of a mode: in standard deviations, and in halves of a bar.

A mode that is narrower than a bar looks as wide as a bar, since curves are shares per bar.
"""
_LOGARITHMIC_FROM = 25.0
"""Linear bars lower than 1/25 of the highest, here 9 pixels, would hardly be seen."""
_DECADES = 6
"""A logarithmic axis shows so many at most: more would make all bars look alike."""


@dataclass(frozen=True)
class Panel:
    """A range of coordinates, its rows, and the pixels that show it.

    Parameters
    ----------
    left, right : float
        Pixels.
    edges : array of shape (n_bars + 1,)
        Coordinates.
    shares : array of shape (n_bars,)
        Of all rows of the column.
    x : array of shape (n,), increasing
        Coordinates at which the mixture is drawn.
    expected : array of shape (n, n_components)
        The share of all rows that each Gaussian mode expects in a bar around x.
    single : float or None
        The only value of the range, if there is just one.
    """

    left: float
    right: float
    edges: NDArray[np.float64]
    shares: NDArray[np.float64]
    x: NDArray[np.float64]
    expected: NDArray[np.float64]
    single: float | None

    @property
    def low(self) -> float:
        """The first coordinate."""
        return float(self.edges[0])

    @property
    def high(self) -> float:
        """The last coordinate."""
        return float(self.edges[-1])

    def pixels(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where coordinates lie, shape (n,); halved before subtracting, not to overflow."""
        with np.errstate(over="ignore"):
            parts = (coordinates / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
            return self.left + (self.right - self.left) * parts

    def pixel(self, coordinate: float) -> float:
        """Return where one coordinate lies."""
        return float(self.pixels(np.array([coordinate]))[0])


def panels_of(line: NumberLine, left: float, right: float, gap: float) -> list[Panel]:
    """Divide the pixels from left to right, with gaps, among the ranges that are to be seen."""
    ranges = shown_ranges(line.points, line.atoms, line.mixture)
    parts = np.array([1.0 if shown.high > shown.low else _SINGLE for shown in ranges])
    widths = (right - left - gap * (len(ranges) - 1)) * parts / parts.sum()
    starts = left + np.cumsum(widths + gap) - widths - gap
    # Scott (1979): a histogram is closest to its density if bars narrow with the cube root of the
    # rows. His factor for a normal column is 1.5; modes are narrower than their column.
    most = min(np.clip(3 * line.points.total_weight ** (1 / 3), *_BAR_BOUNDS), widths.sum() / 2)
    return [
        _panel(line, shown, start, start + width, max(int(most * part), _FEWEST_BARS))
        for shown, start, width, part in zip(
            ranges, starts.tolist(), widths.tolist(), (parts / parts.sum()).tolist(), strict=True
        )
    ]


def _panel(line: NumberLine, shown: Range, left: float, right: float, most: int) -> Panel:
    step, mixture = line.step, line.mixture
    if step:
        low, high = math.floor(shown.low / step) * step, math.ceil(shown.high / step) * step
        values = (high - low) / step + 1
        most = int(values) if values <= (right - left) / _NARROWEST else most
    else:
        around = _PADDING * (shown.high - shown.low) or 1e-3 * abs(shown.low) or 1.0
        low, high = max(shown.low - around, -_LARGEST), min(shown.high + around, _LARGEST)
    edges = bar_edges(low, high, most, step)
    if step and edges.size == 2:  # noqa: PLR2004 - one bar: empty ones beside it show that it is
        edges = np.array([edges[0] - step, edges[0], edges[1], edges[1] + step])
    width = float(edges[1] - edges[0])
    even = np.linspace(edges[0], edges[-1], max(int((right - left) / _PIXELS_A_POINT), 40))
    with np.errstate(over="ignore", invalid="ignore"):
        reaches = np.concatenate([mixture.stds, np.full(mixture.n_components, width / 2)])
        near = (np.tile(mixture.means, 2) + reaches * _AROUND[:, np.newaxis]).ravel()
    x = np.unique(np.concatenate([even, near[(near > edges[0]) & (near < edges[-1])]]))
    weights = line.points.total_weight / line.rows * mixture.weights
    shares = rows_in_bars(line.points, edges) / line.rows
    single = None if shown.high > shown.low else shown.low
    expected = weights * expected_shares(mixture, x, width)
    return Panel(left, right, edges, shares, x, expected, single)


@dataclass(frozen=True)
class ShareAxis:
    """The vertical axis: shares of rows from `floor` at the bottom to `ceiling` at the top.

    Parameters
    ----------
    floor, ceiling : float
        Shares; the axis is linear if the floor is 0, otherwise logarithmic.
    top, bottom : float
        Pixels.
    """

    floor: float
    ceiling: float
    top: float
    bottom: float

    @classmethod
    def of(cls, panels: list[Panel], line: NumberLine, top: float, bottom: float) -> ShareAxis:
        """Return a linear axis, or a logarithmic one if modes that matter were too low on it."""
        expected = np.concatenate([panel.expected for panel in panels])
        peaks = expected.max(axis=0)[line.mixture.weights >= MATTERS]
        bars = [float(panel.shares.max()) for panel in panels]
        atoms = float(line.atoms.weights.max(initial=0.0)) / line.rows
        highest = max(*bars, float(expected.sum(axis=1).max()), atoms, 1e-12)
        lowest = min([height for height in [*bars, *peaks.tolist()] if height], default=highest)
        # Above the highest bar there is room for a label: an eighth or, of 4 decades, a tenth.
        if highest <= _LOGARITHMIC_FROM * lowest:
            return cls(0.0, 1.12 * highest, top, bottom)
        # The lowest peak stands well above the bottom, and three decades are shown at least; but
        # there is nothing to see below half a row.
        floor = max(min(lowest / 5, highest / 1000), 0.5 / line.rows, highest * 10.0**-_DECADES)
        return cls(floor, 2.5 * highest, top, bottom)

    @property
    def lowest_visible(self) -> float:
        """The smallest share that can be told from 0: half a pixel if the axis is linear."""
        return self.floor or self.ceiling / 400

    def pixels(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the heights of shares, shape (n,), between bottom and top."""
        parts = shares / self.ceiling
        if self.floor:
            decades = math.log(self.ceiling / self.floor)
            parts = np.log(np.maximum(shares, self.floor) / self.floor) / decades
        return self.bottom - (self.bottom - self.top) * np.clip(parts, 0.0, 1.0)

    def pixel(self, share: float) -> float:
        """Return the height of one share."""
        return float(self.pixels(np.array([share]))[0])

    def ticks(self) -> list[tuple[float, str]]:
        """Return shares to mark, and their texts."""
        if not self.floor:
            ticks, _ = number_ticks(Fraction(0), Fraction(self.ceiling), 5)
            return [(float(tick.at), share_text(float(tick.at))) for tick in ticks]
        orders = range(math.ceil(math.log10(self.floor)), math.floor(math.log10(self.ceiling)) + 1)
        return [(10.0**order, share_text(10.0**order)) for order in orders]

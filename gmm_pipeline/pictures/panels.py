"""Where a picture puts coordinates and shares: panels side by side for ranges of a column, and the
axis of shares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.pictures.histogram import bar_edges, expected_shares, rows_in_bars
from gmm_pipeline.pictures.numbers import number_ticks, share_text
from gmm_pipeline.pictures.rows import NumberRows
from gmm_pipeline.pictures.view import Span, spans

_SINGLE = 0.25
_FINE = 160
_NARROWEST = 4.0
"""Where bars would be so many pixels wide, every value of a grid has its own."""
_AROUND = np.linspace(-4.0, 4.0, 21)
_LOGARITHMIC_FROM = 25.0
_DECADES = 6
_MATTERS = 0.01


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
        The share of all rows that each mode leads to expect in a bar around x.
    single : float or None
        The only coordinate that the range is about, if there is just one.
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
        """Return where coordinates lie, shape (n,)."""
        halves = self.high / 2 - self.low / 2
        with np.errstate(over="ignore"):
            return self.left + (self.right - self.left) * (
                (coordinates / 2 - self.low / 2) / halves
            )

    def pixel(self, coordinate: float) -> float:
        """Return where one coordinate lies."""
        return float(self.pixels(np.array([coordinate]))[0])

    def holds(self, coordinate: float) -> bool:
        """Return whether a coordinate lies in the range."""
        return self.low <= coordinate <= self.high


def panels_of(rows: NumberRows, left: float, right: float, gap: float, step: float) -> list[Panel]:
    """Divide the pixels from left to right among the ranges that are to be seen.

    Parameters
    ----------
    rows : NumberRows
    left, right, gap : float
        Pixels; `gap` between panels.
    step : float
        Between the values of the column's grid in coordinates; 0 without one.
    """
    ranges = spans(rows.points, rows.stems, rows.mixture)
    parts = [1.0 if span.high > span.low else _SINGLE for span in ranges]
    room = right - left - gap * (len(ranges) - 1)
    most = min(_bars(rows.points.total_weight), int(room / 2))
    panels: list[Panel] = []
    start = left
    for span, part in zip(ranges, parts, strict=True):
        width = room * part / sum(parts)
        panels.append(
            _panel(rows, span, start, start + width, max(int(most * part / sum(parts)), 8), step)
        )
        start += width + gap
    return panels


def _bars(rows: float) -> int:
    """Return how many bars show so many rows without too much noise: they grow with the cube root,
    within bounds.
    """
    return int(np.clip(3 * rows ** (1 / 3), 16, 120))


def _panel(
    rows: NumberRows, span: Span, left: float, right: float, most: int, step: float
) -> Panel:
    if step:
        low, high = math.floor(span.low / step) * step, math.ceil(span.high / step) * step
        values = (high - low) / step + 1
        most = int(values) if values <= (right - left) / _NARROWEST else most
    else:
        around = 0.02 * (span.high - span.low) or 1e-3 * abs(span.low) or 1.0
        low, high = span.low - around, span.high + around
        low, high = max(low, -1.7e308), min(high, 1.7e308)
    edges = bar_edges(low, high, most, step)
    if step and edges.size == 2:  # noqa: PLR2004
        edges = np.array([edges[0] - step, edges[0], edges[1], edges[1] + step])
    x = np.linspace(edges[0], edges[-1], max(int(_FINE * (right - left) / 500), 40))
    with np.errstate(over="ignore", invalid="ignore"):
        near = (rows.mixture.means + rows.mixture.stds * _AROUND[:, np.newaxis]).ravel()
        near = np.concatenate(
            [
                near,
                (rows.mixture.means + (edges[1] - edges[0]) / 2 * _AROUND[:, np.newaxis]).ravel(),
            ]
        )
    x = np.unique(np.concatenate([x, near[(near > edges[0]) & (near < edges[-1])]]))
    share = rows.points.total_weight / rows.total
    expected = (
        share * rows.mixture.weights * expected_shares(rows.mixture, x, float(edges[1] - edges[0]))
    )
    single = None if span.high > span.low else span.low
    return Panel(
        left, right, edges, rows_in_bars(rows.points, edges) / rows.total, x, expected, single
    )


@dataclass(frozen=True)
class ShareAxis:
    """The vertical axis: shares of rows from `floor` at the bottom to `ceiling` at the top, in
    pixels.

    Parameters
    ----------
    floor, ceiling : float
        Shares; a floor of 0 makes the axis linear, any other logarithmic.
    top, bottom : float
        Pixels.
    """

    floor: float
    ceiling: float
    top: float
    bottom: float

    @classmethod
    def of(cls, panels: Sequence[Panel], rows: NumberRows, top: float, bottom: float) -> ShareAxis:
        """Choose the axis by what is to be seen: logarithmic where modes that matter would be too
        low otherwise.
        """
        matters = rows.mixture.weights >= _MATTERS
        peaks = np.max([panel.expected.max(axis=0) for panel in panels], axis=0)[matters]
        bars = [float(panel.shares.max(initial=0.0)) for panel in panels]
        sums = [float(panel.expected.sum(axis=1).max(initial=0.0)) for panel in panels]
        stems = rows.stems.weights / rows.total
        highest = max(*bars, *sums, float(stems.max(initial=0.0)), 1e-12)
        lowest = min(
            float(peaks[peaks > 0].min(initial=highest)), *(height or highest for height in bars)
        )
        if highest <= _LOGARITHMIC_FROM * lowest:
            return cls(0.0, 1.12 * highest, top, bottom)
        floor = max(min(lowest / 5, highest / 1000), 0.5 / rows.total, highest * 10.0**-_DECADES)
        return cls(floor, 2.5 * highest, top, bottom)

    @property
    def logarithmic(self) -> bool:
        """Whether the axis is logarithmic."""
        return self.floor > 0

    def pixels(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the heights of shares, shape (n,), not below the bottom."""
        if not self.logarithmic:
            heights = shares / self.ceiling
        else:
            heights = np.log(np.maximum(shares, self.floor) / self.floor) / math.log(
                self.ceiling / self.floor
            )
        return self.bottom - (self.bottom - self.top) * np.clip(heights, 0.0, 1.0)

    def pixel(self, share: float) -> float:
        """Return the height of one share."""
        return float(self.pixels(np.array([share]))[0])

    def ticks(self) -> list[tuple[float, str]]:
        """Return shares to mark, and their texts."""
        if not self.logarithmic:
            marks, _ = number_ticks(Fraction(0), Fraction(self.ceiling), 5)
            return [(float(tick.at), share_text(float(tick.at))) for tick in marks]
        orders = range(math.ceil(math.log10(self.floor)), math.floor(math.log10(self.ceiling)) + 1)
        return [(10.0**order, share_text(10.0**order)) for order in orders]

"""The picture of how a fit went: the mean log-likelihood at each step."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from gmm_pipeline.pictures import svg
from gmm_pipeline.pictures.curves import thin_curve
from gmm_pipeline.pictures.numbers import Tick, apart, counted, number_ticks

_WIDTH, _HEIGHT = 700.0, 180.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 92.0, 18.0, 30.0, 40.0
_FEW = 40
_SMALLEST = 1e-300


def likelihood_picture(history: Sequence[float], *, title: str | None = None) -> str:
    """Draw the mean log-likelihood per row over the iterations of a fit.

    Parameters
    ----------
    history : sequence of float
        One for each iteration; what is not finite is left out.
    title : str, optional
    """
    heading = svg.heading(title)
    top, height = _TOP + heading.height, _HEIGHT + heading.height
    values = np.array(history, dtype=np.float64)
    steps = np.flatnonzero(np.isfinite(values))
    if not steps.size:
        elements = [heading.element, svg.text(12, top, "no iterations to show", fill=svg.MUTED)]
        return svg.document(_WIDTH, top + 12, "no iterations to show", elements)
    held = values[steps]
    low, high = float(held.min()), float(held.max())
    if low / 2 == high / 2:
        around = max(1e-3 * abs(low), _SMALLEST)
        low, high = low - around, high + around
    bottom, right = height - _BOTTOM, _WIDTH - _RIGHT
    last = max(values.size, 2)
    x = _LEFT + (right - _LEFT) * steps / (last - 1)
    y = bottom - (bottom - top) * ((held / 2 - low / 2) / (high / 2 - low / 2))
    sides, reference = number_ticks(Fraction(low), Fraction(high), 4)
    marks, _ = number_ticks(Fraction(1), Fraction(last), 8, Fraction(1))
    elements = [
        heading.element,
        svg.text(
            12,
            top - 14,
            f"mean log-likelihood, nats per row{', ' + reference if reference else ''}",
            fill=svg.MUTED,
        ),
        *_side(sides, low, high, bottom, top, right),
        svg.lines([(_LEFT, bottom, right, bottom)], svg.MUTED),
        *_below(marks, last, bottom, right),
        thin_curve(x, y, svg.COMPONENTS[0], 1.8),
        *_dots(x, y),
    ]
    label = f"mean log-likelihood over {counted(values.size, 'iteration')}: from {held[0]:.6g} to {held[-1]:.6g}"
    return svg.document(_WIDTH, height, label, elements)


def _side(
    ticks: list[Tick], low: float, high: float, bottom: float, top: float, right: float
) -> list[str]:
    """Return the lines and texts of the vertical axis."""
    heights = [
        bottom
        - (bottom - top) * float((tick.at - Fraction(low)) / (Fraction(high) - Fraction(low)))
        for tick in ticks
    ]
    texts = [
        svg.text(_LEFT - 6, y + 4, tick.text, anchor="end", fill=svg.MUTED)
        for tick, y in zip(ticks, heights, strict=True)
    ]
    return [svg.lines(((_LEFT, y, right, y) for y in heights), svg.FAINT), *texts]


def _below(ticks: list[Tick], last: int, bottom: float, right: float) -> list[str]:
    """Return the texts of the horizontal axis, which counts iterations from 1."""
    places = [_LEFT + (right - _LEFT) * float(tick.at - 1) / (last - 1) for tick in ticks]
    kept = apart(places, [svg.width_of(tick.text) for tick in ticks])
    texts = [
        svg.text(places[i], bottom + 16, ticks[i].text, anchor="middle", fill=svg.MUTED)
        for i in kept
    ]
    caption = svg.text(
        (_LEFT + right) / 2, bottom + 31, "iteration", anchor="middle", fill=svg.MUTED
    )
    return [svg.lines(((x, bottom, x, bottom + 4) for x in places), svg.MUTED), *texts, caption]


def _dots(x: np.ndarray, y: np.ndarray) -> list[str]:
    """Return a dot for each step where there are few, else for the last."""
    shown = slice(None) if x.size <= _FEW else slice(-1, None)
    return [
        svg.dot(a, b, svg.COMPONENTS[0])
        for a, b in zip(x[shown].tolist(), y[shown].tolist(), strict=True)
    ]

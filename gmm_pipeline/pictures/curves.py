"""Curves with no more points than the eye can tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.pictures import svg

_TOLERANCE = 0.2


def thin_curve(x: NDArray[np.float64], y: NDArray[np.float64], stroke: str, width: float) -> str:
    """Draw a curve through those of its points, both of shape (n,), that a straight line would miss
    by a bit.
    """
    kept = corners(x, y)
    return svg.curve(x[kept], y[kept], stroke, width=width)


def corners(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points of a curve matter, shape (n,) (Douglas and Peucker, 1973)."""
    kept = np.zeros(x.size, dtype=np.bool_)
    stack = [(0, x.size - 1)] if x.size else []
    while stack:
        first, last = stack.pop()
        kept[[first, last]] = True
        if last - first <= 1:
            continue
        between = slice(first + 1, last)
        dx, dy = x[last] - x[first], y[last] - y[first]
        length = float(np.hypot(dx, dy)) or 1.0
        offsets = np.abs((x[between] - x[first]) * dy - (y[between] - y[first]) * dx) / length
        furthest = first + 1 + int(np.argmax(offsets))
        if offsets[furthest - first - 1] > _TOLERANCE:
            stack += [(first, furthest), (furthest, last)]
    return kept

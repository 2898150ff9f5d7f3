"""How far a column's distribution has moved between two sketches.

Drift is the larger of two distances, each between 0 and 1:

- The total variation distance of nulls, NaN, infinities, categories and the frequent numbers that
  both sketches count exactly, with everything else as one outcome: the smallest share of rows that
  would have to change to turn one distribution into the other.
- The Kolmogorov–Smirnov distance of the numbers (Kolmogorov, 1933, "Sulla determinazione empirica
  di una legge di distribuzione"; Smirnov, 1948, "Table for estimating the goodness of fit of
  empirical distributions"): the largest difference between the shares of all rows that hold a
  number up to x, over all x. The rows of a cell are taken to be spread evenly over it.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.heavy_hitters import SMALLEST_SHARE
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.sketch import LabelCounts, Sketch
from gmm_pipeline.core.sketch.value_counts import ValueCounts


def drift(fitted: Sketch, now: Sketch) -> float:
    """Return how far a column's distribution has moved, as a share of its rows.

    It is symmetric, 0 for equal sketches, and 1 between categories and numbers. Rows added to a
    sketch on its own grid move it by at most about their share. Between sketches of n rows each,
    drawn from one distribution, it is of the order of 1/√n, or of √(k/n) if k categories or
    frequent numbers share the rows.
    """
    both_labels = [isinstance(sketch.tally.body, LabelCounts) for sketch in (fitted, now)]
    if both_labels[0] != both_labels[1]:
        return 1.0
    if both_labels[0]:
        return _total_variation(_label_shares(fitted), _label_shares(now))
    singles = _heavy_in_either(fitted, now)
    return max(
        _total_variation(_single_shares(fitted, singles), _single_shares(now, singles)),
        _largest_difference(_Cumulative(fitted), _Cumulative(now)),
    )


def _total_variation(fitted: dict[Any, float], now: dict[Any, float]) -> float:
    """Return the total variation distance of outcomes' shares, with all others as one outcome."""
    differences = np.array(
        [now.get(outcome, 0.0) - fitted.get(outcome, 0.0) for outcome in {**fitted, **now}]
    )
    return min(
        float(max(differences[differences > 0].sum(), -differences[differences < 0].sum())), 1.0
    )


def _special_shares(sketch: Sketch) -> dict[Any, float]:
    """Return the shares of nulls, NaN and infinities; tuples as keys, which no label equals."""
    names = ("null", "NaN", "+inf", "-inf")
    # A sketch of no rows has shares of 0, not 0 / 0.
    rows = max(sketch.rows, 1)
    return {
        (name,): count / rows
        for name, count in zip(names, astuple(sketch.tally.specials), strict=True)
    }


def _label_shares(sketch: Sketch) -> dict[Any, float]:
    """Return the shares of categories, nulls, NaN and infinities."""
    body, rows = sketch.tally.body, max(sketch.rows, 1)
    counts = body.counts.tolist() if isinstance(body, LabelCounts) else []
    labels = zip(sketch.labels, counts, strict=True)
    return {**_special_shares(sketch), **{label: count / rows for label, count in labels}}


def _single_shares(sketch: Sketch, singles: Numbers) -> dict[Any, float]:
    """Return the shares of some single numbers, nulls, NaN and infinities."""
    counted = sketch.numbers.select(np.isin(sketch.numbers.values, singles))
    shares = (counted.counts / max(sketch.rows, 1)).tolist()
    return {**_special_shares(sketch), **dict(zip(counted.values.tolist(), shares, strict=True))}


def _heavy_in_either(fitted: Sketch, now: Sketch) -> Numbers:
    """Return the numbers that are frequent in one sketch or both, and counted exactly in both."""
    heavy = [_heavy(sketch).values for sketch in (fitted, now)]
    either = np.union1d(*heavy)
    for sketch in (fitted, now):
        if not sketch.complete:
            # In a cell of one sketch, a number's rows are unknown: it would seem to have moved.
            either = either[np.isin(either, sketch.numbers.values)]
    return either


def _heavy(sketch: Sketch) -> ValueCounts:
    """Return the frequent numbers of a sketch: those with `SMALLEST_SHARE` of its rows."""
    return sketch.numbers.select(sketch.numbers.counts >= SMALLEST_SHARE * max(sketch.rows, 1))


class _Cumulative:
    """The share of a sketch's rows that hold a number up to x: a sum of steps and ramps."""

    def __init__(self, sketch: Sketch) -> None:
        singles = sketch.numbers
        positions, weights = singles.values.astype(np.float64), singles.counts
        lows, highs, cells = _cells(sketch)
        # On a grid of the column's own, a cell may hold a single value: then it is a step.
        flat = lows == highs
        steps = np.concatenate([positions, lows[flat]])
        order = np.argsort(steps, kind="stable")
        self._rows = max(sketch.rows, 1)
        self._steps = steps[order]
        self._step_sums = np.concatenate(
            [[0], np.cumsum(np.concatenate([weights, cells[flat]])[order])]
        )
        ramp_sums = np.concatenate([[0], np.cumsum(cells[~flat])])
        # Neighbouring cells share an edge up to rounding; `np.interp` needs increasing x.
        ends = np.stack([lows[~flat], highs[~flat]], axis=1).ravel()
        self._ramp_ends = np.maximum.accumulate(ends) if ends.size else np.zeros(1)
        self._ramp_sums = np.repeat(ramp_sums, 2)[1:-1] if ends.size else np.zeros(1)

    @property
    def edges(self) -> NDArray[np.float64]:
        """The numbers where the function steps, or changes its slope."""
        return np.concatenate([self._steps, self._ramp_ends])

    def around(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of rows below each x, and up to each x, shape (2, n)."""
        ramps = np.interp(x, self._ramp_ends, self._ramp_sums)
        steps = [
            self._step_sums[np.searchsorted(self._steps, x, side)] for side in ("left", "right")
        ]
        return (np.stack(steps) + ramps) / self._rows


def _cells(sketch: Sketch) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the smallest and largest number of each cell and its rows, each of shape (n,)."""
    body = sketch.tally.body
    if not isinstance(body, GridCounts) or sketch.coordinate is None:
        return np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)
    lows, highs = (sketch.coordinate.backward(ends).astype(np.float64) for ends in body.extents())
    return lows, highs, body.counts


def _largest_difference(fitted: _Cumulative, now: _Cumulative) -> float:
    """Return the largest difference of two functions, which are straight between their edges."""
    # Between edges both are straight, so their difference is largest at an edge.
    x = np.unique(np.concatenate([fitted.edges, now.edges]))
    return min(float(np.abs(fitted.around(x) - now.around(x)).max(initial=0.0)), 1.0)

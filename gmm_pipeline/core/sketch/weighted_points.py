"""Weighted points on a line: the summary of a column's rows that a mixture is fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.robust_scale import center_and_scale

NEIGHBOURS = 5
"""Values on either side whose median weight is "usual": enough that one heaped value (a round
number) among them does not move it.
"""
FURTHEST = 2.0**500
"""Squares of standardised positions up to here are finite."""


@dataclass(frozen=True)
class WeightedPoints:
    """Groups of rows, each reduced to their number, mean and variance.

    Parameters
    ----------
    positions : array of shape (n,), increasing
        The mean of each group.
    weights : array of shape (n,), non-negative
        The rows of each group.
    spreads : array of shape (n,), non-negative
        The variance of the rows around their mean; 0 for a single value.
    """

    positions: NDArray[np.float64]
    weights: NDArray[np.float64]
    spreads: NDArray[np.float64]

    @classmethod
    def of(
        cls, positions: NDArray[np.float64], weights: NDArray[np.float64] | None = None
    ) -> WeightedPoints:
        """Return single values, in any order, as points; of weight 1 if no weights are given."""
        order = np.argsort(positions, kind="stable")
        weights = np.ones(positions.size) if weights is None else weights.astype(np.float64)
        return cls(positions[order].astype(np.float64), weights[order], np.zeros(positions.size))

    @property
    def size(self) -> int:
        """The number of points."""
        return self.positions.size

    @property
    def total_weight(self) -> float:
        """The number of rows."""
        return float(self.weights.sum())

    def nonempty(self) -> WeightedPoints:
        """Return the points of positive weight."""
        weighted = self.weights > 0
        return (
            self
            if weighted.all()
            else WeightedPoints(
                self.positions[weighted], self.weights[weighted], self.spreads[weighted]
            )
        )

    def standardised(self) -> tuple[WeightedPoints, float, int]:
        """Return the points as (x − center) / 2**exponent, the center, and the exponent.

        Center and exponent are robust (see `robust_scale`). Positions beyond ±2**500 are moved
        there, so that squares stay finite.
        """
        weighted = self.weights > 0
        center, exponent = center_and_scale(self.positions[weighted], self.weights[weighted])
        with np.errstate(over="ignore"):
            positions = np.clip(np.ldexp(self.positions - center, -exponent), -FURTHEST, FURTHEST)
        return (
            WeightedPoints(positions, self.weights, np.ldexp(self.spreads, -2 * exponent)),
            center,
            exponent,
        )

    def coarsened(self, size: int) -> WeightedPoints:
        """Merge neighbours into about `size` groups at most, each with its mean and variance.

        Half of the boundaries divide the rows evenly, half divide the asinh of the positions
        evenly, so that sparse tails keep their shape. The points have to be standardised.
        """
        if self.size <= size:
            return self
        shares = (np.cumsum(self.weights) - self.weights / 2) / self.total_weight
        stretched = np.arcsinh(self.positions)
        # If all points are at one position, the range is 0 and any divisor will do.
        reach = (stretched - stretched[0]) / ((stretched[-1] - stretched[0]) or 1.0)
        # Both terms never fall, so their sum changes at each boundary of either kind.
        group = np.floor(shares * (size / 2)) + np.floor(reach * (size / 2))
        starts = np.flatnonzero(np.diff(group, prepend=-1.0))
        weights = np.add.reduceat(self.weights, starts)
        # Groups of weight 0 are removed at the end; 1 avoids 0 / 0 until then.
        weights_or_one = np.where(weights > 0, weights, 1.0)
        means = np.add.reduceat(self.weights * self.positions, starts) / weights_or_one
        within = np.square(self.positions - np.repeat(means, np.diff(starts, append=self.size)))
        spreads = np.add.reduceat(self.weights * (self.spreads + within), starts) / weights_or_one
        return WeightedPoints(means, weights, spreads).nonempty()


def usual_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median weight of the `NEIGHBOURS` nearest points on either side, shape (n,).

    0 for a point that is alone.
    """
    if weights.size <= 1:
        return np.zeros(weights.size)
    padded = np.pad(weights, NEIGHBOURS, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1)
    # Sorting puts the NaN of the padding last; `np.nanmedian` takes ten times as long.
    ordered = np.sort(np.delete(windows, NEIGHBOURS, axis=1), axis=1)
    index = np.arange(weights.size)
    neighbours = np.minimum(index, NEIGHBOURS) + np.minimum(index[::-1], NEIGHBOURS)
    medians: NDArray[np.float64] = (
        ordered[index, (neighbours - 1) // 2] + ordered[index, neighbours // 2]
    ) / 2
    return medians


@dataclass(frozen=True)
class Extents:
    """Where rows lie: `weights` rows from `lows` to `highs`, each of shape (n,)."""

    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and largest coordinate; (+inf, −inf) when there are no rows."""
        return float(self.lows.min(initial=np.inf)), float(self.highs.max(initial=-np.inf))

    def within(self, low: float, high: float) -> float:
        """Return the weight of the rows that may lie between two coordinates."""
        return float(self.weights[(self.highs >= low) & (self.lows <= high)].sum())

"""What the search for a mixture subtracts from the likelihood, or rules out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

COLLAPSED = 2.0
"""A component has collapsed up to twice the smallest variance that values of its step allow.

Beyond it, at least a tenth of its rows hold other values.
"""
_FEWEST_VALUES = 3
"""A component that is no spike holds three values: mean and std fit any two of them perfectly."""
_REACH_STDS = 4.0
"""A component explains values up to four of its standard deviations away: all but 1 in 16,000."""
_WITHIN_STDS = 2.0
"""Values within two standard deviations count: 95 % of the rows of a component."""


class Penalty(Protocol):
    """What is subtracted from the mean log-likelihood of a mixture, in nats per row."""

    def of(self, mixture: Mixture) -> float:
        """Return the penalty of a mixture."""
        ...


@dataclass(frozen=True)
class LightComponentPenalty:
    """Nats per row that a component has to add to the mean log-likelihood if it is light.

    Parameters
    ----------
    below : float
        The weight below which a component is light.
    cost : float
        Nats per row.
    """

    below: float
    cost: float

    def of(self, mixture: Mixture) -> float:
        """Return the cost of the light components."""
        return self.cost * int(np.count_nonzero(mixture.weights < self.below))


@dataclass(frozen=True)
class SpikePenalty:
    """Rules mixtures out in which a component is a spike: on one or two values of few rows.

    The likelihood of such a component has no bound, and it says nothing of new rows.

    Parameters
    ----------
    positions : array of shape (n,), increasing
    values : array of shape (n + 1,)
        How many distinct values lie before each position, and in all.
    variance : float
        Up to this variance, a component has collapsed onto a single value.
    below : float
        The weight from which a component may be a spike: its value can become an atom.
    on_outliers : bool
        Whether a spike may stay on an outlier that no other component reaches, where it keeps that
        from pulling at the others.
    """

    positions: NDArray[np.float64]
    values: NDArray[np.float64]
    variance: float
    below: float
    on_outliers: bool

    @classmethod
    def on(
        cls, points: WeightedPoints, variance_floor: float, below: float, *, on_outliers: bool
    ) -> SpikePenalty:
        """Return the penalty for mixtures of points; components have at least `variance_floor`."""
        narrowest = variance_floor + float(points.spreads.min())
        # A point that is wider than a single value stands for as many as it has rows.
        each = np.where(points.spreads > COLLAPSED * narrowest, points.weights, 1.0)
        return cls(
            points.positions,
            np.append(0.0, np.cumsum(each)),
            COLLAPSED * narrowest,
            below,
            on_outliers,
        )

    def of(self, mixture: Mixture) -> float:
        """Return infinity if any component is a spike, else 0."""
        reach = _WITHIN_STDS * mixture.stds
        first = np.searchsorted(self.positions, mixture.means - reach, side="left")
        last = np.searchsorted(self.positions, mixture.means + reach, side="right")
        few = self.values[last] - self.values[first] < _FEWEST_VALUES
        spikes = (few | (np.square(mixture.stds) <= self.variance)) & (mixture.weights < self.below)
        if not spikes.any():
            return 0.0
        if not self.on_outliers:
            return math.inf
        distances = np.abs(mixture.means[spikes, np.newaxis] - mixture.means[~spikes])
        return math.inf if np.any(distances <= _REACH_STDS * mixture.stds[~spikes]) else 0.0

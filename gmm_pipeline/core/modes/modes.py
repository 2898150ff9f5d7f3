"""The modes of a column: what each of its values is an instance of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.sketch import Label

HALF_WIDTH_STDS = 4.0
"""A value is written in units of this many standard deviations of its mode."""
BOUND = 0.99
"""Where values are clipped."""
REACH = BOUND - 2.0**-24
"""A mode represents the values that it writes within ±REACH: still within ±BOUND when rounded to
float32.
"""


@dataclass(frozen=True)
class AtomMode:
    """One exact value: a category, null (None), NaN, an infinity, or a number that stands for
    itself.

    Parameters
    ----------
    value : Label or None
    weight : float
        The share of the column's rows that hold it.
    """

    value: Label | None
    weight: float


@dataclass(frozen=True)
class GaussianMode:
    """A component of the mixture.

    Parameters
    ----------
    weight : float
        Its weight within the mixture.
    mean, std : float
        In coordinates.
    """

    weight: float
    mean: float
    std: float


@dataclass(frozen=True)
class TailMode:
    """A range of coordinates; a value is written as its position there, from −bound to bound.

    Parameters
    ----------
    low, high : float
        Where the range begins and ends.
    anchor : float
        What relative distances are measured from.
    direction : int
        1 if positions are even in the logarithm of the distance above the anchor, −1 if of that
        below it, 0 if they are even in the coordinate itself.
    bound : float
    weight : float
        The share of the column's rows in it.
    """

    low: float
    high: float
    anchor: float
    direction: int
    bound: float
    weight: float

    @property
    def half_width(self) -> float:
        """Half of the range."""
        return self.high / 2 - self.low / 2


@dataclass(frozen=True)
class RestMode:
    """Categories that share one mode.

    Parameters
    ----------
    labels : tuple of Label
    shares : tuple of float
        The share of each among their rows.
    weight : float
        The share of the column's rows that hold one of them.
    stand_in : Label or None
        What the mode decodes to; None if it decodes to each of the labels as often as it occurs.
    """

    labels: tuple[Label, ...]
    shares: tuple[float, ...]
    weight: float
    stand_in: Label | None = None


Mode = GaussianMode | TailMode | AtomMode | RestMode


def mixture_of(modes: tuple[GaussianMode, ...]) -> Mixture:
    """Return Gaussian modes as a mixture, their weights as they are."""
    return Mixture(
        np.array([mode.weight for mode in modes], dtype=np.float64),
        np.array([mode.mean for mode in modes], dtype=np.float64),
        np.array([mode.std for mode in modes], dtype=np.float64),
    )

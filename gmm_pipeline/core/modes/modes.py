"""The modes of a column: atoms, Gaussian modes, tails, and the mode that rare categories share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.sketch import Label

HALF_WIDTH_STDS = 4.0
"""Values are in units of 4 standard deviations of their mode, as in CTGAN (Xu et al., 2019)."""
BOUND = 0.99
"""With extremes = clip, values are clipped to ±0.99, as in CTGAN."""
REACH = BOUND - 2.0**-24
"""A mode takes the values that it writes within ±REACH: within ±BOUND even when rounded to float32.

2**-24 is the spacing of float32 just below 1.
"""


@dataclass(frozen=True)
class AtomMode:
    """One exact value: a category, null (None), NaN, an infinity, or a number.

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
        The point from which distances are measured.
    direction : int
        1 if positions are linear in the logarithm of the distance above the anchor, −1 below it, 0
        if they are linear in the coordinate itself.
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
    """The mode that rare categories share.

    Parameters
    ----------
    labels : tuple of Label
    shares : tuple of float
        The share of each among their rows.
    weight : float
        The share of the column's rows that hold one of them.
    stand_in : Label or None
        The category that the mode decodes to; None if it decodes to each by its share.
    """

    labels: tuple[Label, ...]
    shares: tuple[float, ...]
    weight: float
    stand_in: Label | None = None


Mode = GaussianMode | TailMode | AtomMode | RestMode
"""Any mode of a column."""


def mixture_of(modes: tuple[GaussianMode, ...]) -> Mixture:
    """Return Gaussian modes as a mixture with unchanged weights."""
    return Mixture(
        np.array([mode.weight for mode in modes], dtype=np.float64),
        np.array([mode.mean for mode in modes], dtype=np.float64),
        np.array([mode.std for mode in modes], dtype=np.float64),
    )

"""The modes of a column: what each of its values is an instance of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gmm_pipeline.core.coordinate import Coordinate
from gmm_pipeline.core.mixture import Mixture
from gmm_pipeline.core.sketch import Label

HALF_WIDTH_STDS = 4.0
"""A value is written in units of this many standard deviations of its mode."""
REACH = 0.99
"""A Gaussian mode represents the values that it writes within ±REACH."""

ModeChoice = Literal["sample", "argmax"]
Extremes = Literal["keep", "clip"]
ValueDtype = Literal["float32", "float64"]


@dataclass(frozen=True)
class AtomMode:
    """One exact value: a category, null (None), NaN, an infinity, or a number that stands for itself.

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
class FitSummary:
    """How the mixture was fitted.

    Parameters
    ----------
    mean_log_likelihood : float
        Per row of the continuous part, in the units of the column.
    n_iter : int
    converged : bool
    n_points : int
        Weighted points that stood for the rows.
    history : tuple of float
        The mean log-likelihood at each step.
    """

    mean_log_likelihood: float
    n_iter: int
    converged: bool
    n_points: int
    history: tuple[float, ...]


@dataclass(frozen=True)
class ColumnModel:
    """Everything that encoding and decoding a column needs, except the order of its modes.

    Parameters
    ----------
    column : str
    rows : int
        Rows that it was fitted to.
    gaussians : tuple of GaussianMode
        Modes 0 … len(gaussians) − 1, by mean.
    atoms : tuple of AtomMode
        The modes after them: null, NaN, infinities, then values in their order.
    coordinate : Coordinate or None
        None for categories.
    fit : FitSummary or None
        None without Gaussian modes.
    seed : int
        Of the draws.
    mode_choice, extremes, value_dtype
        How rows are written.
    """

    column: str
    rows: int
    gaussians: tuple[GaussianMode, ...]
    atoms: tuple[AtomMode, ...]
    coordinate: Coordinate | None
    fit: FitSummary | None
    seed: int
    mode_choice: ModeChoice
    extremes: Extremes
    value_dtype: ValueDtype

    @property
    def n_modes(self) -> int:
        """Gaussian modes and atoms."""
        return len(self.gaussians) + len(self.atoms)

    @property
    def kind(self) -> str:
        """What the modes amount to: categorical (atoms alone), continuous (Gaussians, perhaps null), or mixed."""
        if not self.gaussians:
            return "categorical"
        return "mixed" if any(atom.value is not None for atom in self.atoms) else "continuous"

    def mixture(self) -> Mixture:
        """Return the Gaussian modes as one mixture."""
        modes = self.gaussians
        return Mixture(
            np.array([mode.weight for mode in modes]),
            np.array([mode.mean for mode in modes]),
            np.array([mode.std for mode in modes]),
        )

"""The model of a column: its modes, and the rules by which rows are written by them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.modes.modes import (
    AtomMode,
    GaussianMode,
    Mode,
    RestMode,
    TailMode,
    mixture_of,
)
from gmm_pipeline.core.sketch.coordinate import Coordinate

ModeChoice = Literal["sample", "argmax"]
Extremes = Literal["keep", "clip"]
ValueDtype = Literal["float32", "float64"]
Unseen = Literal["error", "most_frequent", "rest"]
OutOfRange = Literal["error", "clip", "keep"]
Kind = Literal["continuous", "mixed", "categorical"]


@dataclass(frozen=True)
class EncodingRules:
    """How rows are encoded by the modes of a column.

    Parameters
    ----------
    seed : int
        Of the uniform draws.
    mode_choice : ModeChoice
        sample: draw a row's mode by the modes' probabilities. argmax: take the most likely one.
    extremes : Extremes
        keep: only modes that reach a value take it. clip: any mode may, and values beyond its reach
        are clipped.
    value_dtype : ValueDtype
    probability_floor : float
        Added to the probability of every mode before drawing; only with clip.
    unseen : Unseen
        What to do with nulls, NaN, infinities and categories that the fitted rows did not hold.
    out_of_range : OutOfRange
        What to do with numbers that are no atoms and lie beyond the range of the continuous modes.
    """

    seed: int = 0
    mode_choice: ModeChoice = "sample"
    extremes: Extremes = "keep"
    value_dtype: ValueDtype = "float32"
    probability_floor: float = 0.0
    unseen: Unseen = "error"
    out_of_range: OutOfRange = "error"


@dataclass(frozen=True)
class FitSummary:
    """How the mixture was fitted.

    Parameters
    ----------
    mean_log_likelihood : float
        Per row that Gaussian modes reach, in the units of the column.
    n_iter : int
    converged : bool
    n_points : int
        The number of weighted points that the rows were summarised to.
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
    """Everything that encoding and decoding a column needs, except the ranks of its modes.

    Parameters
    ----------
    column : str
    rows : int
        The number of fitted rows.
    kind : Kind
        Which modes the column has: continuous ones, atoms (categorical), or both (mixed).
    reason : str
        Why it is of that kind.
    gaussians : tuple of GaussianMode
        Modes 0 … len(gaussians) − 1, ordered by mean.
    dropped : tuple of GaussianMode
        Components of the mixture that take no rows.
    tails : tuple of TailMode
        The modes after the Gaussian ones, ordered by position.
    atoms : tuple of AtomMode
        The modes after them: null, NaN, infinities, then values in their order.
    rest : RestMode or None
        The last mode, if rare categories share one.
    coordinate : Coordinate or None
        None for categories.
    range : tuple of float
        The smallest and largest coordinate of the fitted numbers that are no atoms; (+inf, −inf)
        without such numbers.
    fit : FitSummary or None
        None without Gaussian modes.
    rules : EncodingRules
    """

    column: str
    rows: int
    kind: Kind
    reason: str
    gaussians: tuple[GaussianMode, ...]
    dropped: tuple[GaussianMode, ...]
    tails: tuple[TailMode, ...]
    atoms: tuple[AtomMode, ...]
    rest: RestMode | None
    coordinate: Coordinate | None
    range: tuple[float, float]
    fit: FitSummary | None
    rules: EncodingRules

    @property
    def modes(self) -> tuple[Mode, ...]:
        """All modes, in the order of their numbers."""
        return (
            *self.gaussians,
            *self.tails,
            *self.atoms,
            *(() if self.rest is None else (self.rest,)),
        )

    @property
    def n_modes(self) -> int:
        """The number of modes."""
        return self.n_continuous + len(self.atoms) + (self.rest is not None)

    @property
    def n_continuous(self) -> int:
        """The number of Gaussian modes and tails, which come first."""
        return len(self.gaussians) + len(self.tails)

    @property
    def finite_values(self) -> list[float]:
        """The atoms that are finite numbers."""
        values = [atom.value for atom in self.atoms if isinstance(atom.value, int | float)]
        return [value for value in values if math.isfinite(value)]

    def mixture(self) -> Mixture:
        """Return the Gaussian modes as one mixture."""
        return mixture_of(self.gaussians)

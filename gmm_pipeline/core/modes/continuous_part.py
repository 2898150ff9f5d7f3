"""The continuous modes of a column: Gaussian modes and tails, or one uniform range."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gmm_pipeline.core.mixture.fit_mixture import MixtureFit
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.modes.atoms import AtomChoice
from gmm_pipeline.core.modes.column_model import FitSummary
from gmm_pipeline.core.modes.modes import GaussianMode, TailMode
from gmm_pipeline.core.modes.select_components import ComponentSelector, reached_points
from gmm_pipeline.core.modes.tails import tail_modes
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

Fitter: TypeAlias = Callable[[WeightedPoints], MixtureFit]
"""Fits a mixture to weighted points."""


class ConvergenceWarning(UserWarning):
    """A mixture was still improving at its last permitted iteration."""


@dataclass(frozen=True)
class ContinuousPart:
    """The modes of the numbers that are not atoms, and how they were fitted."""

    gaussians: tuple[GaussianMode, ...] = ()
    dropped: tuple[GaussianMode, ...] = ()
    tails: tuple[TailMode, ...] = ()
    fit: FitSummary | None = None


def gaussian_part(
    sketch: Sketch,
    column: str,
    choice: AtomChoice,
    fit: Fitter,
    *,
    keep: ComponentSelector,
    tails: bool,
) -> ContinuousPart:
    """Fit Gaussian modes to the numbers that are not atoms, and add tails beyond their reach.

    Parameters
    ----------
    sketch : Sketch
    column : str
        Named in the warning of a fit that has not converged.
    choice : AtomChoice
    fit : Fitter
    keep : ComponentSelector
        Selects the components that become Gaussian modes; the others are dropped.
    tails : bool
        Whether values that no Gaussian mode reaches get tail modes.
    """
    points = sketch.points(without=choice.values)
    if not points.total_weight:
        return ContinuousPart()
    fitted = fit(points)
    if not fitted.converged:
        warnings.warn(
            f"column {column!r}: the mixture {_unfinished(fitted)}",
            ConvergenceWarning,
            stacklevel=2,
        )
    kept = keep(fitted.mixture, points)
    modes = _gaussian_modes(fitted)
    gaussians = tuple(mode for mode, stays in zip(modes, kept, strict=True) if stays)
    return ContinuousPart(
        gaussians=gaussians,
        dropped=tuple(mode for mode, stays in zip(modes, kept, strict=True) if not stays),
        tails=tail_modes(gaussians, sketch.extents(choice.values), sketch.rows) if tails else (),
        fit=FitSummary(
            # Without spreads, the points are the rows.
            fitted.mean_log_likelihood
            if sketch.complete
            else _mean_log_likelihood(fitted.mixture, reached_points(fitted.mixture, points)),
            fitted.n_iter,
            fitted.converged,
            fitted.n_points,
            tuple(fitted.history.tolist()),
        ),
    )


def _mean_log_likelihood(mixture: Mixture, points: WeightedPoints) -> float:
    """Return the mean log density of rows spread around points.

    Half of a point's rows are put one standard deviation to either side of its mean, which keeps
    the point's mean and variance.
    """
    distances = np.sqrt(points.spreads)
    rows = np.concatenate([points.positions - distances, points.positions + distances])
    return mixture.mean_log_likelihood(rows, np.tile(points.weights, 2))


def uniform_part(sketch: Sketch, choice: AtomChoice) -> ContinuousPart:
    """Return one range from the smallest to the largest number that is not an atom.

    Values are the positions in it, from −1 to 1 (`kind = general`, as in CTAB-GAN+).
    """
    points = sketch.points(without=choice.values)
    if not points.total_weight:
        return ContinuousPart()
    low, high = sketch.extents(choice.values).range
    return ContinuousPart(
        tails=(TailMode(low, high, low, 0, 1.0, points.total_weight / sketch.rows),)
    )


def _unfinished(fitted: MixtureFit) -> str:
    """Say how far from convergence a fit was at its last step."""
    if fitted.n_iter == 1:
        return "had not converged when its steps were used up"
    gain = fitted.history[-1] - fitted.history[-2]
    return f"was still improving by {gain:.1e} a step after {fitted.n_iter} steps"


def _gaussian_modes(fit: MixtureFit) -> tuple[GaussianMode, ...]:
    mixture = fit.mixture
    parameters = zip(
        mixture.weights.tolist(), mixture.means.tolist(), mixture.stds.tolist(), strict=True
    )
    return tuple(GaussianMode(*parameter) for parameter in parameters)

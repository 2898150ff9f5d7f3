"""From a column's sketch to its model."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.fitting import FEW_ROWS, MixtureFit
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.modes.modes import (
    HALF_WIDTH_STDS,
    REACH,
    AtomMode,
    ColumnModel,
    EncodingRules,
    FitSummary,
    GaussianMode,
    RestMode,
    TailMode,
)
from gmm_pipeline.core.modes.point_masses import AtomChoice
from gmm_pipeline.core.modes.tails import tail_modes
from gmm_pipeline.core.sketch.points import WeightedPoints
from gmm_pipeline.core.sketch.sketch import Label, LabelCounts, Sketch, Specials
from gmm_pipeline.errors import ColumnDataError

Fitter: TypeAlias = Callable[[WeightedPoints], MixtureFit]
"""Fits a mixture to weighted points."""
Keep: TypeAlias = Callable[[Mixture, WeightedPoints], NDArray[np.bool_]]
"""Tells which components of a mixture that was fitted to points take rows, shape
(n_components,).
"""


class ConvergenceWarning(UserWarning):
    """A mixture was still improving when its iterations were used up."""


@dataclass(frozen=True)
class ContinuousPart:
    """The modes of the numbers that are no atoms, and how they were fitted."""

    gaussians: tuple[GaussianMode, ...] = ()
    dropped: tuple[GaussianMode, ...] = ()
    tails: tuple[TailMode, ...] = ()
    fit: FitSummary | None = None


def model_column(
    sketch: Sketch,
    column: str,
    choice: AtomChoice,
    part: ContinuousPart,
    rules: EncodingRules,
    *,
    max_categories: int | None = None,
    stand_in: Label | None = None,
) -> ColumnModel:
    """Put the modes of a column together.

    Parameters
    ----------
    sketch : Sketch
        Of at least one row.
    column : str
        The column's name, which also keys its draws.
    choice : AtomChoice
        Which numbers are atoms.
    part : ContinuousPart
        The modes of the others.
    rules : EncodingRules
    max_categories : int, optional
        Most modes of categories: the rarest share one, if there are more.
    stand_in : Label, optional
        What that mode decodes to.
    """
    values, rest = _valued_atoms(sketch, choice, max_categories)
    reason = choice.reason
    if rest is not None:
        rest = replace(rest, stand_in=stand_in)
        rows = round(rest.weight * sketch.rows)
        reason += f", of which the {len(rest.labels):,} rarest ({rows:,} rows) share a mode"
    return ColumnModel(
        column=column,
        rows=sketch.rows,
        kind=choice.kind,
        reason=reason,
        gaussians=part.gaussians,
        dropped=part.dropped,
        tails=part.tails,
        atoms=_special_atoms(sketch.tally.specials, sketch.rows) + values,
        rest=rest,
        coordinate=sketch.coordinate,
        range=_range(sketch, choice) if part.gaussians or part.tails else (math.inf, -math.inf),
        fit=part.fit,
        rules=rules,
    )


def all_components(mixture: Mixture, points: WeightedPoints) -> NDArray[np.bool_]:
    """Keep every component."""
    del points
    return np.ones(mixture.n_components, dtype=np.bool_)


def held_components(mixture: Mixture, points: WeightedPoints) -> NDArray[np.bool_]:
    """Keep components that reach at least `FEW_ROWS` rows: those on a far outlier alone are no
    modes; tails hold it.
    """
    with np.errstate(over="ignore"):
        distances = np.abs(points.positions[:, np.newaxis] - mixture.means) / (
            HALF_WIDTH_STDS * mixture.stds
        )
    rows = points.weights @ (distances <= REACH)
    kept: NDArray[np.bool_] = (rows >= FEW_ROWS) | (rows == rows.max())
    return kept


def heavy_components(
    mixture: Mixture, points: WeightedPoints, min_weight: float
) -> NDArray[np.bool_]:
    """Keep components of more than that weight; the heaviest in any case."""
    del points
    kept: NDArray[np.bool_] = mixture.weights > min(
        min_weight, np.nextafter(mixture.weights.max(), 0.0)
    )
    return kept


def likely_components(
    mixture: Mixture, points: WeightedPoints, min_weight: float
) -> NDArray[np.bool_]:
    """Keep heavy components that are the likeliest at some point; all heavy ones if none of them
    is.
    """
    heavy = heavy_components(mixture, points, min_weight)
    winners = np.argmax(mixture.weighted_log_densities(points.positions), axis=1)
    kept = heavy & np.isin(np.arange(mixture.n_components), winners)
    return kept if kept.any() else heavy


def gaussian_part(
    sketch: Sketch, column: str, choice: AtomChoice, fit: Fitter, *, keep: Keep, tails: bool
) -> ContinuousPart:
    """Fit the numbers that are no atoms by Gaussian modes, and tails where those do not reach.

    Parameters
    ----------
    sketch : Sketch
    column : str
        Named in the warning of a fit that has not converged.
    choice : AtomChoice
    fit : Fitter
    keep : Keep
    tails : bool
        Whether tails take what Gaussian modes do not reach.
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
            fitted.mean_log_likelihood
            if sketch.complete
            else _mean_log_likelihood(fitted.mixture, points),
            fitted.n_iter,
            fitted.converged,
            fitted.n_points,
            tuple(fitted.history.tolist()),
        ),
    )


def _mean_log_likelihood(mixture: Mixture, points: WeightedPoints) -> float:
    """Return the mean log density of rows spread around points: half of them a standard deviation
    to either side.
    """
    distances = np.sqrt(points.spreads)
    rows = np.concatenate([points.positions - distances, points.positions + distances])
    return mixture.mean_log_likelihood(rows, np.tile(points.weights, 2))


def uniform_part(sketch: Sketch, choice: AtomChoice) -> ContinuousPart:
    """Return one range from the smallest to the largest number that is no atom, written from −1 to
    1.
    """
    points = sketch.points(without=choice.values)
    if not points.total_weight:
        return ContinuousPart()
    low, high = sketch.extents(choice.values).range
    return ContinuousPart(
        tails=(TailMode(low, high, low, 0, 1.0, points.total_weight / sketch.rows),)
    )


def _range(sketch: Sketch, choice: AtomChoice) -> tuple[float, float]:
    """Return the smallest and largest coordinate, of atoms as well unless they are too far out to
    have any.
    """
    low, high = sketch.extents(choice.values).range
    if sketch.coordinate is None:
        return low, high
    try:
        atoms = sketch.coordinate.forward(choice.values)
    except ColumnDataError:
        return low, high
    return float(atoms.min(initial=low)), float(atoms.max(initial=high))


def _valued_atoms(
    sketch: Sketch, choice: AtomChoice, max_categories: int | None
) -> tuple[tuple[AtomMode, ...], RestMode | None]:
    """Return an atom for each category or chosen number, in their order, and the mode of the rarest
    categories.
    """
    body = sketch.tally.body
    if not isinstance(body, LabelCounts):
        counts = dict(
            zip(sketch.numbers.values.tolist(), sketch.numbers.counts.tolist(), strict=True)
        )
        values = choice.values.tolist()
        return tuple(AtomMode(value, counts.get(value, 0) / sketch.rows) for value in values), None
    shares = body.counts / sketch.rows
    frequent = np.ones(len(body.labels), dtype=np.bool_)
    if max_categories is not None and len(body.labels) > max_categories:
        frequent[np.argsort(-body.counts, kind="stable")[max_categories - 1 :]] = False
    atoms = tuple(AtomMode(body.labels[i], float(shares[i])) for i in np.flatnonzero(frequent))
    return atoms, _rest(body.labels, shares, np.flatnonzero(~frequent))


def _rest(
    labels: tuple[Label, ...], shares: NDArray[np.float64], rare: NDArray[np.int64]
) -> RestMode | None:
    if not rare.size:
        return None
    weight = float(shares[rare].sum())
    return RestMode(tuple(labels[i] for i in rare), tuple((shares[rare] / weight).tolist()), weight)


def _special_atoms(specials: Specials, rows: int) -> tuple[AtomMode, ...]:
    counted = (
        (None, specials.nulls),
        (math.nan, specials.nans),
        (math.inf, specials.positive_infinities),
        (-math.inf, specials.negative_infinities),
    )
    return tuple(AtomMode(value, count / rows) for value, count in counted if count)


def _unfinished(fitted: MixtureFit) -> str:
    """Say how far from its end a fit was when its steps were used up."""
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

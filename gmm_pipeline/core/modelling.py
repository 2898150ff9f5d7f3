"""From a column's sketch to its model."""

from __future__ import annotations

import math

import numpy as np

from gmm_pipeline.core.coordinate import Coordinate
from gmm_pipeline.core.fitting import MixtureFit, fit_mixture
from gmm_pipeline.core.modes import (
    HALF_WIDTH_STDS,
    AtomMode,
    ColumnModel,
    Extremes,
    FitSummary,
    GaussianMode,
    ModeChoice,
    ValueDtype,
)
from gmm_pipeline.core.points import WeightedPoints
from gmm_pipeline.core.sketch import GridCounts, Label, LabelCounts, Sketch, Specials
from gmm_pipeline.errors import ColumnDataError

_FLOAT32_PRECISION = 2.0**-24
_QUARTER_STEP = 0.25
_FLOAT32_SAFE = 2.0**-10


def model_column(
    sketch: Sketch,
    column: str,
    *,
    max_modes: int = 10,
    most_atoms: int | None = None,
    min_weight: float = 0.005,
    seed: int = 0,
    mode_choice: ModeChoice = "sample",
    extremes: Extremes = "keep",
    value_dtype: ValueDtype | None = None,
) -> ColumnModel:
    """Fit a column's modes to its sketch.

    Categories, and numbers with at most `most_atoms` distinct values, become atoms; other numbers a mixture of at most
    `max_modes` Gaussian modes. Nulls, NaN and infinities are atoms of their own wherever they occur.

    Parameters
    ----------
    sketch : Sketch
        Of at least one row.
    column : str
        The column's name, which also keys its draws.
    max_modes : int
    most_atoms : int, optional
        As `max_modes` when left out.
    min_weight : float
        Gaussian modes of a smaller weight are dropped.
    seed : int
    mode_choice, extremes : ModeChoice, Extremes
    value_dtype : ValueDtype, optional
        Chosen by the column's grid when left out.
    """
    atoms = _special_atoms(sketch.tally.specials, sketch.rows)
    gaussians: tuple[GaussianMode, ...] = ()
    summary = None
    needed: ValueDtype = "float32"
    values = _values_as_atoms(sketch, max_modes if most_atoms is None else most_atoms)
    if values is not None:
        atoms += values
    else:
        points = sketch.points()
        fit = fit_mixture(points, max_modes, min_weight=min_weight, seed=seed)
        _refuse_unreachable(fit, points)
        gaussians = _gaussian_modes(fit)
        summary = _summary(fit)
        needed = _narrowest_dtype(gaussians, points, sketch.coordinate)
    return ColumnModel(
        column=column,
        rows=sketch.rows,
        gaussians=gaussians,
        atoms=atoms,
        coordinate=sketch.coordinate,
        fit=summary,
        seed=seed,
        mode_choice=mode_choice,
        extremes=extremes,
        value_dtype=value_dtype or needed,
    )


def _special_atoms(specials: Specials, rows: int) -> tuple[AtomMode, ...]:
    counted = (
        (None, specials.nulls),
        (math.nan, specials.nans),
        (math.inf, specials.positive_infinities),
        (-math.inf, specials.negative_infinities),
    )
    return tuple(AtomMode(value, count / rows) for value, count in counted if count)


def _values_as_atoms(sketch: Sketch, most: int) -> tuple[AtomMode, ...] | None:
    """Return an atom for each category or each of few numbers; None where a mixture is called for."""
    body = sketch.tally.body
    if isinstance(body, GridCounts):
        return None
    if isinstance(body, LabelCounts):
        values: list[Label] = list(body.labels)
    elif body.values.size <= most:
        values = body.values.tolist()
    else:
        return None
    return tuple(
        AtomMode(value, count / sketch.rows) for value, count in zip(values, body.counts.tolist(), strict=True)
    )


def _refuse_unreachable(fit: MixtureFit, points: WeightedPoints) -> None:
    """Raise ColumnDataError for values so far out that float64 cannot hold their distance in units of any mode."""
    mixture = fit.mixture
    with np.errstate(over="ignore"):
        distances = np.abs(points.positions[:, np.newaxis] - mixture.means) / (HALF_WIDTH_STDS * mixture.stds)
    far = ~np.isfinite(distances.min(axis=1))
    if far.any():
        raise ColumnDataError(
            "values lie too far from the others for float64 to hold both",
            rows=int(points.weights[far].sum()),
            remedy="Replace them by null, take logarithms, or leave the column out",
        )


def _gaussian_modes(fit: MixtureFit) -> tuple[GaussianMode, ...]:
    mixture = fit.mixture
    parameters = zip(mixture.weights.tolist(), mixture.means.tolist(), mixture.stds.tolist(), strict=True)
    return tuple(GaussianMode(*parameter) for parameter in parameters)


def _summary(fit: MixtureFit) -> FitSummary:
    return FitSummary(fit.mean_log_likelihood, fit.n_iter, fit.converged, fit.n_points, tuple(fit.history.tolist()))


def _narrowest_dtype(
    gaussians: tuple[GaussianMode, ...], points: WeightedPoints, coordinate: Coordinate | None
) -> ValueDtype:
    """Return float32 if it tells the column's values apart in the units of any of its modes.

    On a grid these are neighbours at the largest distance from a mode. Elsewhere, the widest mode must resolve a small
    part of the narrowest one's width: it may be the only one that reaches values in between.
    """
    means = np.array([mode.mean for mode in gaussians])
    with np.errstate(over="ignore"):
        furthest = float(max(points.positions[-1] - means.min(), means.max() - points.positions[0]))
    narrowest, widest = min(mode.std for mode in gaussians), max(mode.std for mode in gaussians)
    if coordinate is not None and coordinate.step:
        enough = furthest * _FLOAT32_PRECISION < _QUARTER_STEP * coordinate.step
    else:
        resolution = max(HALF_WIDTH_STDS * widest, furthest) * _FLOAT32_PRECISION
        enough = resolution < _FLOAT32_SAFE * narrowest
    return "float32" if enough else "float64"

"""Fit a mixture of atoms and Gaussians: a component that holds a single value is no Gaussian mode.

The mixture itself says which values it would spend a component on. Frequent ones become atoms, and
the mixture is fitted again to the other rows; a component on a rare one is removed, and EM goes on
without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.fit_mixture import (
    SPIKE_ROWS,
    SPIKE_SHARE,
    VARIANCE_FLOOR,
    MixtureFit,
    refit_mixture,
)
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.mixture.penalties import COLLAPSED
from gmm_pipeline.core.modes.atoms import AtomChoice, with_point_masses
from gmm_pipeline.core.modes.select_components import ComponentSelector, reached_points
from gmm_pipeline.core.sketch.numbers import Numbers
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

_HELD = 0.9
"""A component holds a single value if so much of its rows has it."""
_MOST_REFITS = 3
"""Outliers that hide one another are left out in turn, a few times."""
_NO_SPIKES = 2.0
"""A share of the rows that no value has: no component may collapse."""


def fit_with_atoms(
    sketch: Sketch,
    choice: AtomChoice,
    fit: Callable[..., MixtureFit],
    *,
    keep: ComponentSelector,
    most: int | None,
) -> tuple[AtomChoice, MixtureFit | None]:
    """Return the atoms of a column, those chosen before included, and a mixture of its other rows.

    Parameters
    ----------
    sketch : Sketch
    choice : AtomChoice
    fit : callable
        `fit_mixture` with its settings; called with points and `spike_share`.
    keep : ComponentSelector
        Selects the components of the last fit that stay.
    most : int or None
        The most atoms that may be added; with None, frequent values keep components of their own.

    Returns
    -------
    AtomChoice
    MixtureFit or None
        None if all rows are in atoms.
    """
    while True:
        points = sketch.points(without=choice.values)
        if not points.total_weight:
            return choice, None
        spike_share = _NO_SPIKES if most == 0 else SPIKE_SHARE
        fitted = fit(points, spike_share=spike_share)
        values = _frequent_values(sketch, choice, fitted.mixture, points)[: most or 0]
        if most is None or not values.size:
            return choice, _without_spurious(fitted, points, keep, spike_share)
        most -= values.size
        choice = with_point_masses(sketch, choice, values)


def _frequent_values(
    sketch: Sketch, choice: AtomChoice, mixture: Mixture, points: WeightedPoints
) -> Numbers:
    """Return the frequent values that components hold alone, the most frequent first."""
    if sketch.coordinate is None:
        raise ValueError("categories have no coordinates")
    singles = sketch.numbers.select(~np.isin(sketch.numbers.values, choice.values))
    held = _held_positions(mixture, points)
    frequent = singles.select(
        (singles.counts >= max(SPIKE_SHARE * points.total_weight, SPIKE_ROWS))
        & np.isin(sketch.coordinate.forward(singles.values), held)
    )
    # Stable, so that ties go to the smaller numbers in every run.
    values: Numbers = frequent.values[np.argsort(-frequent.counts, kind="stable")]
    return values


def _held_positions(mixture: Mixture, points: WeightedPoints) -> NDArray[np.float64]:
    """Return the position that holds nearly all rows of each component, shape (n_components,).

    NaN for a component whose rows are at several.
    """
    rows = mixture.responsibilities(points.positions) * points.weights[:, np.newaxis]
    heaviest = np.argmax(rows, axis=0)
    held = rows.max(axis=0) >= _HELD * rows.sum(axis=0)
    return np.where(held, points.positions[heaviest], np.nan)


def _without_spurious(
    fitted: MixtureFit,
    points: WeightedPoints,
    keep: ComponentSelector,
    spike_share: float,
) -> MixtureFit:
    """Return a fit without the components that `keep` does not select and without spikes.

    Spikes are collapsed components of less than `spike_share` of the rows. The others are fitted
    again to the rows that they reach: an outlier is left to a tail.
    """
    for _ in range(_MOST_REFITS):
        kept = _regular(fitted.mixture, points, keep, spike_share)
        if kept.all():
            return fitted
        rest = fitted.mixture.select(kept)
        points = reached_points(rest, points)
        fitted = refit_mixture(points, rest)
    kept = _regular(fitted.mixture, points, keep, spike_share)
    return replace(fitted, mixture=fitted.mixture.select(kept))


def _regular(
    mixture: Mixture, points: WeightedPoints, keep: ComponentSelector, spike_share: float
) -> NDArray[np.bool_]:
    """Return which components stay, shape (n_components,)."""
    share = max(spike_share, SPIKE_ROWS / points.total_weight)
    kept = keep(mixture, points) & ~(_collapsed(mixture, points) & (mixture.weights < share))
    # At least one has to stay, or nothing could encode the rows.
    return kept if kept.any() else mixture.weights == mixture.weights.max()


def _collapsed(mixture: Mixture, points: WeightedPoints) -> NDArray[np.bool_]:
    """Return which components have collapsed onto a single value, shape (n_components,)."""
    held = _held_positions(mixture, points)
    places = np.minimum(np.searchsorted(points.positions, held), points.size - 1)
    # Stds instead of variances, which may overflow.
    floor = np.ldexp(np.sqrt(VARIANCE_FLOOR), points.standardised()[2])
    narrowest = np.maximum(np.sqrt(points.spreads[places]), floor)
    narrowest = np.maximum(narrowest, np.spacing(np.abs(mixture.means)))
    collapsed: NDArray[np.bool_] = np.isfinite(held) & (
        mixture.stds <= np.sqrt(COLLAPSED) * narrowest
    )
    return collapsed

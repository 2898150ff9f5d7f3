"""Fitting a mixture to a sketch's points: restarts on a coarse summary, then refinement of the best
on all points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.em import EMResult, expectation_maximisation
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.mixture.split_merge import LightComponentPenalty, MixtureSearch
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

SEARCH_POINTS = 400
"""The search for the number and the places of the components runs on about so many points with
spreads.
"""
REFINEMENT_POINTS = 3000
"""Most of the refinement runs on about so many points with spreads; the last steps on all of
them.
"""
VARIANCE_FLOOR = 1e-20
"""Smallest variance of a component, in units of the squared robust scale of the points."""
LIGHT_COST = 1e-4
"""What a component below the least weight has to add to the mean log-likelihood, in nats per
row.
"""
FEW_ROWS, FEW_ROWS_COST = 4.0, 40.0
"""A component of fewer rows has to add so many nats to the log-likelihood: on a row alone it could
gain any number.
"""
LEAST_GAIN = 2e-5
"""What any component has to add to the mean log-likelihood, in nats per row, however many the
rows.
"""
SMALLER_SIZES = 4
"""A mixture of a fixed number of components is also found by splits of up to so many components
less.
"""


@dataclass(frozen=True)
class MixtureFit:
    """A fitted mixture and how it came about.

    Parameters
    ----------
    mixture : Mixture
        In the units of the points, components in the order of their means.
    mean_log_likelihood : float
        Per row, at the points' positions.
    history : array of shape (n_iter,)
        What EM maximised at each step of the refinement: a lower bound of the same for rows spread
        around the points.
    converged : bool
    n_points : int
        The number of points fitted.
    """

    mixture: Mixture
    mean_log_likelihood: float
    history: NDArray[np.float64]
    converged: bool
    n_points: int

    @property
    def n_iter(self) -> int:
        """Steps of the refinement."""
        return self.history.size


def fit_mixture(
    points: WeightedPoints,
    max_components: int,
    *,
    n_components: int | None = None,
    min_weight: float = 0.0,
    seed: int = 0,
    tol: float = 1e-7,
    max_iter: int = 1000,
) -> MixtureFit:
    """Fit a Gaussian mixture to weighted points.

    Each component has to raise the log-likelihood of the n rows by log(n) nats, and the mean by
    2e-5 nats per row; the mixture that gains most beyond that is the one. This lies between the
    criteria of Akaike (1974), 3 nats, and Schwarz (1978), 1.5·log(n): on draws from known
    distributions the first keeps components that do new rows no good, the second drops some that
    would.

    A component lighter than `min_weight` has to raise the mean log-likelihood by 1e-4 nats per row
    besides; otherwise it is merged with others or used elsewhere. So the wide components that
    explain heavy tails stay, and those that hardly matter go.

    Parameters
    ----------
    points : WeightedPoints
        At least one of positive weight.
    max_components : int
        Most components; there are never more than points.
    n_components : int, optional
        Fit exactly so many instead, however light; fewer where there are fewer points.
    min_weight : float
    seed : int
        Of the random starts.
    tol : float
        EM has converged when a step gains less mean log-likelihood per row.
    max_iter : int
        Steps of the refinement on all points.
    """
    points = points.nonempty()
    standardised, center, exponent = points.standardised()
    mixture = (
        _of_fewest_needed(standardised, max_components, min_weight, seed)
        if n_components is None
        else _of_size(standardised, n_components, seed)
    )
    result = refine(standardised, mixture, tol=tol, max_iter=max_iter)
    return in_own_units(result, standardised, center, exponent, points.size)


def in_own_units(
    found: EMResult, standardised: WeightedPoints, center: float, exponent: int, n_points: int
) -> MixtureFit:
    """Return where EM arrived on standardised points as a fit in their own units, judged by all of
    them.
    """
    mean_log_likelihood = found.mixture.mean_log_likelihood(
        standardised.positions, standardised.weights
    )
    return MixtureFit(
        mixture=found.mixture.rescaled(center, exponent).sorted(),
        mean_log_likelihood=mean_log_likelihood - exponent * math.log(2),
        history=found.history - exponent * math.log(2),
        converged=found.converged,
        n_points=n_points,
    )


def refine(points: WeightedPoints, start: Mixture, *, tol: float, max_iter: int) -> EMResult:
    """Run EM to convergence on a summary of standardised points, where a step costs little, then on
    all of them.
    """
    summaries = (
        [points]
        if points.size <= REFINEMENT_POINTS
        else [points.coarsened(REFINEMENT_POINTS), points]
    )
    for summary in summaries:
        result = expectation_maximisation(
            summary, start, variance_floor=VARIANCE_FLOOR, tol=tol, max_iter=max_iter
        )
        start = result.mixture
    return result


def _of_fewest_needed(
    points: WeightedPoints, max_components: int, min_weight: float, seed: int
) -> Mixture:
    """Return the best mixture on a coarse summary of the points, of as many components as the
    criterion allows.
    """
    coarse = points.coarsened(SEARCH_POINTS)
    rows = coarse.total_weight
    penalties = (
        LightComponentPenalty(min_weight, LIGHT_COST),
        LightComponentPenalty(FEW_ROWS / rows, FEW_ROWS_COST / rows),
    )
    search = MixtureSearch(coarse, variance_floor=VARIANCE_FLOOR, penalties=penalties)
    search.run(1, min(max_components, coarse.size), seed)
    return search.choose(max(math.log(rows) / rows, LEAST_GAIN))


def _of_size(points: WeightedPoints, n_components: int, seed: int) -> Mixture:
    """Return the best mixture of so many components on a coarse summary of the points; of fewer if
    there is none.
    """
    coarse = points.coarsened(SEARCH_POINTS)
    size = min(n_components, coarse.size)
    search = MixtureSearch(coarse, variance_floor=VARIANCE_FLOOR)
    search.run(max(size - SMALLER_SIZES, 1), size, seed)
    return search.best[max(search.best)].mixture

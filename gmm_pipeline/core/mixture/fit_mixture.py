"""Fit a mixture to weighted points (`method = em`): search on a summary, refine on all points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.em import EMResult, expectation_maximisation
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.mixture.penalties import LightComponentPenalty, Penalty, SpikePenalty
from gmm_pipeline.core.mixture.split_merge import MixtureSearch
from gmm_pipeline.core.sketch.weighted_points import NEIGHBOURS, WeightedPoints

SEARCH_POINTS = 400
"""Points of the summary on which number and places of components are searched.

The k-means starts take time in proportion to the square of it, each EM step in proportion.
"""
REFINEMENT_POINTS = 3000
"""Points of the summary for most of the refinement; only the last steps run on all points."""
VARIANCE_FLOOR = 1e-20
"""Smallest variance of a component, in units of the squared robust scale of the points.

A standard deviation of 1e-10 of the scale: below any structure of interest, and enough to keep a
component on a single value from variance 0.
"""
LIGHT_COST = 1e-4
"""Nats per row that a component below `min_weight` has to add to the mean log-likelihood."""
FEW_ROWS, FEW_ROWS_COST = 4.0, 40.0
"""Nats that a component of fewer than `FEW_ROWS` rows has to add to the log-likelihood.

On a single row its density has no bound, so any gain could be reached.
"""
SPIKE_SHARE, SPIKE_ROWS = 0.01, 10.0
"""A component may collapse onto a value of 1 % of the rows, and of ten: it can become an atom."""
_FINE = 2.0**-10
"""A step is fine if it is below a thousandth of the usual distance of values."""
LEAST_GAIN = 2e-5
"""Nats per row that any component has to add to the mean log-likelihood, however many rows.

log(n) / n falls below it from about 650,000 rows on; without it, ever smaller details of larger
columns would get components.
"""
SMALLER_SIZES = 4
"""A fixed number of components is also reached by splits from up to this many fewer."""


@dataclass(frozen=True)
class MixtureFit:
    """A fitted mixture and how it was fitted.

    Parameters
    ----------
    mixture : Mixture
        In the units of the points, components ordered by mean.
    mean_log_likelihood : float
        Per row, at the points' positions.
    history : array of shape (n_iter,)
        What EM maximised at each step of the refinement: a lower bound of the mean log-likelihood
        of rows spread around the points.
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
    spike_share: float = SPIKE_SHARE,
    seed: int = 0,
    tol: float = 1e-7,
    max_iter: int = 1000,
) -> MixtureFit:
    """Fit a Gaussian mixture to weighted points.

    The number of components is chosen: each has to raise the log-likelihood of the n rows by log(n)
    nats, and the mean by 2e-5 nats per row; the mixture that gains most beyond that is returned.
    This lies between the criteria of Akaike (1974), 3 nats, and Schwarz (1978), 1.5·log(n): on
    draws from known distributions the first keeps components that do not help on new rows, the
    second drops some that do.

    A component lighter than `min_weight` has to raise the mean log-likelihood by 1e-4 nats per row
    besides. So the light, wide components that explain heavy tails stay, and those that hardly
    matter go. A component that holds a single value has to hold `spike_share` of the rows: its
    likelihood has no bound otherwise.

    Parameters
    ----------
    points : WeightedPoints
        At least one of positive weight.
    max_components : int
        Most components; there are never more than points.
    n_components : int, optional
        Fit exactly so many instead, however light; fewer where there are fewer points, or where
        more would hold single values.
    min_weight : float
    spike_share : float
        Above 1, no component may hold a single value.
    seed : int
        Of the random starts.
    tol : float
        EM has converged when a step gains less mean log-likelihood per row.
    max_iter : int
        Most steps of the refinement on all points.
    """
    points = points.nonempty()
    least = max(spike_share * points.total_weight, SPIKE_ROWS)
    standardised, center, exponent = points.standardised()
    standardised = _with_ties_spread(standardised, least)
    coarse = standardised.coarsened(SEARCH_POINTS)
    penalties = _penalties(standardised, least, on_outliers=n_components is None)
    mixture = (
        _of_fewest_needed(coarse, max_components, min_weight, penalties, seed)
        if n_components is None
        else _of_size(coarse, n_components, penalties, seed)
    )
    result = refine(standardised, mixture, tol=tol, max_iter=max_iter)
    return in_own_units(result, standardised, center, exponent, points.size)


def refit_mixture(
    points: WeightedPoints, start: Mixture, *, tol: float = 1e-7, max_iter: int = 1000
) -> MixtureFit:
    """Run EM on weighted points from a mixture in their units, such as a fit without a component.

    Parameters as of `fit_mixture`.
    """
    points = points.nonempty()
    standardised, center, exponent = points.standardised()
    result = refine(standardised, start.standardised(center, exponent), tol=tol, max_iter=max_iter)
    return in_own_units(result, standardised, center, exponent, points.size)


def in_own_units(
    found: EMResult, standardised: WeightedPoints, center: float, exponent: int, n_points: int
) -> MixtureFit:
    """Return a result of EM on standardised points as a fit in the points' own units.

    Densities scale by 2**-exponent, hence the shift of log-likelihoods by exponent · log 2.
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
    """Run EM to convergence on a summary of standardised points, then on all of them.

    A step on the summary costs little, and few steps remain on all points.
    """
    summaries = (
        [points]
        # A summary as large as the points would save nothing.
        if points.size <= REFINEMENT_POINTS
        else [points.coarsened(REFINEMENT_POINTS), points]
    )
    for summary in summaries:
        result = expectation_maximisation(
            summary, start, variance_floor=VARIANCE_FLOOR, tol=tol, max_iter=max_iter
        )
        start = result.mixture
    return result


def _with_ties_spread(points: WeightedPoints, frequent: float) -> WeightedPoints:
    """Return standardised points in which values that a few rows share stand for an interval.

    It is as long as the usual distance of the values beside it. A few equal rows among many
    different ones are a chance; without spread, components would collapse onto them.
    """
    padded = np.pad(points.positions, NEIGHBOURS, constant_values=(-np.inf, np.inf))
    below = points.positions - padded[: -2 * NEIGHBOURS]
    above = padded[2 * NEIGHBOURS :] - points.positions
    usual = np.minimum(np.minimum(below, above) / NEIGHBOURS, 1.0)
    tied = (points.weights > 1) & (points.weights < frequent)
    # Values on a step of the same order have spread enough.
    single = points.spreads < np.square(_FINE * usual) / 12
    spreads = np.where(tied & single, np.square(usual) / 12, points.spreads)
    return WeightedPoints(points.positions, points.weights, spreads)


def _penalties(
    points: WeightedPoints, frequent: float, *, on_outliers: bool
) -> tuple[Penalty, ...]:
    """Return what keeps components from collapsing onto few rows of standardised points."""
    rows = points.total_weight
    return (
        LightComponentPenalty(FEW_ROWS / rows, FEW_ROWS_COST / rows),
        SpikePenalty.on(points, VARIANCE_FLOOR, frequent / rows, on_outliers=on_outliers),
    )


def _of_fewest_needed(
    coarse: WeightedPoints,
    max_components: int,
    min_weight: float,
    penalties: tuple[Penalty, ...],
    seed: int,
) -> Mixture:
    """Return the best mixture on a summary of the points, its size chosen by the criterion."""
    # Rows, not points: the criteria are about the log-likelihood of the rows.
    rows = coarse.total_weight
    light = LightComponentPenalty(min_weight, LIGHT_COST)
    search = MixtureSearch(coarse, variance_floor=VARIANCE_FLOOR, penalties=(light, *penalties))
    search.run(1, min(max_components, coarse.size), seed)
    return search.choose(max(math.log(rows) / rows, LEAST_GAIN))


def _of_size(
    coarse: WeightedPoints, n_components: int, penalties: tuple[Penalty, ...], seed: int
) -> Mixture:
    """Return the best mixture of a given size, or of the next smaller one without spikes."""
    size = min(n_components, coarse.size)
    smallest = max(size - SMALLER_SIZES, 1)
    search = MixtureSearch(coarse, variance_floor=VARIANCE_FLOOR, penalties=penalties)
    search.run(smallest, size, seed)
    if smallest > 1 and search.largest() is None:
        search.run(1, smallest, seed)
    return search.largest() or search.best[max(search.best)].mixture

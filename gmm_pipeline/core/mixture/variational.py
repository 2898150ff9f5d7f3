"""The variational posterior of a Dirichlet-process mixture: one step of coordinate ascent.

Weights come from a stick-breaking process, means and precisions have a Gauss-Wishart prior. See
Blei & Jordan (2006), "Variational inference for Dirichlet process mixtures", and Bishop (2006),
section 10.2, for the Gauss-Wishart part.

A point stands for rows with a mean and a variance (its spread) that share one responsibility; the
spread adds to their expected squared distance from a component, and to its scatter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.mixture.digamma import digamma
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

_LOG_2PI = math.log(2 * math.pi)
_NEGLIGIBLE = -40.0
"""exp(−40) ≈ 4e-18 changes no sum that contains a 1: the largest term, relative to itself."""
_MEAN_PRECISION_PRIOR = 1.0
"""scikit-learn's default priors in one dimension: one row's worth of mean and of variance."""
_DEGREES_OF_FREEDOM_PRIOR = 1.0


@dataclass(frozen=True)
class Prior:
    """The prior of every component: one row's worth of mean and of variance.

    Parameters
    ----------
    mean : float
    covariance : float
    weight_concentration : float
        Of the Dirichlet process.
    reg_covar : float
        Added to the variance of each component's rows.
    """

    mean: float
    covariance: float
    weight_concentration: float
    reg_covar: float

    @classmethod
    def of(cls, points: WeightedPoints, weight_concentration: float, reg_covar: float) -> Prior:
        """Take mean and unbiased variance of all rows; the variance is at least `reg_covar`."""
        rows = points.total_weight
        shares = points.weights / rows
        mean = float(shares @ points.positions)
        variance = float(shares @ (np.square(points.positions - mean) + points.spreads))
        # Unbiased, as scikit-learn's default covariance prior (`np.cov`) is.
        unbiased = variance / (1.0 - 1.0 / rows) if rows > 1.0 else variance
        return cls(mean, max(unbiased, reg_covar), weight_concentration, reg_covar)


@dataclass(frozen=True)
class Moments:
    """Number, mean and variance of the rows of each component, each of shape (n_components,)."""

    rows: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]

    @classmethod
    def of(cls, points: WeightedPoints, responsibilities: NDArray[np.float64]) -> Moments:
        """Return the moments of points weighted by responsibilities, shape (n, n_components)."""
        r = responsibilities * points.weights[:, np.newaxis]
        rows = r.sum(axis=0)
        r /= np.where(rows > 0, rows, 1.0)
        means = points.positions @ r
        squares = np.square(points.positions[:, np.newaxis] - means) + points.spreads[:, np.newaxis]
        return cls(rows, means, (r * squares).sum(axis=0))


@dataclass(frozen=True)
class Posterior:
    """The variational posterior of a mixture's parameters.

    All arrays have shape (n_components,) unless stated otherwise.

    Parameters
    ----------
    weight_concentration : array of shape (2, n_components)
        The two parameters of the Beta distribution of each break of the stick.
    mean_precision : array
        How many rows the mean is worth.
    means : array
    degrees_of_freedom : array
        Of the Wishart distribution of the precision.
    covariances : array
        The inverse of the expected precision.
    """

    weight_concentration: NDArray[np.float64]
    mean_precision: NDArray[np.float64]
    means: NDArray[np.float64]
    degrees_of_freedom: NDArray[np.float64]
    covariances: NDArray[np.float64]

    @property
    def weights(self) -> NDArray[np.float64]:
        """The expected weights, normalised, because the stick is broken finitely often."""
        broken, left = self.weight_concentration / self.weight_concentration.sum(axis=0)
        weights = broken * np.concatenate([[1.0], np.cumprod(left[:-1])])
        normalised: NDArray[np.float64] = weights / weights.sum()
        return normalised

    @property
    def mixture(self) -> Mixture:
        """The mixture of the expected weights, means and precisions."""
        return Mixture(self.weights, self.means, np.sqrt(self.covariances))


def m_step(prior: Prior, moments: Moments) -> Posterior:
    """Return the posterior that maximises the bound for given moments (Bishop, 10.60 to 10.63)."""
    rows = moments.rows
    mean_precision = _MEAN_PRECISION_PRIOR + rows
    degrees_of_freedom = _DEGREES_OF_FREEDOM_PRIOR + rows
    shares = rows / mean_precision
    offsets = moments.means - prior.mean
    scatter = (
        moments.variances
        + prior.reg_covar
        + np.square(offsets) * (_MEAN_PRECISION_PRIOR / mean_precision)
    )
    # The rows of all later components: what is left of the stick after each break.
    later = np.append(np.cumsum(rows[:0:-1])[::-1], 0.0)
    return Posterior(
        weight_concentration=np.stack([1.0 + rows, prior.weight_concentration + later]),
        mean_precision=mean_precision,
        means=prior.mean + shares * offsets,
        degrees_of_freedom=degrees_of_freedom,
        covariances=prior.covariance / degrees_of_freedom + scatter * (rows / degrees_of_freedom),
    )


def e_step(points: WeightedPoints, posterior: Posterior) -> tuple[Moments, float]:
    """Return the moments under the best responsibilities, and the entropy of these per row."""
    total_weight = points.total_weight
    sums = np.empty((3, posterior.means.size))
    entropy = _accumulate(
        points.positions,
        points.weights / total_weight,
        points.spreads,
        _expected_log_factors(posterior),
        posterior.means,
        0.5 / posterior.covariances,
        sums,
    )
    shares, shifts, scatters = sums
    variances = scatters / np.where(shares > 0, shares, 1.0)
    return Moments(shares * total_weight, posterior.means + shifts, variances), entropy


def _expected_log_factors(posterior: Posterior) -> NDArray[np.float64]:
    """Return the expected log density of each component at its mean, shape (n_components,).

    E[log weight] + E[log √(precision / 2π)] − 1 / (2 · mean precision): Bishop (2006), 10.64 to
    10.66.
    """
    broken, left = posterior.weight_concentration
    log_broken, log_left = (
        digamma(concentration) - digamma(broken + left) for concentration in (broken, left)
    )
    log_weights = log_broken + np.concatenate([[0.0], np.cumsum(log_left[:-1])])
    freedom = posterior.degrees_of_freedom
    log_precisions = (
        math.log(2) + digamma(freedom / 2) - np.log(freedom) - np.log(posterior.covariances)
    )
    factors: NDArray[np.float64] = log_weights + 0.5 * (
        log_precisions - _LOG_2PI - 1.0 / posterior.mean_precision
    )
    return factors


def parameter_bound(posterior: Posterior) -> float:
    """Return the part of the lower bound that is not the entropy of the responsibilities.

    Right after an M-step it reduces to the log normalisers of the posterior's Wishart, Beta and
    normal distributions; constants are left out.
    """
    freedom = posterior.degrees_of_freedom
    log_determinants = 0.5 * (np.log(posterior.covariances) + np.log(freedom) - math.log(2))
    wishart = _log_gamma(freedom / 2) - freedom * log_determinants
    broken, left = posterior.weight_concentration
    beta = _log_gamma(broken) + _log_gamma(left) - _log_gamma(broken + left)
    return float(np.sum(wishart + beta - 0.5 * np.log(posterior.mean_precision)))


def _log_gamma(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log Γ of each value; NumPy has no such function."""
    return np.array([math.lgamma(value) for value in values])


@kernel
def _accumulate(
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    spreads: NDArray[np.float64],
    log_factors: NDArray[np.float64],
    means: NDArray[np.float64],
    half_precisions: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> float:
    """Sum r and the moments of d for each component; return −Σ r log r.

    `sums` gets Σr, the mean of d, and Σr·(variance of d + spread), where d is a point's distance
    from the component's mean. The moments are updated point by point (West, 1979), so that nothing
    overflows or cancels where points lie far out.
    """
    terms = np.empty(means.size)
    sums[:] = 0.0
    entropy = 0.0
    for i in range(positions.size):
        largest = -np.inf
        for k in range(means.size):
            d = positions[i] - means[k]
            terms[k] = log_factors[k] - (d * d + spreads[i]) * half_precisions[k]
            largest = max(largest, terms[k])
        density, expected = 0.0, 0.0
        for k in range(means.size):
            above = terms[k] - largest
            terms[k] = np.exp(above) if above > _NEGLIGIBLE else 0.0
            density += terms[k]
            # Terms cut off to 0 must not be multiplied by −inf.
            expected += terms[k] * max(above, _NEGLIGIBLE)
        entropy += weights[i] * (np.log(density) - expected / density)
        for k in range(means.size):
            r = weights[i] * (terms[k] / density)
            if r > 0.0:
                d = positions[i] - means[k]
                sums[0, k] += r
                shift = (d - sums[1, k]) * (r / sums[0, k])
                sums[2, k] += r * ((d - sums[1, k]) * (d - sums[1, k] - shift) + spreads[i])
                sums[1, k] += shift
    return entropy

"""A one-dimensional Gaussian mixture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.weighted_points import FURTHEST

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class Mixture:
    """A mixture: weights, means and standard deviations, each of shape (n_components,)."""

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    stds: NDArray[np.float64]

    @property
    def n_components(self) -> int:
        """The number of components."""
        return self.weights.size

    def weighted_log_densities(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log(weight · density) of each component at each x, shape (n, n_components)."""
        with np.errstate(divide="ignore", over="ignore"):
            log_factors: NDArray[np.float64] = (
                np.log(self.weights) - np.log(self.stds) - _LOG_SQRT_2PI
            )
        with np.errstate(over="ignore"):
            return log_factors - 0.5 * np.square((x[:, np.newaxis] - self.means) / self.stds)

    def log_density(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log density at each x, shape (n,)."""
        terms = self.weighted_log_densities(x)
        # Far from all components the squared distances overflow and all terms are −inf: then
        # −inf − (−inf) would be NaN.
        largest: NDArray[np.float64] = np.maximum(terms.max(axis=1), -np.finfo(np.float64).max)
        with np.errstate(divide="ignore", under="ignore"):
            above: NDArray[np.float64] = np.log(np.exp(terms - largest[:, np.newaxis]).sum(axis=1))
        return largest + above

    def mean_log_likelihood(
        self, x: NDArray[np.float64], sample_weight: NDArray[np.float64] | None = None
    ) -> float:
        """Return the mean log density over rows x, weighted by `sample_weight`; both (n,)."""
        return float(np.average(self.log_density(x), weights=sample_weight))

    def responsibilities(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the posterior probability of each component at each x, shape (n, n_components).

        0 where the densities of all components are 0 in float64.
        """
        terms = self.weighted_log_densities(x)
        largest = np.maximum(terms.max(axis=1), -np.finfo(np.float64).max)
        with np.errstate(under="ignore"):
            relative = np.exp(terms - largest[:, np.newaxis])
        totals = relative.sum(axis=1)
        responsibilities: NDArray[np.float64] = (
            relative / np.where(totals > 0, totals, 1.0)[:, np.newaxis]
        )
        return responsibilities

    def rescaled(self, center: float, exponent: int) -> Mixture:
        """Return the mixture of center + 2**exponent · x.

        No standard deviation is below the resolution of float64 at its mean.
        """
        means = center + np.ldexp(self.means, exponent)
        return Mixture(
            self.weights,
            means,
            np.maximum(np.ldexp(self.stds, exponent), np.spacing(np.abs(means))),
        )

    def standardised(self, center: float, exponent: int) -> Mixture:
        """Return the mixture of (x − center) / 2**exponent, as points are standardised."""
        with np.errstate(over="ignore"):
            means = np.ldexp(self.means - center, -exponent)
            stds = np.ldexp(self.stds, -exponent)
        return Mixture(
            self.weights, np.clip(means, -FURTHEST, FURTHEST), np.minimum(stds, FURTHEST)
        )

    def select(self, kept: NDArray[np.bool_]) -> Mixture:
        """Return the mixture of the components that `kept` selects, with normalised weights."""
        weights = self.weights[kept]
        return Mixture(weights / weights.sum(), self.means[kept], self.stds[kept])

    def sorted(self) -> Mixture:
        """Return the mixture with components ordered by mean."""
        # By mean, then std, so that the order is the same in every run.
        order = np.lexsort((self.stds, self.means))
        return Mixture(self.weights[order], self.means[order], self.stds[order])

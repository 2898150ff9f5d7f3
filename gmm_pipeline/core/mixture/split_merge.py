"""A search for the most likely mixture of every size, by splits of the next smaller one and merges
of the next larger.

See Ueda, Nakano, Ghahramani & Hinton (2000), "SMEM algorithm for mixture models", on splits and
merges as a way out of local optima, and Pudil, Novovičová & Kittler (1994), "Floating search
methods in feature selection", on going up and down through the sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gmm_pipeline.core.mixture.em import EMResult, expectation_maximisation
from gmm_pipeline.core.mixture.kmeans_starts import mixture_starts
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

_TRIALS = ((4, 4), (16, 1))
"""Candidates are narrowed down by so many steps of EM to the best so many, then again."""
_SEARCH_ITER = 300
_SEARCH_TOL = 1e-7
_LEAST_GAIN = 1e-5
_MOST_SWEEPS = 6
_MOST_EVALUATIONS = 10**8
"""Component densities to evaluate before the last sweep; about a second's worth."""
_EVERY_SIZE = 16
_APART = 0.7
_NARROW, _WIDE = 0.4, 1.5


@dataclass(frozen=True)
class LightComponentPenalty:
    """What a component has to add to the mean log-likelihood, in nats per row, if its weight is
    below a bound.
    """

    below: float
    cost: float


class MixtureSearch:
    """The best mixtures found so far, by number of components.

    Parameters
    ----------
    points : WeightedPoints
        Standardised; a few hundred, as thousands of EM steps are made on them.
    variance_floor : float
        No component gets a smaller variance.
    penalties : sequence of LightComponentPenalty
        What light components count against their mixture.
    """

    def __init__(
        self,
        points: WeightedPoints,
        *,
        variance_floor: float,
        penalties: Sequence[LightComponentPenalty] = (),
    ) -> None:
        self.best: dict[int, EMResult] = {}
        self._points = points
        self._variance_floor = variance_floor
        self._penalties = tuple(penalties)
        self._evaluations = 0

    def run(self, smallest: int, largest: int, seed: int) -> None:
        """Search mixtures of `smallest` to `largest` components until no split or merge of the best
        gains anything.

        Among many sizes, only some of the large ones get starts of their own, and the search ends
        when it has cost about a second.
        """
        starts = mixture_starts(
            self._points, largest, variance_floor=self._variance_floor, seed=seed
        )
        for size in _started_sizes(smallest, largest):
            self._offer(starts[size - 1])
        moves = [(splits, size) for size in range(smallest, largest)]
        moves += [(merges, size) for size in range(largest, smallest, -1)]
        explored: dict[tuple[object, int], EMResult] = {}
        for move, size in moves * _MOST_SWEEPS:
            found = self.best.get(size)
            if (
                found is None
                or explored.get((move, size)) is found
                or self._evaluations > _MOST_EVALUATIONS
            ):
                continue
            explored[move, size] = found
            self._offer(move(found.mixture))

    def objective(self, result: EMResult) -> float:
        """Return the mean log-likelihood less the penalties."""
        weights = result.mixture.weights
        return result.mean_log_likelihood - sum(
            penalty.cost * np.count_nonzero(weights < penalty.below) for penalty in self._penalties
        )

    def choose(self, component_cost: float) -> Mixture:
        """Return the best of all, each component counting so many nats per row against its
        mixture.
        """
        return max(
            self.best.values(),
            key=lambda result: (
                self.objective(result) - component_cost * result.mixture.n_components
            ),
        ).mixture

    def _offer(self, candidates: Iterable[Mixture]) -> None:
        """Run EM from the most promising candidates and keep what is better than the best of its
        size.
        """
        promising = list(candidates)
        for steps, kept in _TRIALS:
            tried = sorted(
                (self._run_em(mixture, steps) for mixture in promising),
                key=self.objective,
                reverse=True,
            )
            promising = [result.mixture for result in tried[:kept]]
        for mixture in promising:
            result = self._run_em(mixture, _SEARCH_ITER)
            size = result.mixture.n_components
            if (
                size not in self.best
                or self.objective(result) > self.objective(self.best[size]) + _LEAST_GAIN
            ):
                self.best[size] = result

    def _run_em(self, start: Mixture, max_iter: int) -> EMResult:
        result = expectation_maximisation(
            self._points,
            start,
            variance_floor=self._variance_floor,
            tol=_SEARCH_TOL,
            max_iter=max_iter,
        )
        self._evaluations += result.history.size * start.n_components * self._points.size
        return result


def _started_sizes(smallest: int, largest: int) -> list[int]:
    """Return every size up to a limit, and beyond it steps that grow with the size; always the
    largest.
    """
    sizes = [largest]
    while sizes[-1] > smallest:
        sizes.append(max(sizes[-1] - max(sizes[-1] // _EVERY_SIZE, 1), smallest))
    return sizes[::-1]


def splits(mixture: Mixture) -> Iterator[Mixture]:
    """Yield the mixture with two components in place of one: side by side, and one within the
    other.
    """
    inner = np.sqrt(1 - _APART * _APART)
    for k in range(mixture.n_components):
        weight, mean, std = mixture.weights[k], mixture.means[k], mixture.stds[k]
        halves = [weight / 2, weight / 2]
        yield _replaced(
            mixture,
            [k],
            halves,
            [mean - _APART * std, mean + _APART * std],
            [inner * std, inner * std],
        )
        yield _replaced(mixture, [k], halves, [mean, mean], [_NARROW * std, _WIDE * std])


def merges(mixture: Mixture) -> Iterator[Mixture]:
    """Yield the mixture without one component, and with two neighbours as one of their joint mean
    and variance.
    """
    ordered = mixture.sorted()
    for k in range(mixture.n_components):
        yield ordered.select(np.arange(mixture.n_components) != k)
    for k in range(mixture.n_components - 1):
        pair = slice(k, k + 2)
        weight = ordered.weights[pair].sum()
        shares = ordered.weights[pair] / weight
        mean = np.sum(shares * ordered.means[pair])
        variance = np.sum(
            shares * (np.square(ordered.stds[pair]) + np.square(ordered.means[pair] - mean))
        )
        yield _replaced(ordered, [k, k + 1], [weight], [mean], [np.sqrt(variance)])


def _replaced(
    mixture: Mixture, places: list[int], weights: list[float], means: list[float], stds: list[float]
) -> Mixture:
    """Return the mixture with other components in place of some."""
    kept = np.ones(mixture.n_components, dtype=np.bool_)
    kept[places] = False
    return Mixture(
        np.concatenate([mixture.weights[kept], weights]),
        np.concatenate([mixture.means[kept], means]),
        np.concatenate([mixture.stds[kept], stds]),
    )

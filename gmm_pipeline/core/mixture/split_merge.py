"""Search for the best mixture of every size, by splits of smaller and merges of larger ones.

See Ueda, Nakano, Ghahramani & Hinton (2000), "SMEM algorithm for mixture models", on splits and
merges as a way out of local optima, and Pudil, Novovičová & Kittler (1994), "Floating search
methods in feature selection", on going up and down through the sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from gmm_pipeline.core.mixture.em import EMResult, expectation_maximisation
from gmm_pipeline.core.mixture.kmeans_starts import mixture_starts
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.mixture.penalties import Penalty
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

_TRIALS = ((4, 4), (16, 1))
"""Candidates run 4 EM steps, of which the best 4 run 16 more; the best one then converges.

Most candidates can be told from the best after a few steps, so the costly runs are few.
"""
_SEARCH_ITER = 300
"""Most EM steps of a candidate; the refinement of the chosen mixture continues from there."""
_SEARCH_TOL = 1e-7
"""Nats per row; the default `tol` of the refinement."""
_LEAST_GAIN = 1e-5
"""Nats per row by which a mixture has to beat the best of its size; ends sweeps over tiny gains."""
_MAX_SWEEPS = 6
"""Most sweeps up and down through the sizes; the search ends earlier once nothing changes."""
_MAX_EVALUATIONS = 10**8
"""Component densities to evaluate before the last sweep: about a second's worth."""
_EVERY_SIZE = 16
"""Up to 32 components every size gets starts of its own; beyond, every (size // 16)-th."""
_APART = 0.7
"""Halves of a split component lie 0.7 of its standard deviation to either side of its mean.

With `inner` as their std, mean and variance of the component are preserved.
"""
_NARROW, _WIDE = 0.4, 1.5
"""Stds of a component split into a narrow and a wide one, relative to its own.

Together they have about its variance (1.2 times), and heavier tails.
"""


class MixtureSearch:
    """The best mixtures found so far, by number of components.

    Parameters
    ----------
    points : WeightedPoints
        Standardised; a few hundred, as thousands of EM steps run on them.
    variance_floor : float
        No component gets a smaller variance.
    penalties : sequence of Penalty
        Subtracted from the mean log-likelihood.
    """

    def __init__(
        self,
        points: WeightedPoints,
        *,
        variance_floor: float,
        penalties: Sequence[Penalty] = (),
    ) -> None:
        self.best: dict[int, EMResult] = {}
        self._points = points
        self._variance_floor = variance_floor
        self._penalties = tuple(penalties)
        self._evaluations = 0

    def run(self, smallest: int, largest: int, seed: int) -> None:
        """Search mixtures of `smallest` to `largest` components until no split or merge gains.

        Among many sizes, only some of the large ones get starts of their own, and the search ends
        when it has taken about a second.
        """
        starts = mixture_starts(
            self._points, largest, variance_floor=self._variance_floor, seed=seed
        )
        for size in _started_sizes(smallest, largest):
            self._offer(starts[size - 1])
        # Up through the sizes by splits, down by merges: what is found on one way serves the other.
        moves = [(splits, size) for size in range(smallest, largest)]
        moves += [(merges, size) for size in range(largest, smallest, -1)]
        explored: dict[tuple[object, int], EMResult] = {}
        for move, size in moves * _MAX_SWEEPS:
            found = self.best.get(size)
            # A mixture that was split or merged before would only give the same candidates again.
            if (
                found is None
                or explored.get((move, size)) is found
                or self._evaluations > _MAX_EVALUATIONS
            ):
                continue
            explored[move, size] = found
            self._offer(move(found.mixture))

    def objective(self, result: EMResult) -> float:
        """Return the mean log-likelihood less the penalties."""
        return result.mean_log_likelihood - sum(
            penalty.of(result.mixture) for penalty in self._penalties
        )

    def choose(self, component_cost: float) -> Mixture:
        """Return the best mixture of any size, at a cost in nats per row for each component."""
        return max(
            self.best.values(),
            key=lambda result: (
                self.objective(result) - component_cost * result.mixture.n_components
            ),
        ).mixture

    def largest(self) -> Mixture | None:
        """Return the best mixture of the largest size that the penalties do not rule out."""
        sizes = [size for size, found in self.best.items() if self.objective(found) > -math.inf]
        return self.best[max(sizes)].mixture if sizes else None

    def _offer(self, candidates: Iterable[Mixture]) -> None:
        """Run EM from the most promising candidates; keep those that beat their size's best."""
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
        # Counted instead of timed, so that the result does not depend on the machine's load.
        self._evaluations += result.history.size * start.n_components * self._points.size
        return result


def _started_sizes(smallest: int, largest: int) -> list[int]:
    """Return the sizes that get starts: all up to a limit, then ever fewer, and the largest."""
    sizes = [largest]
    while sizes[-1] > smallest:
        sizes.append(max(sizes[-1] - max(sizes[-1] // _EVERY_SIZE, 1), smallest))
    return sizes[::-1]


def splits(mixture: Mixture) -> Iterator[Mixture]:
    """Yield the mixture with each component split in two: side by side, and narrow within wide."""
    # _APART² from between the halves, the rest from within them: the variance stays.
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
    """Yield the mixture without each component, and with each two neighbours merged.

    Merged neighbours keep their joint mean and variance.
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
    """Return the mixture with some components replaced by others."""
    kept = np.ones(mixture.n_components, dtype=np.bool_)
    kept[places] = False
    return Mixture(
        np.concatenate([mixture.weights[kept], weights]),
        np.concatenate([mixture.means[kept], means]),
        np.concatenate([mixture.stds[kept], stds]),
    )

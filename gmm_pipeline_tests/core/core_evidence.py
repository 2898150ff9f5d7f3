"""Helpers that several tests of the core share."""

from collections.abc import Iterable
from functools import partial, reduce
from itertools import pairwise
from typing import Any

import numpy as np
from exactness import bits  # noqa: F401 - tests of other folders use it too
from numpy.typing import NDArray

from gmm_pipeline.core.coding.value_dtype import with_narrowest_dtype
from gmm_pipeline.core.mixture.fit_mixture import fit_mixture
from gmm_pipeline.core.modes.atoms import choose_atoms
from gmm_pipeline.core.modes.column_model import ColumnModel, EncodingRules
from gmm_pipeline.core.modes.continuous_part import ContinuousPart, gaussian_part
from gmm_pipeline.core.modes.model_column import model_column
from gmm_pipeline.core.modes.modes import AtomMode, GaussianMode, TailMode
from gmm_pipeline.core.modes.select_components import all_components
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.grid import Grid
from gmm_pipeline.core.sketch.grid_counts import GridCounter, GridCounts
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.core.sketch.sketch import Sketch, Specials, Tally
from gmm_pipeline.core.sketch.value_counts import ValueCounter, ValueCounts

REAL = RealCoordinate()


def pieces(rows: NDArray[Any], rng: np.random.Generator, most: int = 6) -> list[NDArray[Any]]:
    """Cut rows at random, empty pieces included."""
    cuts = np.sort(rng.integers(0, rows.size + 1, rng.integers(0, most)))
    return [rows[start:end] for start, end in pairwise([0, *cuts.tolist(), rows.size])]


def merged_at_random(parts: Iterable[Any], rng: np.random.Generator) -> Any:
    """Merge neighbours and strangers alike until one is left."""
    left = list(parts)
    while len(left) > 1:
        first, second = rng.permutation(len(left))[:2].tolist()
        both = left[first].merge(left[second])
        left = [part for number, part in enumerate(left) if number not in {first, second}] + [both]
    return left[0]


def merged_in_turn(parts: Iterable[Any]) -> Any:
    return reduce(lambda left, right: left.merge(right), parts)


def count_values(values: NDArray[Any]) -> ValueCounts:
    counter = ValueCounter(values.dtype)
    counter.add(values)
    return counter.counts()


def count_on(
    grid: Grid,
    numbers: NDArray[Any],
    coordinate: Coordinate = REAL,
    apart: NDArray[Any] | None = None,
) -> GridCounts:
    counter = GridCounter(grid, coordinate, numbers[:0] if apart is None else apart)
    counter.add(numbers)
    return counter.counts()


def grid_around(rows: NDArray[np.float64]) -> Grid:
    return Grid.around(np.sort(rows), np.ones(rows.size))


def sketch_on_grid(
    rows: NDArray[np.float64], specials: Specials | None = None, grid: Grid | None = None
) -> Sketch:
    return Sketch(Tally(specials or Specials(), count_on(grid or grid_around(rows), rows)), REAL)


def sketch_of_values(
    rows: NDArray[Any], coordinate: Coordinate = REAL, specials: Specials | None = None
) -> Sketch:
    return Sketch(Tally(specials or Specials(), count_values(rows)), coordinate)


def fitted(
    sketch: Sketch,
    column: str = "amount",
    *,
    max_modes: int = 10,
    rules: EncodingRules | None = None,
) -> ColumnModel:
    """Return a column's model as it is found by default: atoms, Gaussian modes and tails."""
    choice = choose_atoms(sketch, declared=np.empty(0), find=True, few=True, max_modes=max_modes)
    part = ContinuousPart()
    if choice.kind != "categorical":
        fit = partial(fit_mixture, max_components=max_modes, min_weight=0.005)
        part = gaussian_part(sketch, column, choice, fit, keep=all_components, tails=True)
    return with_narrowest_dtype(
        model_column(sketch, column, choice, part, rules or EncodingRules()), sketch
    )


def model_of(
    gaussians: list[tuple[float, float, float]],
    atoms: tuple[AtomMode, ...] = (),
    *,
    dropped: list[tuple[float, float, float]] | None = None,
    tails: tuple[TailMode, ...] = (),
    column: str = "amount",
    **rules: Any,
) -> ColumnModel:
    """Return a model of Gaussian modes given as (weight, mean, std), by default in float64."""
    return ColumnModel(
        column=column,
        rows=1,
        kind="mixed" if atoms else "continuous",
        reason="",
        gaussians=tuple(GaussianMode(*mode) for mode in gaussians),
        dropped=tuple(GaussianMode(*mode) for mode in dropped or []),
        tails=tails,
        atoms=atoms,
        rest=None,
        coordinate=REAL,
        range=(-np.inf, np.inf),
        fit=None,
        rules=EncodingRules(**{"value_dtype": "float64", **rules}),
    )


def chi_square(observed: NDArray[Any], expected: NDArray[np.float64]) -> float:
    return float(np.sum(np.square(observed - expected) / expected))


def chi_square_bound(degrees: int) -> float:
    """Return the bound that a chi-square statistic exceeds about once in a million times.

    Wilson & Hilferty (1931).
    """
    return float(degrees * (1 - 2 / (9 * degrees) + 4.75 * np.sqrt(2 / (9 * degrees))) ** 3)

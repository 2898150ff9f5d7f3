"""What several tests of the core share."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.coordinate import Coordinate, RealCoordinate
from gmm_pipeline.core.grid import Grid
from gmm_pipeline.core.modes import AtomMode, ColumnModel, Extremes, GaussianMode, ModeChoice, ValueDtype
from gmm_pipeline.core.sketch import GridCounter, GridCounts, Sketch, Specials, Tally
from gmm_pipeline.core.values import ValueCounter, ValueCounts

REAL = RealCoordinate()


def bits(thing: Any) -> Any:
    """Return something that is equal for two results only if they agree bit for bit, signs of zeros included."""
    if isinstance(thing, np.ndarray):
        return thing.dtype.str, thing.shape, thing.tobytes()
    if is_dataclass(thing):
        return type(thing).__name__, *(bits(getattr(thing, field.name)) for field in fields(thing))
    if isinstance(thing, tuple | list):
        return tuple(bits(part) for part in thing)
    if isinstance(thing, float):
        return thing.hex()
    return type(thing).__name__, thing


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


def count_on(grid: Grid, numbers: NDArray[Any], coordinate: Coordinate = REAL) -> GridCounts:
    counter = GridCounter(grid, coordinate)
    counter.add(numbers)
    return counter.counts()


def grid_around(rows: NDArray[np.float64]) -> Grid:
    return Grid.around(np.sort(rows), np.ones(rows.size))


def sketch_on_grid(rows: NDArray[np.float64], specials: Specials | None = None, grid: Grid | None = None) -> Sketch:
    return Sketch(Tally(specials or Specials(), count_on(grid or grid_around(rows), rows)), REAL)


def sketch_of_values(rows: NDArray[Any], coordinate: Coordinate = REAL, specials: Specials | None = None) -> Sketch:
    return Sketch(Tally(specials or Specials(), count_values(rows)), coordinate)


def model_of(
    gaussians: list[tuple[float, float, float]],
    atoms: tuple[AtomMode, ...] = (),
    *,
    mode_choice: ModeChoice = "sample",
    extremes: Extremes = "keep",
    value_dtype: ValueDtype = "float64",
    seed: int = 0,
    column: str = "amount",
) -> ColumnModel:
    """Return a model of Gaussian modes given as (weight, mean, std)."""
    return ColumnModel(
        column=column,
        rows=1,
        gaussians=tuple(GaussianMode(*mode) for mode in gaussians),
        atoms=atoms,
        coordinate=REAL,
        fit=None,
        seed=seed,
        mode_choice=mode_choice,
        extremes=extremes,
        value_dtype=value_dtype,
    )


def chi_square(observed: NDArray[Any], expected: NDArray[np.float64]) -> float:
    return float(np.sum(np.square(observed - expected) / expected))


def chi_square_bound(degrees: int) -> float:
    """Return what a chi-square statistic exceeds about once in a million times (Wilson & Hilferty, 1931)."""
    return float(degrees * (1 - 2 / (9 * degrees) + 4.75 * np.sqrt(2 / (9 * degrees))) ** 3)

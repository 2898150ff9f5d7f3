"""A column's rows and modes by their places on its number line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.modes import AtomMode
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.numbers import numbers_of
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.errors import ColumnDataError


@dataclass(frozen=True)
class NumberLine:
    """What a picture of a column of numbers is drawn from.

    Parameters
    ----------
    points : WeightedPoints
        The rows that are in no atom.
    atoms : WeightedPoints
        Those that have a coordinate.
    elsewhere : tuple of AtomMode
        The others: null, NaN, infinities, numbers too far out.
    mixture : Mixture
        The Gaussian modes; there may be none.
    gaussian_ranks : int64 array of shape (n_components,)
    tail_shares : array of shape (n_tails,)
        The expected share of rows of each tail.
    rows : int
        All rows of the column; 1 if there are none, as shares are divided by it.
    step : float
        Between the values of a grid in coordinates; 0 without one.
    """

    points: WeightedPoints
    atoms: WeightedPoints
    elsewhere: tuple[AtomMode, ...]
    mixture: Mixture
    gaussian_ranks: NDArray[np.int64]
    tail_shares: NDArray[np.float64]
    rows: int
    step: float

    @classmethod
    def of(
        cls, model: ColumnModel, sketch: Sketch, ranking: Ranking, coordinate: Coordinate
    ) -> NumberLine:
        """Place the rows of a sketch and the modes of the model that is fitted to them."""
        finite = numbers_of(model.finite_values, sketch.numbers.values.dtype)
        places = [_place(atom, coordinate, finite.dtype) for atom in model.atoms]
        weights = [atom.weight * sketch.rows for atom in model.atoms]
        known = [number for number, place in enumerate(places) if not np.isnan(place)]
        n_gaussians = len(model.gaussians)
        ranks = np.argsort(ranking.mode_of_rank)
        logarithmic = isinstance(coordinate, LogCoordinate)
        return cls(
            points=sketch.points(without=finite),
            atoms=WeightedPoints.of(np.array(places)[known], np.array(weights)[known]),
            elsewhere=tuple(
                atom for atom, place in zip(model.atoms, places, strict=True) if np.isnan(place)
            ),
            mixture=model.mixture(),
            gaussian_ranks=ranks[:n_gaussians],
            tail_shares=ranking.frequencies[ranks[n_gaussians : model.n_continuous]],
            rows=max(sketch.rows, 1),
            step=0.0 if logarithmic else float(coordinate.spacing(np.zeros(1))[0]),
        )

    def rows_between(self, low: float, high: float) -> int:
        """Return the rows strictly between two coordinates."""
        positions = np.concatenate([self.points.positions, self.atoms.positions])
        weights = np.concatenate([self.points.weights, self.atoms.weights])
        return round(float(weights[(positions > low) & (positions < high)].sum()))


def _place(atom: AtomMode, coordinate: Coordinate, dtype: np.dtype[np.generic]) -> float:
    """Return the coordinate of an atom; NaN if it has none."""
    if not isinstance(atom.value, int | float) or not np.isfinite(atom.value):
        return np.nan
    try:
        return float(coordinate.forward(numbers_of([atom.value], dtype))[0])
    except ColumnDataError:
        return np.nan

"""What a picture of a column's numbers is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.modes import AtomMode
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.numbers import numbers_of
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.errors import ColumnDataError


@dataclass(frozen=True)
class NumberRows:
    """The rows of a column of numbers, and its modes.

    Parameters
    ----------
    points : WeightedPoints
        The numbers that are in no atom.
    stems : WeightedPoints
        The atoms that have a coordinate.
    mixture : Mixture
        The Gaussian modes; none if there are none.
    gaussian_ranks : int64 array of shape (n_components,)
    tail_shares : array of shape (n_tails,)
        The share of rows that each tail is expected to get.
    others : tuple of AtomMode
        The atoms that have none: null, NaN, infinities, numbers too far out.
    total : int
        All rows of the column.
    """

    points: WeightedPoints
    stems: WeightedPoints
    mixture: Mixture
    gaussian_ranks: NDArray[np.int64]
    tail_shares: NDArray[np.float64]
    others: tuple[AtomMode, ...]
    total: int

    @classmethod
    def of(
        cls, model: ColumnModel, sketch: Sketch, ranking: Ranking, coordinate: Coordinate
    ) -> NumberRows:
        """Take the sketch of a column and the model that was fitted to it."""
        finite = numbers_of(model.finite_values, sketch.numbers.values.dtype)
        places = [_place(atom, coordinate, finite.dtype) for atom in model.atoms]
        placed = [
            (place, atom.weight)
            for place, atom in zip(places, model.atoms, strict=True)
            if place is not None
        ]
        stems = WeightedPoints.of(
            np.array([place for place, _ in placed]),
            np.array([weight * sketch.rows for _, weight in placed]),
        )
        n_gaussians = len(model.gaussians)
        ranks = np.argsort(ranking.mode_of_rank)
        return cls(
            points=sketch.points(without=finite),
            stems=stems,
            mixture=model.mixture(),
            gaussian_ranks=ranks[:n_gaussians],
            tail_shares=ranking.frequencies[ranks[n_gaussians : model.n_continuous]],
            others=tuple(
                atom for place, atom in zip(places, model.atoms, strict=True) if place is None
            ),
            total=max(sketch.rows, 1),
        )

    def between(self, low: float, high: float) -> int:
        """Return the rows strictly between two coordinates."""
        return round(
            sum(
                float(part.weights[(part.positions > low) & (part.positions < high)].sum())
                for part in (self.points, self.stems)
            )
        )


def _place(
    atom: AtomMode, coordinate: Coordinate, dtype: np.dtype[np.float64] | np.dtype[np.int64]
) -> float | None:
    """Return the coordinate of an atom; None if it has none."""
    if not isinstance(atom.value, int | float) or not np.isfinite(atom.value):
        return None
    try:
        return float(coordinate.forward(numbers_of([atom.value], dtype))[0])
    except ColumnDataError:
        return None

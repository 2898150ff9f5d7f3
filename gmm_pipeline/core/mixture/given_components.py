"""The setting `components`: a mixture that the user gives instead of fitting one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm_pipeline.core.mixture.fit_mixture import MixtureFit
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints

Component = tuple[float, float, float]
"""Weight, mean and standard deviation."""


def fit_given_components(
    points: WeightedPoints, components: Sequence[Component], coordinate: Coordinate
) -> MixtureFit:
    """Return a given mixture as if it had been fitted to the points.

    Parameters
    ----------
    points : WeightedPoints
        Its mean log-likelihood is computed on these.
    components : sequence of Component
        In the units of the column: dates in days and times in seconds, both since 1970; logarithms
        for a column with transform = log.
    coordinate : Coordinate
        That of the points.
    """
    weights, means, stds = (
        np.array(values, dtype=np.float64) for values in zip(*components, strict=True)
    )
    # Coordinates of whole numbers count from the column's origin.
    if isinstance(coordinate, IntegerCoordinate):
        means = means - coordinate.origin / coordinate.per_unit
    if isinstance(coordinate, RealCoordinate):
        means, stds = np.ldexp(means, coordinate.exponent), np.ldexp(stds, coordinate.exponent)
    mixture = Mixture(weights / weights.sum(), means, stds).sorted()
    mean_log_likelihood = mixture.mean_log_likelihood(points.positions, points.weights)
    return MixtureFit(
        mixture,
        mean_log_likelihood,
        np.array([mean_log_likelihood]),
        converged=True,
        n_points=points.size,
    )

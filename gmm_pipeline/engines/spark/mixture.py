"""Fits by Spark ML's `GaussianMixture`: to weighted points, or to all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from gmm_pipeline.core.mixture.em import EMResult
from gmm_pipeline.core.mixture.fit_mixture import VARIANCE_FLOOR, MixtureFit, in_own_units, refine
from gmm_pipeline.core.mixture.mixture import Mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.engines.spark.tasks import spark_job_errors
from gmm_pipeline.errors import ColumnDataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.ml.clustering import GaussianMixtureModel
    from pyspark.sql import DataFrame, SparkSession

POSITION = "position"
POINTS, ROWS_PER_POINT = 1000, 2
"""The most points that Spark is given, about, and the average number of rows of each.

More of either take longer, and gain less than random starts differ among themselves. With few rows
a point, more of the rows from which Spark draws its start lie in the tails.
"""
TOL, MAX_ITER = 1e-9, 100
"""Of fits to points and to rows. Spark's defaults are 100 steps, and 0.01 of the total
log-likelihood, which means another precision for each number of rows."""
_STEPS_AFTER = 10
"""EM steps on all points for each of Spark's: they take milliseconds, Spark's most of a second."""
_STANDARD = Mixture(np.ones(1), np.zeros(1), np.ones(1))
"""Start of a fit of one component, which Spark refuses: from here, EM needs one step."""
_WEIGHT, _FEATURES = "weight", "features"


def fit_spark_ml(
    points: WeightedPoints,
    n_components: int,
    *,
    seed: int,
    session: SparkSession,
    tol: float = TOL,
    max_iter: int = MAX_ITER,
) -> MixtureFit:
    """Fit weighted points by Spark ML's ``GaussianMixture``, and complete the fit by EM.

    Spark is given about `POINTS` standardised points at most, a heavy one as several rows with the
    mean and the variance of the values that it stands for. Each step of Spark takes two stages, for
    any number of points, and Spark often stops before EM has converged. So the last steps are made
    here, on all points, spread out in the same way.

    Parameters
    ----------
    points : WeightedPoints
        At least one of positive weight.
    n_components : int
        No more are fitted than there are points.
    seed : int
        Of Spark's random start.
    session : SparkSession
    tol : float
        Converged when a step changes the mean log-likelihood per row by no more. Spark judges the
        total over all rows, so its `tol` is this one times the weight of the points. A small value
        is needed: its random starts lie close together, and the first steps gain little.
    max_iter : int
        The most steps of Spark; up to ten times as many follow here.

    Returns
    -------
    MixtureFit
        `history` and `converged` are of the steps after Spark's.

    Raises
    ------
    ColumnDataError
        If Spark's parameters are not finite: the squares of points far out overflow.

    Notes
    -----
    Spark adds 2**-52 to each weighted density and takes a variance as a difference of squares, so
    points further than some 10**7 interquartile ranges from the median spoil its fit.
    """
    standardised, center, exponent = points.nonempty().standardised()
    coarse = standardised.coarsened(POINTS)
    total, size = coarse.total_weight, min(n_components, coarse.size)
    start = _STANDARD
    if size > 1:
        # One partition: the start and the order of sums must not depend on the number of cores.
        spread_out = _spread_out(coarse)
        table = pa.table({POSITION: spread_out.positions, _WEIGHT: spread_out.weights})
        rows = session.createDataFrame(table).coalesce(1)
        start = _several(rows, total, size, seed, tol, max_iter, weightCol=_WEIGHT).mixture
    found = refine(_spread_out(standardised), start, tol=tol, max_iter=_STEPS_AFTER * max_iter)
    return in_own_units(found, standardised, center, exponent, standardised.size)


def fit_spark_ml_full(
    points: WeightedPoints,
    n_components: int,
    *,
    seed: int,
    rows: Callable[[float, int], DataFrame],
    tol: float = TOL,
    max_iter: int = MAX_ITER,
) -> MixtureFit:
    """Fit all rows by Spark ML's ``GaussianMixture``, from its one random start.

    Parameters
    ----------
    points : WeightedPoints
        The sketch of the rows, by which they are standardised and the fit is judged.
    n_components : int
        No more are fitted than there are points.
    seed : int
        Of Spark's random start, which also depends on the partitions of the rows.
    rows : callable
        Takes `center` and `exponent`, and returns a DataFrame with (x − center) / 2**exponent of
        each row in the column `POSITION`.
    tol : float
    max_iter : int

    Returns
    -------
    MixtureFit
        `history` holds the last mean log-likelihood per row, the only one that Spark reports;
        `converged` is whether Spark stopped before `max_iter`.

    Raises
    ------
    ColumnDataError
        If Spark's parameters are not finite.
    SparkJobError
        If Spark's job fails.
    """
    standardised, center, exponent = points.standardised()
    total, size = standardised.total_weight, min(n_components, points.size)
    if size > 1:
        found = _several(rows(center, exponent), total, size, seed, tol, max_iter)
    else:
        found = refine(standardised, _STANDARD, tol=tol, max_iter=max_iter)
    return in_own_units(found, standardised, center, exponent, round(total))


def load_mixture(folder: Path) -> GaussianMixtureModel:
    """Return the model that a folder holds in Spark's format, by the active session."""
    from pyspark.ml.clustering import GaussianMixtureModel

    with spark_job_errors():
        return GaussianMixtureModel.load(folder.as_uri())


def _several(
    rows: DataFrame,
    total_weight: float,
    n_components: int,
    seed: int,
    tol: float,
    max_iter: int,
    **columns: Any,
) -> EMResult:
    """Return Spark's fit of two components or more."""
    from pyspark.ml.clustering import GaussianMixture
    from pyspark.ml.feature import VectorAssembler

    features = VectorAssembler(inputCols=[POSITION], outputCol=_FEATURES).transform(rows)
    estimator = GaussianMixture(
        featuresCol=_FEATURES,
        k=n_components,
        seed=seed,
        tol=tol * total_weight,
        maxIter=max_iter,
        **columns,
    )
    with spark_job_errors():
        model = estimator.fit(features)
    weights = np.array(model.weights)
    means = np.array([gaussian.mean.toArray()[0] for gaussian in model.gaussians])
    variances = np.array([gaussian.cov.toArray()[0, 0] for gaussian in model.gaussians])
    if not np.isfinite([weights, means, variances]).all():
        raise ColumnDataError(
            "Spark ML returned parameters that are not finite: some values are too far out for it",
            remedy="Set another method, such as em",
        )
    mixture = Mixture(weights, means, np.sqrt(np.maximum(variances, VARIANCE_FLOOR)))
    summary = model.summary
    return EMResult(
        mixture, np.array([summary.logLikelihood / total_weight]), summary.numIter < max_iter
    )


def _spread_out(points: WeightedPoints) -> WeightedPoints:
    """Return heavy points split into several of about the same weight; no two are the same.

    Spark draws its start from rows regardless of their weights, so a heavy point must be several
    rows, as in the column itself. Together they have its mean and variance; a light point stays one
    row, and keeps its spread.
    """
    shares = points.weights / points.weights.mean()
    counts = np.maximum(np.rint(ROWS_PER_POINT * shares), 1).astype(np.int64)
    owners = np.repeat(np.arange(points.size), counts)
    steps = (
        np.arange(owners.size)
        - np.repeat(np.cumsum(counts) - counts, counts)
        - (counts[owners] - 1) / 2
    )
    stds = np.sqrt(np.maximum(points.spreads, VARIANCE_FLOOR))
    unit = np.sqrt(np.maximum(np.square(counts) - 1, 1) / 12)
    positions = points.positions[owners] + steps * (stds / unit)[owners]
    order = np.argsort(positions, kind="stable")
    weights, spreads = points.weights / counts, np.where(counts == 1, points.spreads, 0.0)
    return WeightedPoints(positions[order], weights[owners][order], spreads[owners][order])

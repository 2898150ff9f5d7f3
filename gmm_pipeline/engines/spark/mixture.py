"""Spark ML's Gaussian mixture, fitted to weighted points or to rows."""

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

    from pyspark.sql import DataFrame, SparkSession

POSITION = "position"
POINTS, ROWS_PER_POINT = 1000, 2
"""About how many points Spark is given at most, and how many rows each is to it, on average.

More of either take longer, and gain less than one random start differs from another. Few rows a
point make tails a larger part of those that a start is drawn from.
"""
TOL, MAX_ITER = 1e-9, 100
"""Of fits to points and to rows alike."""
_STEPS_AFTER = 10
"""Most steps that complete a fit to points, for each that Spark may make."""
_STANDARD = Mixture(np.ones(1), np.zeros(1), np.ones(1))
"""From here EM arrives at any single component, which Spark refuses to fit, in one step."""
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
    """Fit the mixture that Spark ML's ``GaussianMixture`` leads to from its one random start.

    Spark is given standardised points, at most about `POINTS` of them, the heavier each as several
    rows that have the mean and the variance of those that the point stands for. Each of its steps
    takes two stages of Spark, however few the points are, and it often stops before EM has
    converged: the last steps are made here, on all points, spread out in the same way.

    Parameters
    ----------
    points : WeightedPoints
        At least one of positive weight.
    n_components : int
        Fewer are fitted when there are fewer points.
    seed : int
        Of the start.
    session : SparkSession
    tol : float
        Converged when a step changes the mean log-likelihood per row by no more. Spark judges the
        change for all rows together: its `tol` is this one times the weight of the points. Its
        random starts lie close together, so the first steps gain little.
    max_iter : int
        Most steps of Spark; there are up to ten times as many after them, which take far less time.

    Returns
    -------
    MixtureFit
        `history` and `converged` are of the steps after Spark's.

    Raises
    ------
    ColumnDataError
        If Spark's parameters are not finite: it squares the points, and some are too far out for
        that.

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
        # One partition: the start and the order of every sum are then the same, however many cores
        # there are.
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
    """Fit the mixture that Spark ML's ``GaussianMixture`` finds from its one random start on all
    rows.

    Parameters
    ----------
    points : WeightedPoints
        What the rows come down to: the fit is standardised as `fit_spark_ml` does it, and judged by
        them.
    n_components : int
        At least 2 of them are fitted, which Spark asks for, and no more than there are points.
    seed : int
        Of the start, which depends on the partitions of the rows besides.
    rows : callable
        Gives the rows as (x − center) / 2**exponent, for those two, in a column `POSITION`.
    tol : float
    max_iter : int

    Returns
    -------
    MixtureFit
        `history` holds the last of the mean log-likelihoods per row that EM maximised, as Spark
        tells no other; `converged` is whether Spark stopped before its last step.

    Raises
    ------
    ColumnDataError
        If Spark's parameters are not finite.
    SparkJobError
        If Spark gives up.
    """
    standardised, center, exponent = points.standardised()
    total, size = standardised.total_weight, min(n_components, points.size)
    if size > 1:
        found = _several(rows(center, exponent), total, size, seed, tol, max_iter)
    else:
        found = refine(standardised, _STANDARD, tol=tol, max_iter=max_iter)
    return in_own_units(found, standardised, center, exponent, round(total))


def _several(
    rows: DataFrame,
    total_weight: float,
    n_components: int,
    seed: int,
    tol: float,
    max_iter: int,
    **columns: Any,
) -> EMResult:
    """Return where Spark arrives with two components or more."""
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
            "Spark ML's mixture has parameters that are not finite, as some values are too far out for its arithmetic",
            remedy="Fit the column with another method",
        )
    mixture = Mixture(weights, means, np.sqrt(np.maximum(variances, VARIANCE_FLOOR)))
    summary = model.summary
    return EMResult(
        mixture, np.array([summary.logLikelihood / total_weight]), summary.numIter < max_iter
    )


def _spread_out(points: WeightedPoints) -> WeightedPoints:
    """Return points of about the same weight where points are heavy, one for each light point; no
    two are the same.

    Spark starts from rows that it draws whatever their weight: heavy points are more of them, as in
    the column itself. Those of a point have its mean and variance together; the one of a light
    point keeps its spread.
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

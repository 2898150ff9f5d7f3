"""Spark ML's own fit, by a real Spark."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from gmm_pipeline import TableEncoder
from gmm_pipeline.core.mixture.fit_mixture import MixtureFit, fit_mixture
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.engines.spark.engine import SparkEngine
from gmm_pipeline.engines.spark.mixture import fit_spark_ml
from gmm_pipeline.engines.spark.session import local_session
from gmm_pipeline.errors import ColumnDataError, SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def two_components(n: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    return np.where(rng.random(n) < 0.3, rng.normal(-4, 1, n), rng.normal(6, 1.5, n))


def assert_finite(fit: MixtureFit) -> None:
    assert fit.mixture.weights.sum() == pytest.approx(1)
    assert np.all(np.isfinite(fit.mixture.means))
    assert np.all((fit.mixture.stds > 0) & np.isfinite(fit.mixture.stds))
    assert np.isfinite(fit.mean_log_likelihood)


def test_spark_ml_finds_a_known_mixture_in_any_unit(spark: SparkSession) -> None:
    points = WeightedPoints.of(two_components(4000) * 1e-9 + 1.0)
    fit = fit_spark_ml(points, 2, seed=0, session=spark)
    ours = fit_mixture(points, 2)
    assert fit.converged
    assert fit.mean_log_likelihood == pytest.approx(ours.mean_log_likelihood, abs=0.01)
    assert fit.history[-1] == pytest.approx(fit.mean_log_likelihood, abs=0.01)
    np.testing.assert_allclose((fit.mixture.means - 1.0) * 1e9, [-4, 6], atol=0.2)
    np.testing.assert_allclose(fit.mixture.stds * 1e9, [1, 1.5], atol=0.1)
    np.testing.assert_allclose(fit.mixture.weights, [0.3, 0.7], atol=0.03)


def test_spark_ml_respects_weights_and_spreads(spark: SparkSession) -> None:
    """A billion rows are fitted as points; the mixture is that of the rows, and so is the step at
    which it settles.
    """
    rows = np.sort(two_components(4000))
    groups = rows.reshape(-1, 10)
    points = WeightedPoints(groups.mean(axis=1), np.full(400, 2.5e6), groups.var(axis=1))
    of_points = fit_spark_ml(points, 2, seed=0, session=spark)
    of_rows = fit_mixture(WeightedPoints.of(rows), 2)
    assert of_points.converged
    np.testing.assert_allclose(of_points.mixture.weights, of_rows.mixture.weights, rtol=0.02)
    np.testing.assert_allclose(of_points.mixture.means, of_rows.mixture.means, rtol=0.02)
    np.testing.assert_allclose(of_points.mixture.stds, of_rows.mixture.stds, rtol=0.02)


def test_a_point_of_more_weight_is_more_rows_to_spark_ml(spark: SparkSession) -> None:
    rows = np.round(two_components(3000), 1)
    values, counts = np.unique(rows, return_counts=True)
    weighted = fit_spark_ml(WeightedPoints.of(values, counts), 2, seed=0, session=spark).mixture
    repeated = fit_spark_ml(WeightedPoints.of(rows), 2, seed=0, session=spark).mixture
    np.testing.assert_allclose(weighted.weights, repeated.weights, rtol=0.01)
    np.testing.assert_allclose(weighted.means, repeated.means, rtol=0.01)
    np.testing.assert_allclose(weighted.stds, repeated.stds, rtol=0.01)


def test_too_few_steps_are_not_called_convergence(spark: SparkSession) -> None:
    fit = fit_spark_ml(WeightedPoints.of(two_components(500)), 3, seed=0, session=spark, max_iter=2)
    assert not fit.converged


def test_one_component_is_the_mean_and_the_variance(spark: SparkSession) -> None:
    rows = two_components(500)
    fit = fit_spark_ml(WeightedPoints.of(rows), 1, seed=0, session=spark)
    np.testing.assert_allclose(fit.mixture.means, [rows.mean()], rtol=1e-12)
    np.testing.assert_allclose(fit.mixture.stds, [rows.std()], rtol=1e-12)
    assert fit.history[-1] == pytest.approx(fit.mean_log_likelihood, rel=1e-12)


@pytest.mark.parametrize(
    ("positions", "weights"),
    [
        ([5.0], [3.0]),
        ([1.0, 2.0], [1e9, 1.0]),
        ([7.0, 7.0, 7.0, 7.0], [1.0, 1.0, 1.0, 1.0]),
        ([0.0, 1.0, 2.0, 3.0, 1e300], [1e8, 5.0, 0.0, 1e9, 0.0]),
    ],
)
def test_few_or_equal_points_give_a_finite_mixture(
    positions: list[float], weights: list[float], spark: SparkSession
) -> None:
    points = WeightedPoints.of(np.array(positions), np.array(weights))
    fit = fit_spark_ml(points, 4, seed=0, session=spark)
    assert 1 <= fit.mixture.n_components <= len(positions)
    assert_finite(fit)


def test_values_too_far_out_for_spark_ml_are_an_error(spark: SparkSession) -> None:
    points = WeightedPoints.of(np.array([0.0, 1.0, 2.0, 3.0, 1e300]), np.full(5, 1e9))
    with pytest.raises(ColumnDataError, match=r"not finite.* Set another method"):
        fit_spark_ml(points, 2, seed=0, session=spark)


def test_a_fit_to_all_rows_is_that_of_the_sketch_and_leaves_atoms_and_nulls_out(
    spark: SparkSession,
) -> None:
    rng, rows = np.random.default_rng(1), two_components(600_000)
    rows[rng.random(rows.size) < 0.2] = 0.5
    table = pl.DataFrame({"x": pl.Series(rows).set(pl.Series(rng.random(rows.size) < 0.1), None)})
    how = {"kind": "mixed", "atoms": [0.5], "n_components": 2, "seed": 3}
    by_sketch = (
        TableEncoder(engine=SparkEngine(spark, 2), method="spark_ml", **how).fit(table).model("x")
    )
    by_rows = (
        TableEncoder(engine=SparkEngine(spark, 2), method="spark_ml_full", **how)
        .fit(table)
        .model("x")
    )
    for name in ("weights", "means", "stds"):
        np.testing.assert_allclose(
            getattr(by_rows.mixture(), name), getattr(by_sketch.mixture(), name), rtol=0.01
        )
    assert by_rows.fit is not None
    assert by_sketch.fit is not None
    assert by_rows.fit.mean_log_likelihood == pytest.approx(
        by_sketch.fit.mean_log_likelihood, abs=1e-4
    )
    assert by_rows.fit.n_points == table.filter(pl.col("x") != 0.5).height


def test_only_spark_fits_all_rows(tmp_path: pathlib.Path) -> None:
    pl.DataFrame({"x": two_components(300)}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        SettingsError,
        match=r"'x'.* needs engine = spark\. Set engine = spark \(--engine spark\), or method = spark_ml",
    ):
        TableEncoder(method="spark_ml_full", find_atoms=False).fit(tmp_path / "t.parquet")


def test_the_same_seed_gives_the_same_bits_and_another_another_start(spark: SparkSession) -> None:
    points = WeightedPoints.of(two_components(300))
    first, again, other = (
        fit_spark_ml(points, 3, seed=seed, session=spark, max_iter=3) for seed in (1, 1, 2)
    )
    assert first.mixture.means.tolist() == again.mixture.means.tolist()
    assert first.mixture.means.tolist() != other.mixture.means.tolist()


def test_a_session_that_runs_already_is_given_and_left_running(spark: SparkSession) -> None:
    with local_session() as given:
        assert given.sparkContext is spark.sparkContext
    assert spark.range(3).count() == 3


def test_without_java_the_error_names_the_remedy(tmp_path: pathlib.Path) -> None:
    code = (
        "from gmm_pipeline.engines.spark.session import local_session\nwith local_session(): pass"
    )
    without = {**os.environ, "JAVA_HOME": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=without, check=False
    )
    assert process.returncode != 0
    assert process.stderr.splitlines()[-1].endswith(
        f"JavaMissingError: JAVA_HOME, {tmp_path}, holds no bin/java. Install a JDK 17 and set JAVA_HOME to its folder "
        "or put its java on PATH, or let pip bring one: pip install 'gmm-pipeline[java]'"
    )

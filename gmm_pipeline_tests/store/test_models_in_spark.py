"""Models that the pipeline stores are Spark ML models, as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gmm_pipeline import TableEncoder
from gmm_pipeline.store.fit_folder import FitFolder

ROWS = 20_000


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    gaps = rng.random(ROWS) < 0.1
    table = pl.DataFrame(
        {
            "heavy": rng.standard_t(2, ROWS),
            "whole": rng.poisson(400, ROWS),
            "with nulls": rng.normal(1e6, 3.0, ROWS),
            "single": rng.normal(size=ROWS),
        }
    ).with_columns(pl.when(~pl.Series(gaps)).then(pl.col("with nulls")))
    path = tmp_path_factory.mktemp("store") / "fit"
    TableEncoder(columns={"single": {"max_modes": 1}}).fit(table).save(path)
    return path


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("column", ["heavy", "whole", "with nulls", "single"])
def test_spark_loads_a_stored_model_and_gives_our_probabilities(fit: Path, column: str) -> None:
    from pyspark.ml.clustering import GaussianMixtureModel
    from pyspark.ml.linalg import Vectors

    mixture = TableEncoder.load(fit).model(column).mixture()
    loaded = GaussianMixtureModel.load(str(FitFolder(fit).column(column).path / "model"))

    assert loaded.weights == mixture.weights.tolist()
    assert [gaussian.mean[0] for gaussian in loaded.gaussians] == mixture.means.tolist()
    assert [gaussian.cov.toArray()[0, 0] for gaussian in loaded.gaussians] == np.square(
        mixture.stds
    ).tolist()
    for x in np.concatenate([mixture.means, mixture.means + mixture.stds]):
        ours = mixture.responsibilities(np.array([x]))[0]
        np.testing.assert_allclose(
            loaded.predictProbability(Vectors.dense(float(x))), ours, atol=1e-9
        )


def test_a_column_of_categories_has_no_spark_model(tmp_path: Path) -> None:
    TableEncoder().fit(pl.DataFrame({"label": ["a", "b", "a"]})).save(tmp_path / "fit")
    files = sorted(
        path.name.split("-")[0] for path in (tmp_path / "fit" / "label" / "model").iterdir()
    )
    assert files == ["gmm_pipeline", "sketch"]

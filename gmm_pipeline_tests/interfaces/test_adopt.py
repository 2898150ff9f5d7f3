"""A mixture that was fitted elsewhere becomes the model of a column."""

import pathlib

import numpy as np
import polars as pl
import pytest
from workplace import Workplace

from gmm_pipeline import TableEncoder
from gmm_pipeline.store.spark_ml import write_gaussian_mixture

MEANS, STDS, WEIGHTS = np.array([10.0, 25.5]), np.array([1.5, 4.0]), np.array([0.3, 0.7])


@pytest.fixture
def model(tmp_path: pathlib.Path) -> pathlib.Path:
    write_gaussian_mixture(tmp_path / "spark_model", WEIGHTS, MEANS, STDS)
    return tmp_path / "spark_model"


@pytest.fixture
def source(tmp_path: pathlib.Path) -> pathlib.Path:
    rng = np.random.default_rng(0)
    drawn = rng.normal(MEANS[0], STDS[0], 20_000)
    values = np.where(rng.random(20_000) < WEIGHTS[0], drawn, rng.normal(MEANS[1], STDS[1], 20_000))
    pl.DataFrame(
        {"x": pl.Series(values).set(pl.Series(rng.random(20_000) < 0.1), None), "other": values}
    ).write_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_a_model_of_spark_ml_is_adopted_ranked_and_encodes_the_rows(
    workplace: Workplace, model: pathlib.Path, source: pathlib.Path
) -> None:
    finished = workplace.call("adopt", model, source, "--column", "x", "--fit", "t", "--json")

    assert finished.status == 0, finished.err
    (column,) = finished.json()["columns"]
    assert column["rows_changed"] == 0
    adopted = TableEncoder.load(workplace.store / "t").model("x").mixture()
    assert adopted.means.tolist() == MEANS.tolist()
    np.testing.assert_allclose(adopted.stds, STDS, rtol=1e-15)
    assert adopted.weights.tolist() == WEIGHTS.tolist()
    modes = TableEncoder.load(workplace.store / "t").modes("x")
    assert modes["frequency"].to_list() == sorted(modes["frequency"], reverse=True)
    transformed = workplace.call(
        "transform", source, "--fit", "t", "--out", workplace.path / "encoded.parquet"
    )
    assert transformed.status == 0, transformed.err


def test_an_adopted_model_stays_until_a_refit_and_the_other_columns_are_as_they_were(
    workplace: Workplace, model: pathlib.Path, source: pathlib.Path
) -> None:
    assert workplace.call("run", source, "--fit", "t").status == 0
    fitted = TableEncoder.load(workplace.store / "t").model("other")
    assert workplace.call("adopt", model, "--column", "x", "--fit", "t").status == 0

    again = workplace.call("run", source, "--fit", "t")

    assert "nothing was done" in again.err
    loaded = TableEncoder.load(workplace.store / "t")
    assert loaded.model("x").mixture().means.tolist() == MEANS.tolist()
    assert loaded.model("other") == fitted
    assert workplace.call("run", source, "--fit", "t", "--refit").status == 0
    assert (
        TableEncoder.load(workplace.store / "t").model("x").mixture().means.tolist()
        != MEANS.tolist()
    )


def test_dates_are_adopted_in_days(workplace: Workplace, tmp_path: pathlib.Path) -> None:
    days = np.random.default_rng(1).normal(16_000, 30, 30_000).astype(np.int32)
    pl.DataFrame({"day": pl.Series(days).cast(pl.Date)}).write_parquet(tmp_path / "days.parquet")
    write_gaussian_mixture(tmp_path / "of_days", np.ones(1), np.array([16_000.0]), np.array([30.0]))

    finished = workplace.call(
        "adopt", tmp_path / "of_days", tmp_path / "days.parquet", "--column=day", "--fit=d"
    )

    assert finished.status == 0, finished.err
    shown = TableEncoder.load(workplace.store / "d").modes("day").row(0, named=True)
    assert (shown["type"], shown["mean"], shown["std"]) == ("gaussian", 16_000.0, 30.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "t.parquet", "--column", "x", "--fit", "t"], "nowhere cannot be adopted"),
        (["spark_model", "--column", "x", "--fit", "t"], "there is no fit 't'. Give the SOURCE"),
        (["spark_model", "t.parquet", "--column", "y", "--fit", "t"], "no column matches 'y'"),
    ],
)
def test_what_cannot_be_adopted_is_an_error_that_says_why(
    workplace: Workplace,
    model: pathlib.Path,
    source: pathlib.Path,
    arguments: list[str],
    message: str,
) -> None:
    assert model.parent == source.parent == workplace.path
    finished = workplace.call("adopt", *arguments)
    assert finished.status == 2
    assert message in finished.err

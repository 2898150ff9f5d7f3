"""Assets downstream of a dataset that work in Spark get its frames and models."""

import datetime as dt
import decimal
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyspark.ml.clustering import GaussianMixtureModel
from pyspark.sql import DataFrame
from workplace import Workplace

from gmm_pipeline.components import dataset_definitions
from gmm_pipeline.core.modes.column_model import ColumnModel

ROWS = 400
MOMENT = dt.datetime(2026, 3, 29, 0, 30)  # noqa: DTZ001 - rows without a time zone
FRAME = pl.DataFrame(
    {
        "amount": np.random.default_rng(0).normal(size=ROWS),
        "Visit Duration (s).min": pl.Series(range(ROWS), dtype=pl.UInt16),
        "city`s": pl.Series(["x", None] * (ROWS // 2), dtype=pl.Categorical),
        "day": [dt.date(2026, 1, 1 + row % 28) for row in range(ROWS)],
        "local": [MOMENT + dt.timedelta(minutes=row) for row in range(ROWS)],
        "price": [decimal.Decimal(row) / 4 for row in range(ROWS)],
    }
).with_columns(sent=pl.col("local").dt.replace_time_zone("UTC").cast(pl.Datetime("ms", "UTC")))


Load = Callable[..., Any]


@pytest.fixture(scope="module")
def load(new_workplace: Callable[[], Workplace]) -> Iterator[Load]:
    """What loads values of a stage, of one column or of all."""
    workplace = new_workplace()
    FRAME.write_parquet(workplace.path / "t.parquet")
    run = workplace.call("run", "t.parquet")
    assert run.status == 0, run.err
    definitions = dataset_definitions(
        {
            "store": str(workplace.store),
            "datasets": {"t": {"source": str(workplace.path / "t.parquet")}},
        }
    )
    with workplace.history() as instance:
        yield lambda stage, kind, column=None: definitions.load_asset_value(
            ["t", stage], python_type=kind, partition_key=column, instance=instance
        )


@pytest.mark.usefixtures("spark")
def test_rows_of_all_columns_are_a_spark_frame_in_their_order(load: Load) -> None:
    frame = load("raw", DataFrame)

    assert isinstance(frame, DataFrame)
    table = frame.toArrow()
    # A moment is the same in whichever time zone Spark shows it.
    sent = table["sent"].cast(pa.timestamp("ms", "UTC"))
    rows = pl.DataFrame(table.set_column(table.column_names.index("sent"), "sent", sent))
    assert rows.to_dict(as_series=False) == FRAME.to_dict(as_series=False)


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("column", [None, "Visit Duration (s).min"])
def test_encoded_rows_are_the_same_in_spark_as_in_polars(load: Load, column: str | None) -> None:
    in_spark = pl.DataFrame(load("transformed", DataFrame, column).toArrow())
    in_polars = load("transformed", pl.DataFrame, column)

    assert in_spark.to_dict(as_series=False) == in_polars.to_dict(as_series=False)


@pytest.mark.usefixtures("spark")
def test_a_model_is_loaded_as_sparks(load: Load) -> None:
    in_spark = load("gmm_model", GaussianMixtureModel, "amount")
    own = load("gmm_model", ColumnModel, "amount")

    assert list(in_spark.weights) == [mode.weight for mode in own.gaussians]


@pytest.mark.usefixtures("spark")
def test_a_model_without_gaussian_modes_is_none_of_sparks(load: Load) -> None:
    with pytest.raises(dg.Failure, match=r"column 'city`s': .* no Gaussian modes.* ColumnModel"):
        load("gmm_model", GaussianMixtureModel, "city`s")


def test_rows_are_not_loaded_as_a_model(load: Load) -> None:
    with pytest.raises(dg.Failure, match="raw cannot be loaded as GaussianMixtureModel"):
        load("raw", GaussianMixtureModel)

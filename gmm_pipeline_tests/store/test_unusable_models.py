"""A model that nobody can have fitted is refused by name; it encodes and decodes nothing."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from workplace import Workplace, flip_a_byte

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import ColumnDataError, StoreError
from gmm_pipeline.store.model_files import MODEL_FILE, read_model, write_model

ROWS = 500
FRAME = pl.DataFrame({"x": np.random.default_rng(0).normal(size=ROWS)})
Document = dict[str, Any]


@pytest.fixture(scope="module")
def encoder() -> TableEncoder:
    return TableEncoder().fit(FRAME)


@pytest.fixture
def stored(encoder: TableEncoder, tmp_path: pathlib.Path) -> pathlib.Path:
    """The file of a model."""
    write_model(tmp_path, encoder._fits["x"].stored)
    return tmp_path / MODEL_FILE


def _negative_std(document: Document) -> None:
    document["gaussians"][0]["std"] *= -1


def _no_std(document: Document) -> None:
    document["gaussians"][0]["std"] = 0


def _text_for_a_mean(document: Document) -> None:
    document["gaussians"][0]["mean"] = "high"


def _too_much_weight(document: Document) -> None:
    document["gaussians"][0]["weight"] = 7.0


def _without_modes(document: Document) -> None:
    document["gaussians"], document["tails"] = [], []


def _without_a_range(document: Document) -> None:
    del document["range"]


def _of_another_coordinate(document: Document) -> None:
    document["coordinate"] = {"type": "polar"}


def _of_a_newer_format(document: Document) -> None:
    document["format"] = 99


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_negative_std, "a standard deviation is -"),
        (_no_std, "a standard deviation is 0"),
        (_text_for_a_mean, "holds no model that can be used"),
        (_too_much_weight, "a weight is 7.0"),
        (_without_modes, "no modes"),
        (_without_a_range, "range"),
        (_of_another_coordinate, "polar"),
        (_of_a_newer_format, "a newer gmm-pipeline wrote"),
    ],
)
def test_a_model_that_no_column_has_is_refused(
    stored: pathlib.Path, change: Callable[[Document], None], says: str
) -> None:
    document = json.loads(stored.read_text())
    change(document)
    stored.write_text(json.dumps(document))

    with pytest.raises(StoreError, match=says) as refused:
        read_model(stored)

    assert MODEL_FILE in str(refused.value)
    assert refused.value.remedy


def test_a_model_is_read_as_long_as_nobody_changes_it(
    stored: pathlib.Path, encoder: TableEncoder
) -> None:
    assert read_model(stored) == encoder._fits["x"].stored


def test_a_damaged_model_is_an_error_and_nothing_is_written(
    workplace: Workplace, encoder: TableEncoder
) -> None:
    FRAME.write_parquet(workplace.path / "t.parquet")
    encoder.save(workplace.store / "t")
    flip_a_byte(next((workplace.store / "t" / "x" / "model").glob("*.json")))

    transformed = workplace.call("transform", "t.parquet", "--fit", "t", "--out", "out.parquet")

    assert transformed.status == 2
    assert "column 'x'" in transformed.err
    assert "is not as it was written" in transformed.err
    assert not (workplace.path / "out.parquet").exists()
    with pytest.raises(StoreError, match="is not as it was written"):
        TableEncoder.load(workplace.store / "t")


@pytest.mark.parametrize("value", [1e30, -9.0])
def test_values_that_no_row_is_encoded_as_are_refused_by_column_and_rows(
    encoder: TableEncoder, value: float
) -> None:
    encoded = encoder.transform(FRAME).collect()
    far = encoded.with_columns(
        pl.when(pl.row_index() < 3)
        .then(value)
        .otherwise("x.value")
        .cast(pl.Float32)
        .alias("x.value")
    )

    with pytest.raises(ColumnDataError, match=r"column 'x': 'x.value' .* beyond ±8 \(3 rows\)"):
        list(encoder.decode_batches(far))


def test_numbers_far_beyond_the_fitted_ones_are_kept_where_that_is_asked_for() -> None:
    encoder = TableEncoder(out_of_range="keep").fit(FRAME)
    far = pl.DataFrame({"x": [1e6, -1e6]})

    encoded = encoder.transform(far).collect()

    assert encoder.inverse_transform(encoded).collect()["x"].to_list() == pytest.approx([1e6, -1e6])

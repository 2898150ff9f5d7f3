import math
import pathlib
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from gmm_pipeline.arrow.model_document import StoredModel
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.decimal_coordinate import DecimalCoordinate
from gmm_pipeline.core.sketch.grid import Grid
from gmm_pipeline.core.sketch.grid_counts import GridCounter, GridCounts
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.lattice_coordinate import LatticeCoordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.core.sketch.sketch import Body, LabelCounts, Sketch, Specials, Tally
from gmm_pipeline.core.sketch.value_counts import ValueCounter
from gmm_pipeline.fits.fitting import fit_modes
from gmm_pipeline.fits.settings import ColumnSettings, validate_settings
from gmm_pipeline.store.model_files import MODEL_FILE, read_model, write_model
from gmm_pipeline.store.ranking_files import RANKING_FILE, read_ranking, write_ranking
from gmm_pipeline.store.sketch_files import SKETCH_FILE, read_sketch, write_sketch
from gmm_pipeline.store.spark_ml import read_gaussian_mixture

SPECIALS = Specials(nulls=3, nans=4, positive_infinities=5, negative_infinities=6)
NULLS = Specials(nulls=3)


def of_values(values: np.ndarray[Any, np.dtype[Any]]) -> Body:
    counter = ValueCounter(values.dtype)
    counter.add(values)
    return counter.counts()


def on_a_grid(values: np.ndarray[Any, np.dtype[Any]], coordinate: Coordinate) -> Body:
    x = coordinate.forward(values)
    counter = GridCounter(Grid.around(np.sort(x), np.ones(x.size)), coordinate, np.sort(values[:2]))
    counter.add(values)
    return counter.counts()


def sketches() -> dict[str, tuple[Sketch, pa.DataType]]:
    rng = np.random.default_rng(3)
    floats = rng.standard_cauchy(20_000) * 0.1
    integers = 2**60 + rng.integers(-(2**45), 2**45, 20_000)
    far = IntegerCoordinate(2**60, -(2**63), 2**63 - 1)
    near = IntegerCoordinate(0, -(2**63), 2**63 - 1)
    dates = IntegerCoordinate(0, -(2**31), 2**31 - 1, 1, 7)
    cents = DecimalCoordinate(2)
    logs = LogCoordinate(cents, 1.0)
    halves = LatticeCoordinate(5.0, 0.0, 10.0)
    inches = LogCoordinate(LatticeCoordinate(1.0, 0.0, 2.54, 24), 0.0)
    prices = np.round(rng.lognormal(5, 1, 20_000), 2)
    real = RealCoordinate()
    labels = Counter(
        {"nan": 1, "inf": 2, "-inf": 3, "None": 4, "": 5, "null": 6, "1": 7, "é\n\0": 8}
    )
    return {
        "floats on a grid": (Sketch(Tally(SPECIALS, on_a_grid(floats, real)), real), pa.float64()),
        "integers on a grid": (Sketch(Tally(NULLS, on_a_grid(integers, far)), far), pa.int64()),
        "prices on a grid": (
            Sketch(Tally(SPECIALS, on_a_grid(prices, cents)), cents),
            pa.float64(),
        ),
        "logarithms of prices": (
            Sketch(Tally(SPECIALS, on_a_grid(prices, logs)), logs),
            pa.float64(),
        ),
        "halves": (Sketch(Tally(NULLS, of_values(np.arange(50) / 2)), halves), pa.float64()),
        "logarithms of inches": (
            Sketch(
                Tally(
                    NULLS,
                    of_values((np.arange(1, 50) / 2.54).astype(np.float32).astype(np.float64)),
                ),
                inches,
            ),
            pa.float32(),
        ),
        "dates": (
            Sketch(Tally(Specials(nulls=1), of_values(7 * np.arange(-50, 900))), dates),
            pa.date32(),
        ),
        "many floats": (Sketch(Tally(SPECIALS, of_values(floats[:100])), real), pa.float64()),
        "many integers": (Sketch(Tally(NULLS, of_values(integers[:100])), far), pa.int64()),
        "few floats": (
            Sketch(Tally(SPECIALS, of_values(np.array([0.1, 5e-324, -1.7e308]))), real),
            pa.float64(),
        ),
        "few integers": (
            Sketch(Tally(NULLS, of_values(np.array([-(2**63), 2**63 - 1]))), near),
            pa.int64(),
        ),
        "no numbers": (
            Sketch(Tally(SPECIALS, of_values(np.array([], np.float64))), real),
            pa.float64(),
        ),
        "text": (Sketch(Tally(Specials(nulls=1), LabelCounts.of(labels)), None), pa.string()),
        "booleans": (
            Sketch(Tally(Specials(), LabelCounts.of(Counter({True: 2, False: 1}))), None),
            pa.bool_(),
        ),
        "unsigned labels": (
            Sketch(
                Tally(Specials(), LabelCounts.of(Counter({0: 1, 2**63: 2, 2**64 - 1: 3}))), None
            ),
            pa.uint64(),
        ),
        "float labels": (
            Sketch(Tally(SPECIALS, LabelCounts.of(Counter({0.1: 1, 1.0: 2}))), None),
            pa.float64(),
        ),
        "nothing but nulls": (
            Sketch(Tally(Specials(nulls=9), LabelCounts.of(Counter())), None),
            pa.null(),
        ),
    }


each_sketch = pytest.mark.parametrize(
    ("sketch", "kind"), sketches().values(), ids=sketches().keys()
)


def same(one: object, other: object) -> bool:
    """Whether two values are the same to the type and the bit; NaN equals NaN."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__
        )
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return type(one) is type(other) and one == other


@each_sketch
def test_a_sketch_is_read_as_it_was_written(
    tmp_path: pathlib.Path, sketch: Sketch, kind: pa.DataType
) -> None:
    del kind
    write_sketch(tmp_path / SKETCH_FILE, sketch)

    assert same(read_sketch(tmp_path / SKETCH_FILE), sketch)
    apart = sketch.numbers.rows if isinstance(sketch.tally.body, GridCounts) else 0
    assert (
        pl.scan_parquet(tmp_path).select("count").collect().sum().item()
        == sketch.tally.body.rows - apart
    )


@each_sketch
def test_a_model_is_read_as_it_was_written(
    tmp_path: pathlib.Path, sketch: Sketch, kind: pa.DataType
) -> None:
    field = pa.field("ä/ö", kind, metadata={"key": "value"})
    stored = StoredModel(fit_modes(sketch, field, ColumnSettings(seed=5)), field)

    write_model(tmp_path, stored)
    read = read_model(tmp_path / MODEL_FILE)

    assert same(read.model, stored.model)
    assert read.field.equals(stored.field, check_metadata=True)


@each_sketch
def test_a_ranking_is_read_as_it_was_written(
    tmp_path: pathlib.Path, sketch: Sketch, kind: pa.DataType
) -> None:
    field = pa.field("x", kind)
    model = fit_modes(sketch, field, ColumnSettings())
    ranking = rank_modes(model, sketch)

    write_ranking(tmp_path, StoredModel(model, field), ranking)

    assert same(read_ranking(tmp_path / RANKING_FILE), ranking)
    table = pl.scan_parquet(tmp_path).collect()
    assert table["rank"].to_list() == list(range(model.n_modes))
    assert table["frequency"].is_sorted(descending=True)
    assert abs(table["frequency"].sum() - 1) < 1e-9


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("text", {"max_categories": 3}),
        ("text", {"max_categories": 3, "rest_value": "other"}),
        (
            "floats on a grid",
            {"kind": "general", "out_of_range": "clip", "unseen": "most_frequent"},
        ),
        ("floats on a grid", {"preset": "ctab-gan+", "value_dtype": "float64"}),
        ("dates", {"atoms": ["1970-01-08"], "mode_choice": "argmax"}),
    ],
)
def test_a_model_is_read_as_it_was_written_whatever_the_settings(
    tmp_path: pathlib.Path, name: str, settings: dict[str, Any]
) -> None:
    sketch, kind = sketches()[name]
    field = pa.field("x", kind)
    model = fit_modes(sketch, field, validate_settings(settings, "x"))

    write_model(tmp_path, StoredModel(model, field))

    assert same(read_model(tmp_path / MODEL_FILE).model, model)


@pytest.mark.parametrize("name", ["floats on a grid", "integers on a grid", "many floats"])
def test_gaussian_modes_are_a_spark_model_as_well(tmp_path: pathlib.Path, name: str) -> None:
    sketch, kind = sketches()[name]
    field = pa.field("x", kind)
    model = fit_modes(sketch, field, ColumnSettings())

    write_model(tmp_path, StoredModel(model, field))

    weights, means, variances = read_gaussian_mixture(tmp_path)
    assert weights.tolist() == [mode.weight for mode in model.gaussians]
    assert means.tolist() == [mode.mean for mode in model.gaussians]
    assert variances.tolist() == [mode.std**2 for mode in model.gaussians]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.dictionary(pa.int8(), pa.string(), ordered=True), pa.float16()]
)
def test_a_model_keeps_the_type_that_its_column_had(
    tmp_path: pathlib.Path, kind: pa.DataType
) -> None:
    model = fit_modes(sketches()["text"][0], pa.field("x", pa.string()), ColumnSettings())

    write_model(tmp_path, StoredModel(model, pa.field("x", kind, nullable=False)))

    assert read_model(tmp_path / MODEL_FILE).field == pa.field("x", kind, nullable=False)

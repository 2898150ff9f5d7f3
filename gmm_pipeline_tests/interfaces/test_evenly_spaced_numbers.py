"""Evenly spaced floating-point numbers come back bit for bit, and generated ones lie between none."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from gmm_pipeline import TableEncoder
from gmm_pipeline.core.sketch.lattice_coordinate import LatticeCoordinate
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.errors import ColumnDataError

RANDOM = np.random.default_rng(0)
BELL = np.rint(60 * RANDOM.normal(size=4000))
COLUMNS: dict[str, tuple[NDArray[Any], float]] = {
    "halves": (BELL / 2, 0.5),
    "halves from a quarter on": (BELL / 2 + 0.25, 0.5),
    "multiples of 50": (BELL * 50.0, 50.0),
    "by 0.05": (BELL * 0.05, 0.05),
    "inches": (BELL / 2.54, 1 / 2.54),
    "inches in float32": ((BELL / 2.54).astype(np.float32), 1 / 2.54),
    "scaled to 0 … 1": ((BELL - BELL.min()) / (BELL.max() - BELL.min()), 0.0),
}
each_column = pytest.mark.parametrize(("rows", "step"), COLUMNS.values(), ids=COLUMNS.keys())


def fitted(rows: NDArray[Any], **settings: Any) -> tuple[TableEncoder, pl.DataFrame]:
    frame = pl.DataFrame({"x": rows})
    return TableEncoder(threads=1, **settings).fit(frame), frame


@each_column
@pytest.mark.parametrize("transform", ["none", "log"])
def test_every_number_comes_back_bit_for_bit(
    rows: NDArray[Any], step: float, transform: str
) -> None:
    del step
    encoder, frame = fitted(rows, transform=transform)
    assert encoder.inverse_transform(encoder.transform(frame)).collect().equals(frame)


@each_column
def test_generated_numbers_lie_on_the_lattice(rows: NDArray[Any], step: float) -> None:
    encoder, _ = fitted(rows)
    generated = pl.DataFrame({"x.value": RANDOM.uniform(-1, 1, 500), "x.rank": [0] * 500})
    decoded = encoder.inverse_transform(generated).collect()["x"].to_numpy()
    k = (decoded - rows[0]) / (step or 1 / (BELL.max() - BELL.min()))
    np.testing.assert_allclose(k, np.rint(k), rtol=0, atol=1e-3)
    assert np.isin(decoded, rows).mean() > 0.7


def test_a_new_number_between_the_steps_is_refused_or_moved_to_the_nearest() -> None:
    new = pl.DataFrame({"x": [0.5, 0.7]})
    with pytest.raises(ColumnDataError, match=r"'x'.*multiples of 0.5.*\(1 row\)"):
        fitted(BELL / 2)[0].transform(new).collect()
    encoder, _ = fitted(BELL / 2, out_of_range="clip")
    assert encoder.inverse_transform(encoder.transform(new)).collect()["x"].to_list() == [0.5, 0.5]


def test_a_number_beside_the_lattice_leaves_the_decimals() -> None:
    rows = np.append(BELL / 2, 0.7)
    encoder, frame = fitted(rows)
    assert not isinstance(encoder.model("x").coordinate, LatticeCoordinate)
    assert encoder.inverse_transform(encoder.transform(frame)).collect().equals(frame)


def test_numbers_of_a_longer_computation_come_back_but_for_its_roundings() -> None:
    rows = (BELL - BELL.mean()) / BELL.std()
    encoder, frame = fitted(rows)
    decoded = encoder.inverse_transform(encoder.transform(frame)).collect()["x"].to_numpy()
    np.testing.assert_allclose(decoded, rows, rtol=0, atol=1e-14)
    generated = pl.DataFrame({"x.value": RANDOM.uniform(-1, 1, 500), "x.rank": [0] * 500})
    k = encoder.inverse_transform(generated).collect()["x"].to_numpy() * BELL.std() + BELL.mean()
    np.testing.assert_allclose(k, np.rint(k), rtol=0, atol=1e-9)


def test_one_dirty_decimal_leaves_the_column_its_grid() -> None:
    rows = RANDOM.lognormal(-2, 1, 5000).round(5)
    rows[7] = 0.07167000000000001
    encoder, frame = fitted(rows)
    decoded = encoder.inverse_transform(encoder.transform(frame)).collect()["x"]
    assert (decoded != frame["x"]).sum() == 1
    assert decoded[7] == pytest.approx(rows[7], rel=1e-15)
    new = pl.DataFrame({"x": [0.1 + 0.2, 0.12345]})
    assert encoder.inverse_transform(encoder.transform(new)).collect()["x"].to_list() == [
        0.3,
        0.12345,
    ]


def test_measurements_have_no_lattice() -> None:
    for rows in (RANDOM.normal(size=4000), RANDOM.random(50), RANDOM.random(4000) * 1e4):
        assert isinstance(fitted(rows)[0].model("x").coordinate, RealCoordinate)

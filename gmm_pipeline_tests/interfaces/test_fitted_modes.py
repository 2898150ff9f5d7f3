"""What the modes of a column are like: as many as it calls for, and none of them a spike."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from gmm_pipeline import TableEncoder
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.fits.fitting import FewerComponentsWarning

RANDOM = np.random.default_rng(0)
BELL = np.rint(60 * RANDOM.normal(size=20_000))
AGES = np.clip(np.rint(RANDOM.gamma(7, 6, 30_000)), 17, 90)


def model_of(rows: NDArray[Any], **settings: Any) -> ColumnModel:
    return TableEncoder(threads=1, **settings).fit(pl.DataFrame({"x": rows})).model("x")


def log_likelihood(model: ColumnModel) -> float:
    assert model.fit is not None
    return model.fit.mean_log_likelihood


@pytest.fixture(scope="module")
def of_integers() -> dict[str, ColumnModel]:
    return {"bell": model_of(BELL.astype(np.int64)), "ages": model_of(AGES.astype(np.int64))}


@pytest.mark.parametrize("column", ["bell", "ages"])
@pytest.mark.parametrize(
    ("form", "scale"),
    [
        (lambda x: x / 2, 2.0),
        (lambda x: x * 0.05, 20.0),
        (lambda x: x * 50.0, 0.02),
        (lambda x: x / 2.54, 2.54),
        (lambda x: (x - 38.5816) / 13.6404, 13.6404),
        (lambda x: (x - 17) / 73, 73.0),
    ],
    ids=["halves", "by 0.05", "by 50", "inches", "standardised", "scaled"],
)
def test_evenly_spaced_numbers_get_the_modes_of_whole_numbers(
    column: str,
    form: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    scale: float,
    of_integers: dict[str, ColumnModel],
) -> None:
    whole, model = of_integers[column], model_of(form(BELL if column == "bell" else AGES))
    assert (len(model.gaussians), len(model.atoms)) == (len(whole.gaussians), len(whole.atoms))
    assert log_likelihood(model) - np.log(scale) == pytest.approx(log_likelihood(whole), abs=1e-3)


def carats() -> NDArray[np.float64]:
    """Sizes of diamonds: cutters stop just above round sizes."""
    spread = np.exp(RANDOM.normal(-0.4, 0.55, 50_000)).clip(0.2, 5).round(2)
    sizes = [0.3, 0.31, 0.5, 0.7, 0.9, 1.0, 1.01, 1.2, 1.5]
    heaped = RANDOM.choice(sizes, 50_000, p=[0.16, 0.12, 0.09, 0.15, 0.08, 0.14, 0.12, 0.06, 0.08])
    return np.where(RANDOM.random(50_000) < 0.45, heaped, spread).round(2)


def test_a_component_that_would_hold_one_value_is_an_atom() -> None:
    model = model_of(carats())
    assert {0.3, 0.31, 0.7, 1.0, 1.01} <= {atom.value for atom in model.atoms}
    assert len(model.atoms) <= 20
    assert min(mode.std for mode in model.gaussians) > 0.01 / np.sqrt(12)


def test_no_gaussian_mode_is_narrower_than_the_step() -> None:
    model = model_of(carats(), kind="continuous")
    assert not model.atoms
    assert min(mode.std for mode in model.gaussians) >= 0.01 / np.sqrt(12) * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_no_mode_collapses_onto_a_value_that_a_few_rows_share_by_chance(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=150).round(6)
    rows[:3] = rows[0]
    model = model_of(rows)
    assert not model.atoms
    assert min(mode.std for mode in model.gaussians) > 1e-3
    assert sum(mode.weight for mode in model.gaussians) == pytest.approx(1, abs=1e-9)


def test_what_is_dropped_from_a_mixture_is_fitted_by_the_rest() -> None:
    rows = np.append(RANDOM.normal(size=3000), [1e9, 1.1e9, 1.2e9])
    model = model_of(rows)
    assert not model.dropped
    assert sum(mode.weight for mode in model.gaussians) == pytest.approx(1, abs=1e-9)
    assert sum(tail.weight for tail in model.tails) >= 3 / rows.size


@pytest.mark.parametrize("method", ["em", "dpgmm"])
def test_the_weights_of_all_modes_sum_to_1(method: str) -> None:
    rows = np.concatenate([RANDOM.normal(size=3000), np.zeros(400), [50.0, 1e6, np.nan]])
    modes = TableEncoder(threads=1, method=method).fit(pl.DataFrame({"x": rows})).modes("x")
    assert set(modes["type"]) == {"gaussian", "tail", "atom"}
    assert modes["weight"].sum() == pytest.approx(1, abs=1e-9)
    assert (modes["weight"] - modes["frequency"]).abs().max() < 0.02


@pytest.mark.parametrize(("rows", "n_components"), [(10_000, 5), (200, 4), (15, 2)])
def test_a_required_number_of_modes_buys_no_spikes(rows: int, n_components: int) -> None:
    sides = RANDOM.choice([-3.0, 3.0], rows)
    values = RANDOM.normal(sides, 1)
    model = model_of(values, n_components=n_components)
    assert len(model.gaussians) == n_components
    assert min(mode.std for mode in model.gaussians) > 1e-3
    assert min(mode.weight for mode in model.gaussians) * rows > 1.5
    assert log_likelihood(model) >= log_likelihood(model_of(values, n_components=1))


def test_modes_that_only_spikes_could_provide_are_missing_with_a_warning() -> None:
    values = RANDOM.normal(size=15)
    with pytest.warns(FewerComponentsWarning, match="'x'.*instead of n_components = 12"):
        model = model_of(values, n_components=12)
    assert min(mode.std for mode in model.gaussians) > 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model_of(values, n_components=2)

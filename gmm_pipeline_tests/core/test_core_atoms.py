"""Which numbers become atoms, and which kind of column that makes."""

import numpy as np
import pytest
from core_evidence import REAL, bits, count_on, fitted, grid_around, sketch_of_values
from numpy.typing import NDArray

from gmm_pipeline.core.modes.atoms import AtomChoice, choose_atoms
from gmm_pipeline.core.modes.modes import AtomMode
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.sketch import Sketch, Specials, Tally

INTEGERS = IntegerCoordinate(0, -(2**63), 2**63 - 1)
NONE = np.empty(0)


def hours_per_week(n: int = 30_000) -> NDArray[np.int64]:
    """Hours of work: spread over 1 … 99, nearly half of them exactly 40."""
    rng = np.random.default_rng(0)
    spread = np.clip(np.rint(rng.normal(38, 12, n)), 1, 99)
    return np.where(rng.random(n) < 0.45, 40, spread).astype(np.int64)


def capital_gain(n: int = 30_000) -> NDArray[np.int64]:
    """Gains: nine of ten are 0, some are capped at 99,999, others range from 100 to over 10,000."""
    rng = np.random.default_rng(1)
    spread = np.rint(np.clip(rng.lognormal(8, 1, n), 100, 50_000))
    return np.where(rng.random(n) < 0.9, 0, np.where(rng.random(n) < 0.15, 99_999, spread)).astype(
        np.int64
    )


def ages(n: int = 30_000) -> NDArray[np.int64]:
    rng = np.random.default_rng(2)
    return np.clip(np.rint(rng.normal(40, 14, n)), 17, 90).astype(np.int64)


def choose(
    rows: NDArray[np.int64] | NDArray[np.float64],
    *,
    max_modes: int = 10,
    declared: list[float] | None = None,
) -> AtomChoice:
    coordinate: Coordinate = INTEGERS if rows.dtype == np.int64 else REAL
    sketch = sketch_of_values(rows, coordinate)
    return choose_atoms(
        sketch, declared=np.array(declared or []), find=True, few=True, max_modes=max_modes
    )


def test_the_usual_hours_of_work_are_a_point_mass() -> None:
    choice = choose(hours_per_week())
    assert choice.values.tolist() == [40]
    assert choice.kind == "mixed"
    assert "point masses" in choice.reason


def test_no_gain_and_the_cut_off_gain_are_point_masses() -> None:
    choice = choose(capital_gain())
    assert choice.values.tolist() == [0, 99_999]
    assert choice.kind == "mixed"


@pytest.mark.parametrize(
    "rows",
    [
        ages(),
        np.random.default_rng(0).poisson(300, 30_000),
        np.random.default_rng(0).geometric(0.1, 30_000),
        np.random.default_rng(0).integers(0, 90, 30_000),
    ],
    ids=["ages", "Poisson", "geometric", "even"],
)
def test_smooth_integers_have_no_point_masses(rows: NDArray[np.int64]) -> None:
    choice = choose(rows)
    assert choice.values.size == 0
    assert choice.kind == "continuous"


def test_a_point_mass_among_too_many_values_to_count_is_found() -> None:
    rng = np.random.default_rng(0)
    numbers = np.where(rng.random(50_000) < 0.02, 0.25, rng.normal(0, 1, 50_000))
    body = count_on(grid_around(numbers), numbers, apart=np.array([0.25]))
    choice = choose_atoms(
        Sketch(Tally(Specials(), body), REAL), declared=NONE, find=True, few=True, max_modes=10
    )
    assert choice.values.tolist() == [0.25]
    assert choice.kind == "mixed"


@pytest.mark.parametrize("share", [0.0005, 0.009])
def test_a_value_with_less_than_one_percent_of_the_rows_is_no_point_mass(share: float) -> None:
    rows = np.append(np.arange(10_000.0) / 7, np.full(int(10_000 * share), 0.5))
    assert choose(rows).values.size == 0


@pytest.mark.parametrize("column", [hours_per_week, capital_gain, ages])
def test_the_order_of_the_rows_does_not_matter(column: object) -> None:
    rows = column() if callable(column) else NONE
    choice = choose(rows)
    for seed in range(3):
        assert bits(choose(np.random.default_rng(seed).permutation(rows))) == bits(choice)


@pytest.mark.parametrize("max_modes", [1, 2, 3, 5])
def test_there_are_at_most_as_many_point_masses_as_modes_and_the_heaviest_are_chosen(
    max_modes: int,
) -> None:
    rng = np.random.default_rng(0)
    masses = np.repeat([100.5, 200.5, 300.5], [2000, 4000, 3000])
    rows = np.concatenate([rng.normal(200, 100, 20_000), masses])
    heaviest = [200.5, 300.5, 100.5]
    assert choose(rows, max_modes=max_modes).values.tolist() == sorted(heaviest[:max_modes])


@pytest.mark.parametrize(
    ("n_values", "rows_per_value", "kind"),
    [
        (10, 1, "categorical"),
        (11, 19, "continuous"),
        (64, 20, "categorical"),
        (65, 1000, "continuous"),
    ],
)
def test_few_values_are_atoms_if_they_hold_enough_rows(
    n_values: int, rows_per_value: int, kind: str
) -> None:
    choice = choose(np.repeat(np.arange(n_values), rows_per_value))
    assert choice.kind == kind
    assert choice.values.size == (n_values if kind == "categorical" else 0)


def test_declared_numbers_are_atoms_whether_rows_hold_them_or_not() -> None:
    rows = np.random.default_rng(0).normal(0, 1, 5000)
    sketch = sketch_of_values(np.append(rows, [-1.0] * 3))
    choice = choose_atoms(
        sketch, declared=np.array([-1.0, 77.0]), find=False, few=True, max_modes=10
    )
    assert choice.values.tolist() == [-1.0, 77.0]
    assert choice.kind == "mixed"
    assert "declared atoms" in choice.reason


def test_declared_numbers_join_those_that_are_found() -> None:
    assert choose(hours_per_week(), declared=[1, 40, 99]).values.tolist() == [1, 40, 99]
    assert choose(hours_per_week(), declared=[50]).values.tolist() == [40, 50]


def test_a_column_of_declared_numbers_alone_is_categorical() -> None:
    sketch = sketch_of_values(np.arange(30.0))
    choice = choose_atoms(sketch, declared=np.arange(40.0), find=False, few=False, max_modes=10)
    assert choice.kind == "categorical"
    assert choice.values.size == 40


def test_a_constant_column_is_an_atom_even_if_none_are_to_be_found() -> None:
    choice = choose_atoms(
        sketch_of_values(np.full(50, 2.5)), declared=NONE, find=False, few=False, max_modes=10
    )
    assert (choice.kind, choice.values.tolist()) == ("categorical", [2.5])


def test_point_masses_take_their_rows_from_the_mixture() -> None:
    rows = hours_per_week()
    sketch = sketch_of_values(rows, INTEGERS)
    model = fitted(sketch)
    share = float(np.mean(rows == 40))
    assert model.kind == "mixed"
    assert model.atoms == (AtomMode(40, share),)
    assert not [mode for mode in model.gaussians if abs(mode.mean - 40) < 1 and mode.std < 1]
    ranking = rank_modes(model, sketch)
    assert (
        ranking.frequencies[np.flatnonzero(ranking.mode_of_rank == model.n_continuous)[0]] == share
    )
    assert ranking.frequencies.sum() == pytest.approx(1, abs=1e-9)

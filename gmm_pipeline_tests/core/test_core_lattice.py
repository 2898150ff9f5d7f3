"""The step of evenly spaced numbers is learned from the numbers alone."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gmm_pipeline.core.sketch.lattice import learned_step

AGES = np.setdiff1d(np.arange(17, 91), [85, 86, 88])
FORMS: dict[str, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], float]] = {
    "whole": (lambda x: x, 1),
    "halves": (lambda x: x / 2, 0.5),
    "tenths": (lambda x: x / 10, 0.1),
    "by 0.05": (lambda x: x * 0.05, 0.05),
    "by 50": (lambda x: x * 50.0, 50),
    "inches": (lambda x: x / 2.54, 1 / 2.54),
    "standardised": (lambda x: (x - 38.58) / 13.64, 1 / 13.64),
    "scaled to 0 … 1": (lambda x: (x - 17) / 73, 1 / 73),
    "far away": (lambda x: 1e6 + x / 8, 1 / 8),
    "float32": (lambda x: (x / 2.54).astype(np.float32).astype(np.float64), 1 / 2.54),
    "tiny": (lambda x: x * 1e-200, 1e-200),
}


@pytest.mark.parametrize(("form", "step"), FORMS.values(), ids=FORMS.keys())
def test_the_step_of_a_lattice_is_learned(
    form: Callable[[NDArray[np.float64]], NDArray[np.float64]], step: float
) -> None:
    assert learned_step(form(AGES.astype(np.float64))) == pytest.approx(step, rel=1e-6)


def test_the_step_of_whole_numbers_is_learned() -> None:
    assert learned_step(AGES * 7) == 7.0
    assert learned_step(AGES * 10**15) == 1e15


def test_numbers_beside_the_lattice_do_not_hide_it() -> None:
    halves = np.arange(200) / 2
    dirty = np.union1d(halves, [np.nextafter(30.5, 31), 41.2, 77.77, 1e6])
    assert learned_step(dirty) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("every_other", [2, 3])
def test_a_lattice_of_which_few_values_are_neighbours_is_found(every_other: int) -> None:
    numbers = np.union1d(np.arange(0, 300, every_other), np.arange(0, 300, 7)) * 0.3
    assert learned_step(numbers) == pytest.approx(0.3, rel=1e-9)


def test_measurements_lie_on_no_lattice() -> None:
    rng = np.random.default_rng(0)
    for rows in (rng.normal(size=5000), rng.lognormal(size=100), rng.random(50) ** 9):
        assert learned_step(np.unique(rows)) == 0
    assert learned_step(np.unique(rng.normal(size=5000).astype(np.float32).astype(float))) == 0


def test_a_handful_of_numbers_makes_no_lattice() -> None:
    assert learned_step(np.arange(31) / 2) == 0
    assert learned_step(np.arange(0.0)) == 0

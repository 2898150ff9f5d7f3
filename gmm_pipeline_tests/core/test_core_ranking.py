import math
from collections import Counter

import numpy as np
import pytest
from core_evidence import REAL, bits, fitted, model_of, sketch_of_values, sketch_on_grid
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.coding.row_codec import RowCodec
from gmm_pipeline.core.modes.column_model import EncodingRules, ModeChoice
from gmm_pipeline.core.modes.modes import AtomMode
from gmm_pipeline.core.modes.ranking import Ranking, rank_modes
from gmm_pipeline.core.sketch.sketch import LabelCounts, Sketch, Specials, Tally

SEEDS = st.integers(0, 2**32 - 1)
ROWS = 1_000_000
N_NULLS = 150_000


def continuous_rows(n: int = ROWS - N_NULLS) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    component = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
    means, stds = np.array([0.0, 2.0, 10.0, -5.0]), np.array([1.0, 0.7, 3.0, 0.2])
    return rng.normal(means[component], stds[component])


def assert_is_ranking(ranking: Ranking, n_modes: int) -> None:
    assert sorted(ranking.mode_of_rank.tolist()) == list(range(n_modes))
    assert (np.diff(ranking.frequencies) <= 0).all()
    assert (ranking.frequencies >= 0).all()
    assert ranking.frequencies.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("mode_choice", ["sample", "argmax"])
def test_modes_occur_as_often_as_their_ranks_say(mode_choice: ModeChoice) -> None:
    rows = continuous_rows()
    sketch = sketch_on_grid(rows, Specials(nulls=N_NULLS))
    model = fitted(sketch, max_modes=6, rules=EncodingRules(mode_choice=mode_choice))
    ranking = rank_modes(model, sketch)
    assert_is_ranking(ranking, model.n_modes)
    x = np.append(rows, np.zeros(N_NULLS))
    atoms = np.repeat(np.array([-1, 0], dtype=np.int32), [rows.size, N_NULLS])
    _, rank = RowCodec(model, ranking.mode_of_rank).encode(x, atoms, 0)
    observed = np.bincount(rank, minlength=model.n_modes)
    # Draws of different rows are independent, so no count varies more than a binomial one. What
    # argmax leaves to chance is which side of a boundary a row of the boundary's own cell lies on.
    sigma = np.sqrt(ROWS * ranking.frequencies * (1 - ranking.frequencies))
    assert (np.abs(observed - ROWS * ranking.frequencies) < 4 * sigma + 1).all()
    null_rank = int(np.flatnonzero(ranking.mode_of_rank == model.n_continuous)[0])
    assert observed[null_rank] == N_NULLS
    assert ranking.frequencies[null_rank] == N_NULLS / ROWS


@settings(max_examples=30)
@given(SEEDS, st.sampled_from(["sample", "argmax"]))
def test_ranks_are_sorted_by_expected_frequency(seed: int, mode_choice: ModeChoice) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    weights = rng.dirichlet(np.ones(n))
    parameters = zip(
        weights.tolist(),
        rng.normal(0, 10, n).tolist(),
        rng.uniform(0.1, 5, n).tolist(),
        strict=True,
    )
    model = model_of(list(parameters), (AtomMode(None, 0.25),), mode_choice=mode_choice)
    sketch = sketch_of_values(rng.normal(0, 10, 300), specials=Specials(nulls=100))
    assert_is_ranking(rank_modes(model, sketch), n + 1)


def test_modes_of_equal_frequency_keep_their_order() -> None:
    model = model_of([(0.5, -3.0, 1.0), (0.5, 3.0, 1.0)], (AtomMode(None, 0.5),))
    ranking = rank_modes(model, sketch_of_values(np.array([-3.0, 3.0]), specials=Specials(nulls=2)))
    assert ranking.mode_of_rank.tolist() == [2, 0, 1]
    assert ranking.frequencies == pytest.approx([0.5, 0.25, 0.25], abs=1e-5)


def test_the_expected_frequencies_follow_from_the_responsibilities() -> None:
    model = model_of([(0.7, 0.0, 1.0), (0.3, 2.0, 1.0)])
    rows = np.array([0.0, 0.0, 1.0, 2.0])
    expected = model.mixture().responsibilities(rows).mean(axis=0)
    ranking = rank_modes(model, sketch_of_values(rows))
    assert ranking.mode_of_rank.tolist() == [0, 1]
    np.testing.assert_allclose(ranking.frequencies, expected, rtol=0, atol=1e-12)


def test_categories_are_ranked_by_their_rows() -> None:
    counts = Counter({"Oslo": 3, "Bern": 5, "Rome": 1, "Bonn": 5})
    sketch = Sketch(Tally(Specials(nulls=2), LabelCounts.of(counts)), None)
    model = fitted(sketch)
    ranking = rank_modes(model, sketch)
    assert [model.atoms[mode].value for mode in ranking.mode_of_rank] == [
        "Bern",
        "Bonn",
        "Oslo",
        None,
        "Rome",
    ]
    np.testing.assert_allclose(ranking.frequencies, np.array([5, 5, 3, 2, 1]) / 16, rtol=1e-15)


def test_nulls_nan_and_infinities_are_atoms() -> None:
    specials = Specials(nulls=4, nans=3, positive_infinities=2, negative_infinities=1)
    sketch = sketch_on_grid(continuous_rows(1000), specials)
    model = fitted(sketch, max_modes=2)
    values = [atom.value for atom in model.atoms]
    assert values[0] is None
    assert isinstance(values[1], float)
    assert math.isnan(values[1])
    assert values[2:] == [math.inf, -math.inf]
    assert [atom.weight for atom in model.atoms] == [4 / 1010, 3 / 1010, 2 / 1010, 1 / 1010]
    assert_is_ranking(rank_modes(model, sketch), model.n_modes)


def test_few_distinct_numbers_become_atoms() -> None:
    sketch = sketch_of_values(np.array([3.0, 1.0, 3.0, 2.0]))
    model = fitted(sketch, max_modes=3)
    assert model.kind == "categorical"
    assert model.atoms == (AtomMode(1.0, 0.25), AtomMode(2.0, 0.25), AtomMode(3.0, 0.5))
    assert model.fit is None


def test_many_distinct_numbers_become_gaussian_modes() -> None:
    model = fitted(sketch_on_grid(continuous_rows(20_000)), max_modes=5)
    assert model.kind == "continuous"
    assert 1 <= len(model.gaussians) <= 5
    assert sum(mode.weight for mode in model.gaussians) == pytest.approx(1, abs=1e-12)
    assert [mode.mean for mode in model.gaussians] == sorted(mode.mean for mode in model.gaussians)
    assert model.fit is not None
    assert model.coordinate == REAL


def test_a_column_of_nulls_alone_has_one_mode() -> None:
    sketch = sketch_of_values(np.empty(0), specials=Specials(nulls=7))
    model = fitted(sketch)
    assert model.atoms == (AtomMode(None, 1.0),)
    assert rank_modes(model, sketch).frequencies.tolist() == [1.0]


def test_the_same_sketch_gives_the_same_model_and_ranks() -> None:
    sketch = sketch_on_grid(continuous_rows(20_000), Specials(nulls=100))
    first, second = (fitted(sketch, max_modes=4) for _ in range(2))
    assert bits(first) == bits(second)
    assert bits(rank_modes(first, sketch)) == bits(rank_modes(second, sketch))

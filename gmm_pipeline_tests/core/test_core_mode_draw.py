"""Statistical tests of the draw: at chosen x, modes occur as often as their probabilities say."""

import numpy as np
import pytest
from core_evidence import chi_square, chi_square_bound, model_of
from numpy.typing import NDArray

from gmm_pipeline.core.coding.row_codec import RowCodec
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.mode_table import mode_probabilities, mode_table

# Weight, mean, std. Which of them reach a value differs along the line.
GAUSSIANS = [(0.4, 0.0, 1.0), (0.3, 2.0, 0.5), (0.2, 1.0, 5.0), (0.1, -3.0, 2.0)]
ROWS = 40_000
SHARED = [-4.5, -1.5, 0.0, 1.0, 1.7, 3.0, 3.9]


def probabilities(model: ColumnModel, x: float) -> NDArray[np.float64]:
    table = mode_table(model)
    out = np.empty(table.means.size)
    total = mode_probabilities(x, table, out)
    return out[: table.n_gaussians] / total


def codec_of(model: ColumnModel) -> RowCodec:
    return RowCodec(model, np.arange(model.n_modes))


def drawn_modes(codec: RowCodec, x: NDArray[np.float64], first_row: int) -> NDArray[np.uint8]:
    return codec.encode(x, np.full(x.size, -1, dtype=np.int32), first_row)[1].astype(np.uint8)


def assert_frequencies(modes: NDArray[np.uint8], chances: NDArray[np.float64]) -> None:
    """Compare how often modes occur with their chances; a fixed bound, exceeded once in a million
    times.
    """
    observed = np.bincount(modes, minlength=chances.size)
    assert observed[chances == 0].sum() == 0
    expected = modes.size * chances
    frequent = expected >= 5
    assert frequent.sum() >= 2
    grouped = np.append(observed[frequent], observed[~frequent].sum())
    awaited = np.append(expected[frequent], expected[~frequent].sum())
    grouped, awaited = grouped[awaited > 0], awaited[awaited > 0]
    assert chi_square(grouped, np.maximum(awaited, 1.0)) < chi_square_bound(grouped.size - 1)


@pytest.mark.parametrize("x", SHARED)
@pytest.mark.parametrize(
    ("column", "seed"), [("amount", 0), ("amount", 1), ("price", 0), ("", 2**40)]
)
@pytest.mark.parametrize("first_row", [0, 10**12])
def test_the_modes_of_consecutive_rows_are_drawn_by_their_probabilities(
    x: float, column: str, seed: int, first_row: int
) -> None:
    model = model_of(GAUSSIANS, column=column, seed=seed)
    assert_frequencies(
        drawn_modes(codec_of(model), np.full(ROWS, x), first_row), probabilities(model, x)
    )


@pytest.mark.parametrize("x", SHARED)
@pytest.mark.parametrize("stride", [2, 7, 1 << 10])
def test_the_modes_of_rows_far_apart_are_drawn_by_their_probabilities(
    x: float, stride: int
) -> None:
    model = model_of(GAUSSIANS)
    codec = codec_of(model)
    modes = np.concatenate([drawn_modes(codec, np.array([x]), row * stride) for row in range(4000)])
    assert_frequencies(modes, probabilities(model, x))


def test_a_value_among_others_is_drawn_by_its_own_probabilities() -> None:
    model = model_of(GAUSSIANS)
    x = np.random.default_rng(0).choice(SHARED, 7 * ROWS)
    modes = drawn_modes(codec_of(model), x, 0)
    for value in SHARED:
        assert_frequencies(modes[x == value], probabilities(model, value))


def test_the_probabilities_are_the_responsibilities_among_the_modes_that_reach() -> None:
    model = model_of(GAUSSIANS)
    mixture = model.mixture()
    for x in SHARED:
        reaching = np.abs(x - mixture.means) <= 0.99 * 4 * mixture.stds
        expected = mixture.responsibilities(np.array([x]))[0] * reaching
        assert probabilities(model, x) == pytest.approx(expected / expected.sum(), rel=1e-12)
    assert len({tuple(np.abs(x - mixture.means) <= 0.99 * 4 * mixture.stds) for x in SHARED}) > 2


@pytest.mark.parametrize("x", SHARED)
def test_neighbouring_rows_are_drawn_independently(x: float) -> None:
    model = model_of(GAUSSIANS)
    modes = drawn_modes(codec_of(model), np.full(2 * ROWS, x), 0).reshape(-1, 2)
    chances = probabilities(model, x)
    pairs = modes[:, 0].astype(np.int64) * chances.size + modes[:, 1]
    assert_frequencies(pairs.astype(np.uint8), np.outer(chances, chances).ravel())


@pytest.mark.parametrize(
    ("one", "other"),
    [(("amount", 0), ("amount", 1)), (("amount", 0), ("price", 0)), (("a", 1), ("b", 2))],
)
def test_columns_and_seeds_are_drawn_independently(
    one: tuple[str, int], other: tuple[str, int]
) -> None:
    x = 1.0
    first, second = (
        drawn_modes(codec_of(model_of(GAUSSIANS, column=column, seed=seed)), np.full(ROWS, x), 0)
        for column, seed in (one, other)
    )
    chances = probabilities(model_of(GAUSSIANS), x)
    assert_frequencies(first * chances.size + second, np.outer(chances, chances).ravel())

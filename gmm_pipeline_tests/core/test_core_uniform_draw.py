import numpy as np
import pytest
from core_evidence import bits, chi_square, chi_square_bound, pieces
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.core.uniform_draw import DrawKey, uniforms

ROWS = 1_000_000
AMOUNT = DrawKey.of(0, "amount")
COLUMNS = st.text(st.characters(), max_size=20)  # lone surrogates included


@given(st.integers(), COLUMNS, st.integers(0, 2**62), st.integers(0, 200), st.integers(0, 2**32))
def test_a_draw_depends_on_seed_column_and_row_alone(
    seed: int, column: str, first: int, rows: int, cuts: int
) -> None:
    whole = uniforms(DrawKey.of(seed, column), first, rows)
    numbers = first + np.arange(rows)
    parts = [
        uniforms(DrawKey.of(seed, column), int(part[0]), part.size)
        for part in pieces(numbers, np.random.default_rng(cuts))
        if part.size
    ]
    assert bits(np.concatenate([np.empty(0), *parts])) == bits(whole)


@given(st.integers(), COLUMNS, st.integers(0, 2**62))
def test_a_draw_is_at_least_0_and_below_1(seed: int, column: str, row: int) -> None:
    draws = uniforms(DrawKey.of(seed, column), row, 100)
    assert ((draws >= 0) & (draws < 1)).all()


def test_draws_stay_the_same_in_every_release() -> None:
    # Stored results are only repeated if they do.
    draws = [uniforms(AMOUNT, row, 1)[0].hex() for row in (0, 1, 10**12)]
    assert draws == ["0x1.fb20ed9894dbdp-1", "0x1.a6f32f4980738p-3", "0x1.153cdb3f9f4b4p-2"]


def test_draws_are_spread_evenly() -> None:
    cells = 1024
    observed = np.bincount((uniforms(AMOUNT, 0, ROWS) * cells).astype(int), minlength=cells)
    statistic = chi_square(observed, np.full(cells, ROWS / cells))
    assert cells - 5 * np.sqrt(2 * cells) < statistic < chi_square_bound(cells - 1)


def test_neighbouring_draws_are_spread_evenly_over_the_square() -> None:
    cells = 32
    draws = (uniforms(AMOUNT, 0, 2 * ROWS) * cells).astype(int).reshape(-1, 2)
    observed = np.bincount(draws[:, 0] * cells + draws[:, 1], minlength=cells**2)
    assert chi_square(observed, np.full(cells**2, ROWS / cells**2)) < chi_square_bound(cells**2 - 1)


def test_every_one_of_53_bits_of_a_draw_is_set_half_of_the_time() -> None:
    integers = np.ldexp(uniforms(AMOUNT, 0, ROWS), 53).astype(np.int64)
    shares = np.array([np.count_nonzero(integers >> bit & 1) for bit in range(53)]) / ROWS
    assert np.abs(shares - 0.5).max() < 5 * 0.5 / np.sqrt(ROWS)


@pytest.mark.parametrize(
    ("key", "first_row"),
    [
        pytest.param(DrawKey.of(1, "amount"), 0, id="another seed"),
        pytest.param(DrawKey.of(-1, "amount"), 0, id="a negative seed"),
        pytest.param(DrawKey.of(0, "amounts"), 0, id="another column"),
        pytest.param(DrawKey.of(0, ""), 0, id="a column without a name"),
        pytest.param(AMOUNT, 1, id="the next row"),
        pytest.param(AMOUNT, ROWS, id="later rows"),
        pytest.param(AMOUNT, 1 << 32, id="rows 2**32 on"),
    ],
)
def test_other_draws_are_uncorrelated(key: DrawKey, first_row: int) -> None:
    correlation = np.corrcoef(uniforms(AMOUNT, 0, ROWS), uniforms(key, first_row, ROWS))[0, 1]
    assert abs(correlation) < 5 / np.sqrt(ROWS)


@given(st.tuples(st.integers(), COLUMNS), st.tuples(st.integers(), COLUMNS))
def test_no_two_columns_or_seeds_share_a_key(one: tuple[int, str], other: tuple[int, str]) -> None:
    assert (DrawKey.of(*one) == DrawKey.of(*other)) == (one == other)

import numpy as np
import pytest
from core_evidence import bits, chi_square, chi_square_bound, model_of, pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.coding.row_codec import RowCodec, rank_dtype
from gmm_pipeline.core.modes.column_model import ColumnModel, ValueDtype
from gmm_pipeline.core.modes.modes import BOUND, REACH, AtomMode

SEEDS = st.integers(0, 2**32 - 1)
# Weight, mean, std. At 1 all of the first three reach; at 30 only the widest does; none reaches
# 1000.
GAUSSIANS = [(0.5, 0.0, 1.0), (0.3, 2.0, 0.5), (0.15, 1.0, 10.0), (0.05, -8.0, 2.0)]
ATOMS = (AtomMode(None, 0.1), AtomMode(0.0, 0.2))


def codec_of(model: ColumnModel) -> RowCodec:
    """Return a codec whose ranks differ from the numbers of its modes."""
    return RowCodec(model, np.roll(np.arange(model.n_modes), 2))


def modes(model: ColumnModel, rank: NDArray[np.unsignedinteger]) -> NDArray[np.int64]:
    return np.roll(np.arange(model.n_modes), 2)[rank]


def no_atoms(n: int) -> NDArray[np.int32]:
    return np.full(n, -1, dtype=np.int32)


def random_rows(seed: int, n: int = 300) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    rng = np.random.default_rng(seed)
    x = rng.standard_t(1, n) * 10.0 ** rng.integers(-2, 4, n)
    return x, np.where(rng.random(n) < 0.2, rng.integers(0, len(ATOMS), n), -1).astype(np.int32)


def restricted_responsibilities(model: ColumnModel, x: float) -> NDArray[np.float64]:
    """Return the posterior probabilities at x among the modes that reach it, else among all."""
    mixture = model.mixture()
    reaching = np.abs(x - mixture.means) <= REACH * 4 * mixture.stds
    chances = mixture.responsibilities(np.array([x]))[0] * (reaching | ~reaching.any())
    return np.asarray(chances / chances.sum())


@pytest.mark.parametrize("x", [0.0, 1.0, 1.9, 3.7, -4.5, 30.0, 1000.0])
def test_a_value_that_repeats_gets_its_modes_as_often_as_they_are_responsible(x: float) -> None:
    model = model_of(GAUSSIANS, ATOMS)
    rows = 200_000
    _, rank = codec_of(model).encode(np.full(rows, x), no_atoms(rows), 0)
    observed = np.bincount(modes(model, rank), minlength=model.n_modes)
    chances = np.append(restricted_responsibilities(model, x), [0.0, 0.0])
    assert observed.sum() == observed[chances > 0].sum()
    frequent = chances * rows >= 5
    rare = ~frequent & (chances > 0)
    expected = (
        rows * np.append(chances[frequent], chances[rare].sum())[: frequent.sum() + rare.any()]
    )
    grouped = np.append(observed[frequent], observed[rare].sum())[: expected.size]
    assert chi_square(grouped, np.maximum(expected, 1.0)) < chi_square_bound(
        max(expected.size - 1, 1)
    )


def test_only_modes_that_reach_a_value_are_chosen() -> None:
    model = model_of(GAUSSIANS)
    x, _ = random_rows(0, 50_000)
    value, _ = codec_of(model).encode(x, no_atoms(x.size), 0)
    stds = np.array([std for _, _, std in GAUSSIANS])
    means = np.array([mean for _, mean, _ in GAUSSIANS])
    reached = (np.abs(x[:, np.newaxis] - means) <= REACH * 4 * stds).any(axis=1)
    assert 0 < np.count_nonzero(~reached) < x.size
    assert (np.abs(value[reached]) <= REACH).all()
    assert (np.abs(value[~reached]) > REACH).all()


@pytest.mark.parametrize("mode_choice", ["sample", "argmax"])
@given(SEEDS, st.integers(0, 2**40))
def test_encoding_does_not_depend_on_chunks(mode_choice: str, seed: int, first_row: int) -> None:
    codec = codec_of(model_of(GAUSSIANS, ATOMS, mode_choice=mode_choice))
    x, atoms = random_rows(seed)
    whole = codec.encode(x, atoms, first_row)
    numbers = np.arange(x.size)
    parts = [
        codec.encode(x[part], atoms[part], first_row + int(part[0]))
        for part in pieces(numbers, np.random.default_rng(seed))
        if part.size
    ]
    assert bits([np.concatenate([part[field] for part in parts]) for field in (0, 1)]) == bits(
        whole
    )


@pytest.mark.parametrize("mode_choice", ["sample", "argmax"])
@given(SEEDS)
def test_rows_that_are_no_atoms_are_encoded_alike_with_and_without_atoms_around(
    mode_choice: str, seed: int
) -> None:
    codec = codec_of(model_of(GAUSSIANS, ATOMS, mode_choice=mode_choice))
    x, atoms = random_rows(seed)
    free = atoms < 0
    mixed, alone, untold = (
        codec.encode(x, a, 0) for a in (atoms, no_atoms(x.size), np.empty(0, dtype=np.int32))
    )
    assert bits(untold) == bits(alone)
    assert bits([field[free] for field in mixed]) == bits([field[free] for field in alone])


def test_the_seed_and_the_column_decide_the_draws() -> None:
    x = np.full(1000, 1.0)

    def ranks(seed: int, column: str) -> NDArray[np.unsignedinteger]:
        return codec_of(model_of(GAUSSIANS, seed=seed, column=column)).encode(
            x, no_atoms(x.size), 0
        )[1]

    assert bits(ranks(0, "amount")) == bits(ranks(0, "amount"))
    assert bits(ranks(1, "amount")) != bits(ranks(0, "amount"))
    assert bits(ranks(0, "price")) != bits(ranks(0, "amount"))


PARAMETERS = st.lists(
    st.tuples(
        st.floats(0.01, 1), st.floats(-100, 100), st.floats(-3, 3).map(lambda power: 10**power)
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("mode_choice", ["sample", "argmax"])
@settings(max_examples=200)
@given(PARAMETERS, st.lists(st.floats(-1e9, 1e9) | st.floats(-100, 100), min_size=1))
def test_decoding_inverts_encoding(
    mode_choice: str, gaussians: list[tuple[float, float, float]], rows: list[float]
) -> None:
    model = model_of(gaussians, mode_choice=mode_choice)
    codec = codec_of(model)
    x = np.array(rows)
    value, rank = codec.encode(x, no_atoms(x.size), 0)
    decoded, atoms = codec.decode(value, rank)
    mean = model.mixture().means[modes(model, rank)]
    # To the precision of the value, and of the number itself beside its mean.
    tolerance = 1e-12 * codec.half_width_of_rank[rank] + 4 * np.spacing(
        np.maximum(np.abs(x), np.abs(mean))
    )
    assert (np.abs(decoded - x) <= tolerance).all()
    assert (atoms == -1).all()


@settings(max_examples=200)
@given(PARAMETERS, SEEDS)
def test_decoding_inverts_encoding_in_float32_to_its_precision(
    gaussians: list[tuple[float, float, float]], seed: int
) -> None:
    model = model_of(gaussians, value_dtype="float32")
    codec = codec_of(model)
    mixture = model.mixture()
    rng = np.random.default_rng(seed)
    component = rng.integers(0, mixture.n_components, 100)
    x = mixture.means[component] + 4 * mixture.stds[component] * rng.uniform(-1, 1, 100)
    value, rank = codec.encode(x, no_atoms(x.size), 0)
    decoded, _ = codec.decode(value, rank)
    assert value.dtype == np.float32
    within = np.abs(value) <= 1
    assert within.any()
    # A mean far larger than its std has few digits left for the distance from it, whatever the
    # dtype.
    digits = 4 * np.spacing(np.abs(mixture.means[modes(model, rank)]))
    assert (
        np.abs(decoded - x)[within] <= (2.0**-22 * codec.half_width_of_rank[rank] + digits)[within]
    ).all()


@given(SEEDS)
def test_atoms_come_back_exactly(seed: int) -> None:
    model = model_of(GAUSSIANS, ATOMS)
    codec = codec_of(model)
    x, atoms = random_rows(seed)
    value, rank = codec.encode(x, atoms, 0)
    assert (value[atoms >= 0] == 0).all()
    assert (modes(model, rank[atoms >= 0]) == len(GAUSSIANS) + atoms[atoms >= 0]).all()
    decoded, decoded_atoms = codec.decode(value, rank)
    assert bits(decoded_atoms) == bits(atoms)
    assert (decoded[atoms >= 0] == 0).all()


def test_the_coordinate_of_an_atom_is_not_read() -> None:
    codec = codec_of(model_of(GAUSSIANS, ATOMS))
    value, rank = codec.encode(np.array([np.nan, np.inf]), np.array([0, 1], dtype=np.int32), 0)
    other = codec.encode(np.zeros(2), np.array([0, 1], dtype=np.int32), 0)
    assert bits([value, rank]) == bits(other)


def test_a_column_of_atoms_alone_is_encoded() -> None:
    codec = codec_of(model_of([], tuple(AtomMode(f"city {number}", 0.2) for number in range(5))))
    atoms = np.array([4, 0, 2, 2, 1], dtype=np.int32)
    value, rank = codec.encode(np.zeros(5), atoms, 0)
    assert len(set(rank.tolist())) == 4
    assert codec.decode(value, rank)[1].tolist() == atoms.tolist()
    assert codec.half_width_of_rank.tolist() == [0.0] * 5


def test_argmax_picks_the_most_probable_mode_that_reaches() -> None:
    model = model_of(GAUSSIANS, mode_choice="argmax")
    x = np.linspace(-100, 100, 4001)
    _, rank = codec_of(model).encode(x, no_atoms(x.size), 0)
    chances = np.array([restricted_responsibilities(model, position) for position in x])
    chosen = chances[np.arange(x.size), modes(model, rank)]
    assert (chosen >= chances.max(axis=1) - 1e-12).all()
    assert np.unique(rank).size == len(GAUSSIANS)


def test_argmax_does_not_draw() -> None:
    codec = codec_of(model_of(GAUSSIANS, mode_choice="argmax"))
    x, _ = random_rows(0)
    assert bits(codec.encode(x, no_atoms(x.size), 10**9)) == bits(
        codec.encode(x, no_atoms(x.size), 0)
    )


@pytest.mark.parametrize("value_dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode_choice", ["sample", "argmax"])
def test_clipped_extremes_stay_within_reach(mode_choice: str, value_dtype: ValueDtype) -> None:
    x, _ = random_rows(0, 10_000)
    model = model_of(GAUSSIANS, mode_choice=mode_choice, value_dtype=value_dtype, extremes="clip")
    value, rank = codec_of(model).encode(x, no_atoms(x.size), 0)
    mixture, chosen = model.mixture(), modes(model, rank)
    unclipped = (x - mixture.means[chosen]) / (4 * mixture.stds[chosen])
    bound = np.dtype(value_dtype).type(BOUND)
    assert np.abs(unclipped).max() > 10
    assert np.abs(value).max() == bound
    assert bits(value) == bits(np.clip(unclipped, -BOUND, BOUND).astype(value_dtype))


@pytest.mark.parametrize("x", [0.0, 3.7, 4.5, 5.0, -16.0])
def test_with_clipping_a_mode_may_take_what_it_does_not_reach(x: float) -> None:
    model = model_of(GAUSSIANS, extremes="clip")
    rows = 200_000
    _, rank = codec_of(model).encode(np.full(rows, x), no_atoms(rows), 0)
    observed = np.bincount(modes(model, rank), minlength=model.n_modes)
    expected = rows * model.mixture().responsibilities(np.array([x]))[0]
    enough = expected >= 5
    assert enough.sum() >= 2
    assert chi_square(observed[enough], expected[enough]) < chi_square_bound(int(enough.sum()))


def test_a_floor_is_added_to_the_probability_of_every_mode() -> None:
    floor = 0.01
    model = model_of([(0.5, 0.0, 1.0), (0.5, 100.0, 1.0)], extremes="clip", probability_floor=floor)
    rows = 200_000
    _, rank = codec_of(model).encode(np.zeros(rows), no_atoms(rows), 0)
    observed = np.bincount(modes(model, rank), minlength=2)
    assert chi_square(
        observed, rows * np.array([1 + floor, floor]) / (1 + 2 * floor)
    ) < chi_square_bound(1)


def test_a_dropped_component_takes_no_rows_though_it_counts_beside_a_floor() -> None:
    floor = 0.01
    model = model_of(
        [(0.25, 0.0, 1.0), (0.25, 2.0, 1.0)],
        dropped=[(0.5, 1.0, 1.0)],
        extremes="clip",
        probability_floor=floor,
    )
    rows = 200_000
    _, rank = codec_of(model).encode(np.zeros(rows), no_atoms(rows), 0)
    observed = np.bincount(modes(model, rank), minlength=2)
    densities = np.array([0.25, 0.25 * np.exp(-2.0), 0.5 * np.exp(-0.5)])
    chances = (densities / densities.sum())[:2] + floor
    assert observed.sum() == rows
    assert chi_square(observed, rows * chances / chances.sum()) < chi_square_bound(1)


@pytest.mark.parametrize("x", [1e9, -1e9, 1e100, 1e200, -1e300])
def test_a_value_that_no_mode_reaches_comes_back_all_the_same(x: float) -> None:
    codec = codec_of(model_of(GAUSSIANS))
    value, rank = codec.encode(np.array([x]), no_atoms(1), 0)
    assert codec.decode(value, rank)[0][0] == pytest.approx(x, rel=1e-15)


@pytest.mark.parametrize("mode_choice", ["sample", "argmax"])
@pytest.mark.parametrize("x", [1e3, -1e3, 1e9, 1e100, 1e200, -1e300])
def test_a_value_that_no_mode_reaches_goes_to_the_nearest_mode(x: float, mode_choice: str) -> None:
    model = model_of(GAUSSIANS, mode_choice=mode_choice)
    _, rank = codec_of(model).encode(np.array([x]), no_atoms(1), 0)
    assert modes(model, rank).tolist() == [2]  # by far the widest


def test_a_mode_without_weight_is_never_chosen() -> None:
    model = model_of([(0.0, 0.0, 1.0), (1.0, 3.0, 2.0)])
    _, rank = codec_of(model).encode(np.full(1000, 0.0), no_atoms(1000), 0)
    assert set(modes(model, rank).tolist()) == {1}


@pytest.mark.parametrize(
    ("n_modes", "dtype"),
    [(1, np.uint8), (256, np.uint8), (257, np.uint16), (65_536, np.uint16), (65_537, np.uint32)],
)
def test_ranks_have_the_narrowest_dtype_that_holds_them(n_modes: int, dtype: type) -> None:
    assert rank_dtype(n_modes) == dtype
    assert n_modes - 1 <= np.iinfo(rank_dtype(n_modes)).max


@pytest.mark.parametrize("value_dtype", ["float32", "float64"])
def test_rows_have_the_dtypes_of_the_codec(value_dtype: ValueDtype) -> None:
    codec = codec_of(model_of(GAUSSIANS, ATOMS, value_dtype=value_dtype))
    value, rank = codec.encode(np.zeros(3), no_atoms(3), 0)
    assert value.dtype == codec.value_dtype == np.dtype(value_dtype)
    assert rank.dtype == codec.rank_dtype == np.uint8

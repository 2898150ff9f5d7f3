"""The lookup table of draws gives the same modes as evaluating their probabilities."""

import numpy as np
import pytest
from core_evidence import bits, model_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gmm_pipeline.core.coding.draw_bounds import UNDECIDED
from gmm_pipeline.core.coding.draw_table import NOTHING_DECIDED, DrawTable, draw_table, look_up
from gmm_pipeline.core.coding.row_codec import RowCodec
from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.modes.mode_table import (
    ModeTable,
    mode_probabilities,
    mode_table,
    sample_mode,
)
from gmm_pipeline.core.modes.modes import REACH, TailMode

TAILS = (
    TailMode(low=-200.0, high=-41.0, anchor=0.0, direction=-1, bound=0.99, weight=0.01),
    TailMode(low=12.5, high=13.5, anchor=0.0, direction=0, bound=0.99, weight=0.01),
    TailMode(low=45.0, high=5000.0, anchor=0.0, direction=1, bound=0.99, weight=0.01),
)
OVERLAPPING = [(0.4, 0.0, 1.0), (0.3, 2.0, 0.5), (0.2, 1.0, 5.0), (0.1, -3.0, 10.0)]
FAR_APART = [(0.5, 0.0, 1e-6), (0.3, 1e5, 2.0), (0.2, -1e5, 1e4)]
WITHIN_ONE_ANOTHER = [(0.25, 7.0, 10.0**-power) for power in range(4)] + [(0.0, 0.0, 1.0)]
BEYOND_RESOLVING = [(0.5, 0.0, 1.0), (0.5, 3.0, 1e-7)]
SHIFTED = [(0.6, 1e9, 1e-3), (0.4, 1e9 + 0.004, 2e-3)]

MODELS = [
    model_of(OVERLAPPING),
    model_of(OVERLAPPING, tails=TAILS),
    model_of(OVERLAPPING, extremes="clip"),
    model_of(OVERLAPPING, tails=TAILS, extremes="clip", probability_floor=1e-6),
    model_of(FAR_APART),
    model_of(FAR_APART, extremes="clip"),
    model_of(WITHIN_ONE_ANOTHER),
    model_of(BEYOND_RESOLVING),
    model_of(SHIFTED),
    model_of([(1.0, 0.0, 1e-150)]),
    model_of([(0.5, 0.0, 1e150), (0.5, 1e140, 1e148)]),
]


@kernel
def evaluated(
    x: NDArray[np.float64], draws: NDArray[np.float64], modes: ModeTable, out: NDArray[np.int64]
) -> None:
    probabilities = np.empty(modes.means.size)
    for i in range(x.size):
        out[i] = sample_mode(x[i], draws[i], modes, probabilities)


def contradicted(
    x: NDArray[np.float64], draws: NDArray[np.float64], table: DrawTable, modes: ModeTable
) -> tuple[int, int]:
    """Return how many draws at x the table decides wrongly, and how many it decides."""
    found, wanted, rows = (np.empty(x.size, dtype=np.int64) for _ in range(3))
    left_open = look_up(x, draws, table, np.empty(x.size, dtype=np.int64), found, rows)
    evaluated(x, draws, modes, wanted)
    decided = found != UNDECIDED
    assert (np.flatnonzero(~decided) == rows[:left_open]).all()
    return int(np.count_nonzero(decided & (found != wanted))), int(np.count_nonzero(decided))


def neighbourhoods(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places with the numbers a few units in the last place around them."""
    around = [places]
    for direction in (-np.inf, np.inf):
        near = places
        for _ in range(3):
            near = np.nextafter(near, direction)
            around.append(near)
    return np.concatenate(around)


def critical_places(model: ColumnModel, table: DrawTable) -> NDArray[np.float64]:
    """Return where something changes: the ends of reaches, tails and cells, and the means."""
    modes = mode_table(model)
    edges = [modes.means, modes.lows, modes.highs]
    edges += [
        modes.means + side * reach * modes.half_widths
        for side in (-1, 1)
        for reach in (REACH, 0.99, 1.0)
    ]
    edges += [
        modes.means + side * half_width / 2**20
        for side in (-1, 1)
        for half_width in modes.half_widths
    ]
    inner = np.concatenate([2.0**octave * (1 + np.arange(256) / 256) for octave in range(12)]) - 1
    edges += [table.center + side * inner / table.inverse_scale for side in (-1, 1)]
    return neighbourhoods(np.concatenate(edges))


def boundaries(model: ColumnModel, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return draws around the cumulative probabilities at each x, shape (n, m)."""
    modes = mode_table(model)
    room = np.empty(modes.means.size)
    cumulative = []
    for place in x:
        total = mode_probabilities(float(place), modes, room)
        cumulative.append(
            np.cumsum(room[: modes.n_gaussians]) / total if total else np.zeros(modes.n_gaussians)
        )
    exact = np.array(cumulative)
    beside = [exact, np.nextafter(exact, 0), np.nextafter(exact, 1), exact - 1e-10, exact + 1e-10]
    return np.clip(np.concatenate(beside, axis=1), 0.0, 1 - 2.0**-53)


@pytest.mark.parametrize("model", MODELS)
def test_rows_at_random_get_the_modes_that_their_evaluation_gives(model: ColumnModel) -> None:
    rng = np.random.default_rng(0)
    mixture = model.mixture()
    chosen = rng.integers(0, mixture.means.size, 300_000)
    x = mixture.means[chosen] + mixture.stds[chosen] * rng.standard_t(2, chosen.size)
    codec = RowCodec(model, np.arange(model.n_modes))
    free = np.full(x.size, -1, dtype=np.int32)
    assert bits(codec.encode(x, free, 10**12)) == bits(codec.encode_without_table(x, free, 10**12))


@pytest.mark.parametrize("model", MODELS)
def test_the_table_is_right_wherever_something_changes(model: ColumnModel) -> None:
    modes = mode_table(model)
    table = draw_table(modes)
    x = critical_places(model, table)
    fixed = neighbourhoods(np.arange(1, 256) / 256)
    random = np.random.default_rng(1).random((x.size, 16))
    for draws in (
        boundaries(model, x),
        random,
        np.broadcast_to(fixed[::41], (x.size, fixed[::41].size)),
    ):
        places = np.repeat(x, draws.shape[1])
        assert contradicted(places, draws.ravel(), table, modes)[0] == 0


components = st.tuples(
    st.floats(0.01, 1.0),
    st.floats(-1e3, 1e3),
    st.floats(-4, 3).map(lambda power: float(10.0**power)),
)


@settings(deadline=None)
@given(
    st.lists(components, min_size=1, max_size=12),
    st.sampled_from(["keep", "clip"]),
    st.integers(0, 2**32 - 1),
)
def test_the_table_of_any_mixture_is_right(
    chosen: list[tuple[float, float, float]], extremes: str, seed: int
) -> None:
    total = sum(weight for weight, _, _ in chosen)
    model = model_of(
        [(weight / total, mean, std) for weight, mean, std in chosen], extremes=extremes
    )
    rng = np.random.default_rng(seed)
    modes = mode_table(model)
    table = draw_table(modes)
    k = rng.integers(0, modes.means.size, 5000)
    x = np.append(
        modes.means[k] + modes.half_widths[k] * rng.uniform(-1.2, 1.2, k.size),
        critical_places(model, table),
    )
    assert contradicted(x, rng.random(x.size), table, modes)[0] == 0


@pytest.mark.parametrize("components", [OVERLAPPING, FAR_APART, WITHIN_ONE_ANOTHER, SHIFTED])
def test_nearly_all_rows_are_decided_by_the_table(
    components: list[tuple[float, float, float]],
) -> None:
    model = model_of(components)
    rng = np.random.default_rng(2)
    mixture = model.mixture()
    chosen = rng.choice(mixture.means.size, 100_000, p=mixture.weights / mixture.weights.sum())
    x = rng.normal(mixture.means[chosen], mixture.stds[chosen])
    modes = mode_table(model)
    decided = contradicted(x, rng.random(x.size), draw_table(modes), modes)[1]
    assert decided > 0.99 * x.size


def test_a_probability_floor_is_evaluated_in_each_row() -> None:
    model = model_of(OVERLAPPING, extremes="clip", probability_floor=1e-6)
    assert draw_table(mode_table(model)) is NOTHING_DECIDED

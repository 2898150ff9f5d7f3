import numpy as np
import pytest
from core_evidence import REAL
from hypothesis import given
from hypothesis import strategies as st

from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.numeric_type import IntegerType
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.errors import ColumnDataError

LOWEST, HIGHEST = -(2**63), 2**63 - 1
FURTHEST = 2**50
INT64 = st.integers(LOWEST, HIGHEST)
OFFSETS = st.lists(
    st.integers(-FURTHEST, FURTHEST) | st.sampled_from([-FURTHEST, 0, FURTHEST]), min_size=1
)


def test_numbers_may_move_by_more_than_the_largest_when_coordinates_move_by_1() -> None:
    assert np.isinf(RealCoordinate(-1024).stretch(np.zeros(2))).all()


@given(INT64, OFFSETS)
def test_integers_near_the_origin_come_back_exactly(origin: int, offsets: list[int]) -> None:
    coordinate = IntegerCoordinate(origin, LOWEST, HIGHEST)
    numbers = np.array(
        [min(max(origin + offset, LOWEST), HIGHEST) for offset in offsets], dtype=np.int64
    )
    coordinates = coordinate.forward(numbers)
    assert coordinates.dtype == np.float64
    assert [int(c) for c in coordinates] == [int(number) - origin for number in numbers]
    back = coordinate.backward(coordinates)
    assert back.dtype == np.int64
    assert back.tolist() == numbers.tolist()


@given(INT64, st.lists(st.integers(0, FURTHEST), min_size=1))
def test_integers_within_2_to_the_50_of_each_other_find_their_origin(
    first: int, offsets: list[int]
) -> None:
    numbers = np.unique(
        np.array([min(first + offset, HIGHEST) for offset in offsets], dtype=np.int64)
    )
    coordinate = IntegerType(LOWEST, HIGHEST).coordinate(numbers)
    assert coordinate.backward(coordinate.forward(numbers)).tolist() == numbers.tolist()


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1))
def test_integers_near_zero_are_their_own_coordinates(numbers: list[int]) -> None:
    coordinate = IntegerType(LOWEST, HIGHEST).coordinate(np.unique(np.array(numbers)))
    assert coordinate.origin == 0
    assert coordinate.forward(np.array(numbers)).tolist() == numbers


@given(INT64, OFFSETS, st.floats(-0.25, 0.25))
def test_a_coordinate_next_to_an_integer_decodes_to_it(
    origin: int, offsets: list[int], off: float
) -> None:
    coordinate = IntegerCoordinate(origin, LOWEST, HIGHEST)
    numbers = np.array(
        [min(max(origin + offset, LOWEST), HIGHEST) for offset in offsets], dtype=np.int64
    )
    assert coordinate.backward(coordinate.forward(numbers) + off).tolist() == numbers.tolist()


@pytest.mark.parametrize(
    ("origin", "far"),
    [
        (0, [2**50 + 1, -(2**50) - 1, HIGHEST, LOWEST]),
        (2**62, [0, 2**62 + 2**50 + 1, LOWEST]),
        (LOWEST, [HIGHEST, LOWEST + 2**50 + 1]),
        (HIGHEST, [LOWEST, HIGHEST - 2**50 - 1]),
    ],
)
def test_integers_too_far_from_the_origin_are_refused_and_counted(
    origin: int, far: list[int]
) -> None:
    coordinate = IntegerCoordinate(origin, LOWEST, HIGHEST)
    with pytest.raises(
        ColumnDataError, match=f"further than 2\\*\\*50 steps of 1 from {origin}"
    ) as raised:
        coordinate.forward(np.array([origin, *far, origin], dtype=np.int64))
    assert raised.value.rows == len(far)
    assert "categorical" in str(raised.value.remedy)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_coordinates_beyond_the_type_decode_to_its_bound(bits: int) -> None:
    for lowest, highest in [(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), (0, 2**bits - 1)]:
        coordinate = IntegerCoordinate(0, lowest, highest)
        decoded = coordinate.backward(
            np.array([-1e300, lowest - 0.6, highest + 0.6, 1e300, -np.inf, np.inf])
        )
        assert decoded.tolist() == [lowest, lowest, highest, highest, lowest, highest]


@given(INT64, st.floats(allow_nan=False))
def test_any_coordinate_decodes_to_an_int64(origin: int, x: float) -> None:
    # Were it to wrap around, large numbers would decode to small ones.
    decoded = int(IntegerCoordinate(origin, LOWEST, HIGHEST).backward(np.array([x]))[0])
    assert LOWEST <= decoded <= HIGHEST
    assert decoded >= origin if x > 0 else decoded <= origin


@pytest.mark.parametrize(
    ("origin", "x", "bound"), [(HIGHEST - 5, 1e18, HIGHEST), (LOWEST + 5, -1e18, LOWEST)]
)
def test_coordinates_beyond_int64_decode_to_its_bound(origin: int, x: float, bound: int) -> None:
    assert IntegerCoordinate(origin, LOWEST, HIGHEST).backward(np.array([x])).tolist() == [bound]


def test_no_integers_have_no_coordinates() -> None:
    assert IntegerCoordinate(0, LOWEST, HIGHEST).forward(np.empty(0, dtype=np.int64)).size == 0


@given(st.lists(st.floats(allow_nan=False)))
def test_floating_point_numbers_are_their_own_coordinates(rows: list[float]) -> None:
    numbers = np.array(rows, dtype=np.float64)
    assert REAL.backward(REAL.forward(numbers)).tobytes() == numbers.tobytes()
    assert not REAL.spacing(numbers).any()

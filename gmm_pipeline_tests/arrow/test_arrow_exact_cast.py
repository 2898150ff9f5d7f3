"""New rows in another type than the fitted ones are cast to that, unless a value would change."""

from decimal import Decimal

import pyarrow as pa
import pytest

from gmm_pipeline.arrow.exact_cast import cast_to_field
from gmm_pipeline.errors import ColumnDataError


@pytest.mark.parametrize(
    ("array", "target", "values"),
    [
        (pa.array([1.0, None]), pa.int64(), [1, None]),
        (pa.array([True, False]), pa.int8(), [1, 0]),
        (pa.array([1, 0]), pa.bool_(), [True, False]),
        (pa.array([0.1]), pa.decimal128(5, 2), [Decimal("0.10")]),
        (pa.array([Decimal("0.10")]), pa.float64(), [0.1]),
        (pa.array([0.1]), pa.float32(), pa.array([0.1], pa.float32()).to_pylist()),
        (pa.array([float("inf")]), pa.float32(), [float("inf")]),
        (pa.array(["7", None]), pa.int64(), [7, None]),
        (pa.array([7]), pa.string(), ["7"]),
        (pa.array([7]), pa.duration("s"), pa.array([7], pa.duration("s")).to_pylist()),
        (pa.nulls(2), pa.timestamp("s"), [None, None]),
        (pa.array([None], pa.list_(pa.int8())), pa.float64(), [None]),
        (
            pa.array([86_400], pa.timestamp("s")),
            pa.date32(),
            pa.array([1], pa.date32()).to_pylist(),
        ),
        (
            pa.DictionaryArray.from_arrays(pa.array([0]), pa.array(["a"], pa.string_view())),
            pa.string(),
            ["a"],
        ),
    ],
    ids=str,
)
def test_values_that_mean_the_same_are_taken(
    array: pa.Array, target: pa.DataType, values: list[object]
) -> None:
    cast = cast_to_field(array, pa.field("x", target))

    assert cast.type == target
    assert cast.to_pylist() == values


@pytest.mark.parametrize(
    ("array", "target"),
    [
        (pa.array([3600], pa.timestamp("s")), pa.date32()),
        (pa.array([1.25]), pa.decimal128(5, 1)),
        (pa.array([2]), pa.bool_()),
        (pa.array([1e300]), pa.float32()),
        (pa.array([70_000]), pa.float16()),
        (pa.array([2**53 + 1]), pa.float64()),
        (pa.array([1.5]), pa.int64()),
        (pa.array([0], pa.timestamp("s")), pa.timestamp("s", "Asia/Tokyo")),
        (pa.array([0], pa.timestamp("s", "Asia/Tokyo")), pa.timestamp("s")),
        (pa.array([7]), pa.timestamp("s")),
        (pa.array([7], pa.timestamp("s")), pa.int64()),
        (pa.array([0], pa.timestamp("s")), pa.bool_()),
        (pa.array([0], pa.timestamp("s")), pa.time32("s")),
        (pa.array([1]), pa.null()),
        (pa.array([[1]]), pa.float64()),
        (pa.array([{"a": 1}]), pa.string()),
        (pa.array([b"\xff"]), pa.string()),
    ],
    ids=str,
)
def test_values_that_would_change_are_refused_by_column_and_type(
    array: pa.Array, target: pa.DataType
) -> None:
    with pytest.raises(ColumnDataError, match=r"column 'x': .* the type of the fitted rows"):
        cast_to_field(array, pa.field("x", target))

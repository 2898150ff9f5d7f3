"""Columns of every Arrow type that are read as labels come back as they were."""

import pyarrow as pa
import pytest

from gmm_pipeline import TableEncoder

VALUES = {
    "text": pa.array(["b", "a", None, "b"]),
    "large text": pa.array(["b", "a", None, "b"], pa.large_string()),
    "text views": pa.array(["b", "a", None, "b"], pa.string_view()),
    "booleans": pa.array([True, False, None, True]),
    "integers": pa.array([3, -1, None, 3], pa.int16()),
    "unsigned integers": pa.array([2**64 - 1, 0, None, 0], pa.uint64()),
    "numbers": pa.array([0.5, float("nan"), None, 0.5]),
    "16-bit numbers": pa.array([0.5, 1.5, None, 0.5]).cast(pa.float16()),
    "dates": pa.array([3, -1, None, 3], pa.int32()).cast(pa.date32()),
    "times": pa.array([3, 1, None, 3]).cast(pa.time64("ns")),
    "timestamps": pa.array([3, -1, None, 3]).cast(pa.timestamp("ns", "Europe/Oslo")),
    "durations": pa.array([3, -1, None, 3]).cast(pa.duration("s")),
    "decimals": pa.array([3, -1, None, 3]).cast(pa.decimal128(21, 2)),
    "wide decimals": pa.array([3, -1, None, 3]).cast(pa.decimal256(40, 10)),
}
each_type = pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())


def assert_comes_back(array: pa.Array) -> None:
    table = pa.table({"x": array})
    encoder = TableEncoder(kind="categorical").fit(table)
    encoded = list(encoder.encode_batches(table))
    decoded = pa.Table.from_batches(encoder.decode_batches(pa.Table.from_batches(encoded)))
    assert decoded.schema.field("x").type == array.type
    before, after = (rows["x"].cast(pa.string()).to_pylist() for rows in (table, decoded))
    assert after == before
    assert encoder.modes("x").height == len(set(before))


@each_type
def test_labels_of_every_type_come_back(values: pa.Array) -> None:
    assert_comes_back(values)


@pytest.mark.parametrize(
    "name", [name for name in VALUES if name != "text views"]
)  # Arrow cannot look these up
def test_dictionaries_of_every_type_come_back(name: str) -> None:
    values = VALUES[name]
    if pa.types.is_float16(values.type):  # Arrow before 26 cannot encode these by itself
        encoded = values.cast(pa.float32()).dictionary_encode()
        dictionary = encoded.dictionary.cast(values.type)
        assert_comes_back(pa.DictionaryArray.from_arrays(encoded.indices, dictionary))
    else:
        assert_comes_back(values.dictionary_encode())


def test_nulls_within_dictionaries_are_nulls() -> None:
    assert_comes_back(
        pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2, 0]), pa.array(["b", None, "a"]))
    )

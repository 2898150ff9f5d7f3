"""A run takes the table that is meant: no store, no output and no other fit by accident."""

import pathlib
from dataclasses import replace

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workplace import Workplace

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import ColumnDataError, SourceError
from gmm_pipeline.fits.prepare import FitRequest, prepare

FRAME = pl.DataFrame({"x": ["a", "b"]})


def test_nothing_is_written_into_the_folder_of_the_source(workplace: Workplace) -> None:
    (workplace.path / "sales").mkdir()
    FRAME.write_parquet(workplace.path / "sales" / "t.parquet")
    FRAME.write_parquet(workplace.path / "new.parquet")
    TableEncoder().fit(workplace.path / "sales").save(workplace.store / "sales")

    for command in (["export"], ["transform", "new.parquet"]):
        for out in ("sales/encoded.parquet", "sales/parts"):
            refused = workplace.call(*command, "--fit", "sales", "--out", out)
            assert refused.status == 2
            assert f"{out} would become a part of" in refused.err
            assert "Give another --out" in refused.err
    transform = ("transform", "new.parquet", "--fit", "sales")
    assert workplace.call(*transform, "--out", "encoded.parquet").status == 0


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ("sales-2024.parquet", "sales 2024.parquet", "sales_2024"),
        ("a/train.parquet", "b/train.parquet", "train"),
        ("売上.parquet", "продажи.parquet", "table"),
    ],
)
def test_a_second_source_of_the_same_default_name_needs_a_name_of_its_own(
    tmp_path: pathlib.Path, one: str, other: str, name: str
) -> None:
    for file in (one, other):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        FRAME.write_parquet(tmp_path / file)
    first, second = FitRequest(str(tmp_path / one)), FitRequest(str(tmp_path / other))
    prepare(first, tmp_path / "store").save()

    with pytest.raises(
        SourceError, match=f"a fit '{name}' already, of another source: "
    ) as refused:
        prepare(second, tmp_path / "store")

    assert str(tmp_path / one) in str(refused.value)
    assert "--fit NAME" in str(refused.value)
    # The same source by another way to name it, and a fit that is meant, go on.
    elsewhere = FitRequest(str(tmp_path / "store" / ".." / one))
    assert prepare(elsewhere, tmp_path / "store").spec.name == name
    prepare(replace(second, fit=name), tmp_path / "store").save()
    assert prepare(second, tmp_path / "store").spec.name == name


def test_text_that_is_not_utf_8_fails_its_column_alone(workplace: Workplace) -> None:
    offsets = pa.array([0, 1, 2, 3], pa.int32()).buffers()[1]
    text = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"a\xff\xff")])
    file = workplace.path / "t.parquet"
    pq.write_table(pa.table({"x": text, "y": [1, 2, 3]}), file)
    says = "holds text that is not UTF-8 (2 rows)"

    planned, ran = workplace.call("plan", file, "--json"), workplace.call("run", file)

    assert [entry["kind"] for entry in planned.json()["columns"]] == [None, "categorical"]
    assert says in planned.json()["columns"][0]["why"]
    assert ran.status == 1
    assert f"column 'x': {says}" in ran.err
    assert workplace.call("export", "--fit", "t", "--out", "e.parquet").status == 0
    with pytest.raises(ColumnDataError, match="column 'x': holds text that is not UTF-8"):
        TableEncoder().fit(file)
    assert TableEncoder(include=["!x"]).fit(file).columns == ("y",)


def test_times_of_spark_come_back_through_a_store(workplace: Workplace) -> None:
    times = pa.array(["9999-12-31", "2020-01-01"] * 50).cast(pa.timestamp("us"))
    file = workplace.path / "t.parquet"
    pq.write_table(pa.table({"x": times}), file, use_deprecated_int96_timestamps=True)
    assert workplace.call("run", file).status == 0
    assert workplace.call("export", "--fit", "t", "--out", "e.parquet").status == 0

    assert workplace.call("inverse", "e.parquet", "--fit", "t", "--out", "b.parquet").status == 0

    assert pq.read_table(workplace.path / "b.parquet")["x"].combine_chunks().equals(times)


def test_a_fit_of_rows_without_values_refuses_values_by_name(tmp_path: pathlib.Path) -> None:
    encoder = TableEncoder().fit(pa.table({"x": pa.nulls(3)}))

    assert encoder.transform(pa.table({"x": pa.array([None], pa.int64())})).collect().height == 1
    with pytest.raises(ColumnDataError, match="column 'x': holds values that are not null"):
        encoder.transform_to(pa.table({"x": [1]}), tmp_path / "out")

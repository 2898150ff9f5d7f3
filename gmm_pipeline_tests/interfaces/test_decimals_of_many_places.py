"""Decimal types of many places hold numbers of few, as Spark's decimal(38, 18) does."""

from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from workplace import Workplace

from gmm_pipeline import TableEncoder
from gmm_pipeline.arrow.model_document import StoredModel, model_document
from gmm_pipeline.arrow.sketch_column import SketchRequest
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.errors import ColumnDataError
from gmm_pipeline.tables.memory_table import MemoryTable

CENTS = [int(cents) for cents in np.random.default_rng(0).lognormal(8, 2, 3000)]
SPARK = pa.decimal128(38, 18)
TYPES = {
    "prices": (SPARK, 2),
    "prices of 20 places": (pa.decimal128(38, 20), 2),
    "tiny numbers": (pa.decimal128(38, 20), 12),
    "whole numbers": (SPARK, 0),
    "numbers that int64 holds": (SPARK, 17),
}


def table(kind: pa.DataType, places: int, counts: list[int] = CENTS) -> pa.Table:
    values = [Decimal(count).scaleb(-places) for count in counts]
    return pa.table({"x": pa.array([None, *values], kind)})


def encoder_of(rows: pa.Table, **settings: object) -> TableEncoder:
    return TableEncoder(threads=1, **settings).fit(rows)


@pytest.mark.parametrize(("kind", "places"), TYPES.values(), ids=TYPES.keys())
def test_every_decimal_comes_back(kind: pa.DataType, places: int) -> None:
    rows = table(kind, places)
    encoder = encoder_of(rows)
    decoded = encoder.inverse_transform(encoder.transform(rows)).collect()
    assert decoded.equals(pl.DataFrame(rows))
    assert decoded.schema["x"] == pl.Decimal(38, kind.scale)


def test_declared_atoms_are_values_of_the_column() -> None:
    encoder = encoder_of(table(SPARK, 2), atoms=["20.5"])
    atoms = encoder.modes("x").filter(pl.col("type") == "atom")["value"].to_list()
    assert sorted(atoms, key=str) == ["20.500000000000000000", None]


def test_a_new_decimal_of_more_places_is_refused_or_moved_to_the_nearest() -> None:
    new = pa.table({"x": pa.array([Decimal("12.344"), Decimal("12.34")], SPARK)})
    with pytest.raises(ColumnDataError, match=r"'x'.*more than the 2 decimal places.*\(1 row\)"):
        encoder_of(table(SPARK, 2)).transform(new).collect()
    encoder = encoder_of(table(SPARK, 2), out_of_range="clip")
    decoded = encoder.inverse_transform(encoder.transform(new)).collect()["x"].to_list()
    assert decoded == [Decimal("12.34"), Decimal("12.34")]


def test_decimals_that_really_use_many_places_are_refused_by_name() -> None:
    with pytest.raises(ColumnDataError, match=r"'x'.*decimals of 20 places"):
        encoder_of(table(pa.decimal128(38, 20), 20))
    with pytest.raises(ColumnDataError, match=r"'x'.*beyond those of int64.*\(1 row\)"):
        encoder_of(table(SPARK, 18, [10**19 + 1, 5, 7]))


def test_plan_and_run_agree(workplace: Workplace) -> None:
    source = workplace.path / "sales.parquet"
    pl.DataFrame(table(SPARK, 2)).write_parquet(source)
    assert workplace.call("plan", source).status == 0
    assert workplace.call("run", source).status == 0


def test_added_rows_of_more_places_are_counted_with_the_first_ones() -> None:
    short, long = table(SPARK, 2, CENTS[:50]), table(SPARK, 3, CENTS[50:])
    engine = LocalEngine(1)
    both = pa.concat_tables([short, long])
    grown = engine_sketch(engine, both, before=short)
    assert grown == engine_sketch(engine, both)


def engine_sketch(engine: LocalEngine, rows: pa.Table, before: pa.Table | None = None) -> object:
    """Sketch a column, or extend the sketch of its first rows; return what can be compared."""
    column = MemoryTable.of(rows).column("x")
    sketch = (
        engine.sketch(column, SketchRequest())
        if before is None
        else engine.extend_sketch(
            engine.sketch(MemoryTable.of(before).column("x"), SketchRequest()),
            column,
            SketchRequest(),
        )
    )
    return sketch.coordinate, sketch.numbers.values.tolist(), sketch.numbers.counts.tolist()


def test_older_versions_refuse_only_models_that_they_would_misread() -> None:
    formats = []
    for kind in (SPARK, pa.decimal128(18, 2)):
        encoder = encoder_of(table(kind, 2))
        stored = StoredModel(encoder.model("x"), pa.field("x", kind))
        formats.append(model_document(stored)["format"])
    assert formats == [3, 2]

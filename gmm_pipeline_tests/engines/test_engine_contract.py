"""What every engine has to do, on this machine as on a real cluster."""

import datetime as dt
import pathlib
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from workplace import contents, results

from gmm_pipeline import TableEncoder
from gmm_pipeline.arrow.parquet import ROWS_PER_PART
from gmm_pipeline.arrow.sketch_column import SketchRequest
from gmm_pipeline.engines.engine import Engine, ExistingParts
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.spark.engine import SparkEngine
from gmm_pipeline.errors import ColumnDataError
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.tables.open_table import open_table

# Pieces that tasks share out when they count (2**20 rows), and parts that they share out when they
# write (2**22).
ROWS, MANY_ROWS = 1_060_000, 4_200_000
FEW_ROWS = 3_000
MakeEngine = Callable[[int], Engine]


@pytest.fixture(params=["local", "spark"], scope="module")
def make_engine(request: pytest.FixtureRequest) -> MakeEngine:
    """Give what makes an engine of so many threads or tasks."""
    if request.param == "local":
        return LocalEngine
    session = request.getfixturevalue("spark")
    return lambda tasks: SparkEngine(session, tasks)


def make_all(
    source: pathlib.Path, store: pathlib.Path, engine: Engine, settings: ColumnSettings
) -> None:
    """Make all results of all columns of a table, as the assets do."""
    table = open_table(str(source), store / "unused")
    for name in table.schema.names:
        folder = ColumnFolder(store / name)
        folder.publish(recipes.raw(table.column(name), ["the same source"], settings, engine))
        folder.publish(recipes.sketch(folder.require("raw"), settings, engine))
        folder.publish(recipes.model(folder.require("raw"), folder.require("sketch"), settings))
        folder.publish(recipes.feature_rank(folder.require("model"), settings))
        inputs = [folder.require(stage) for stage in ("raw", "model", "feature_rank")]
        folder.publish(recipes.transformed(*inputs, settings, engine))


def in_files(frame: pl.DataFrame, folder: pathlib.Path, files: int) -> pathlib.Path:
    """Write a frame to files of different lengths, each with row groups of a length of its own."""
    folder.mkdir(parents=True)
    bounds = [round(len(frame) * (number / files) ** 1.5) for number in range(files + 1)]
    for number, start in enumerate(bounds[:-1]):
        piece = frame[start : bounds[number + 1]]
        piece.write_parquet(folder / f"{number:02d}.parquet", row_group_size=30_011 + 7919 * number)
    return folder


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    rng = np.random.default_rng(7)
    with_nulls = pl.Series(rng.random(ROWS) < 0.1)
    return pl.DataFrame(
        {
            "heavy tails": rng.standard_cauchy(ROWS) * 1000 + 5,
            "many integers": pl.Series(rng.integers(0, 10**9, ROWS)).set(with_nulls, None),
            "category": pl.Series(rng.choice(["x", "y", "z"], ROWS), dtype=pl.Categorical),
        }
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reference")
    make_all(
        in_files(frame, folder / "source", 1),
        folder / "store",
        LocalEngine(1),
        ColumnSettings(seed=3),
    )
    return results(folder / "store")


@pytest.mark.parametrize(("files", "tasks"), [(1, 1), (3, 2), (16, 5)])
def test_sketch_model_ranks_and_rows_are_the_same_bytes_however_rows_are_spread_and_shared_out(
    make_engine: MakeEngine,
    tmp_path: pathlib.Path,
    frame: pl.DataFrame,
    reference: dict[str, str],
    files: int,
    tasks: int,
) -> None:
    source = in_files(frame, tmp_path / "source", files)

    make_all(source, tmp_path / "store", make_engine(tasks), ColumnSettings(seed=3))

    assert results(tmp_path / "store") == reference


def test_parts_are_shared_out_and_come_in_the_order_of_their_rows(
    make_engine: MakeEngine, tmp_path: pathlib.Path
) -> None:
    rng = np.random.default_rng(11)
    source = tmp_path / "table.parquet"
    numbers = rng.normal(0, 1, MANY_ROWS).astype(np.float32)
    pl.DataFrame({"x": numbers}).write_parquet(source)

    make_all(source, tmp_path / "store", make_engine(2), ColumnSettings())

    column = ColumnFolder(tmp_path / "store" / "x")
    assert [pq.read_metadata(part).num_rows for part in column.require("raw").tables()] == [
        ROWS_PER_PART,
        ROWS_PER_PART,
        MANY_ROWS - 2 * ROWS_PER_PART,
    ]
    assert np.array_equal(pl.read_parquet(column.require("raw").tables())["x"].to_numpy(), numbers)
    counted = column.require("transformed").manifest.summary
    assert counted["exact"] + counted["within_precision"] == MANY_ROWS


def test_tables_are_encoded_and_decoded_in_parts_as_they_are_in_one_piece(
    make_engine: MakeEngine, tmp_path: pathlib.Path
) -> None:
    rng = np.random.default_rng(13)
    frame = pl.DataFrame(
        {"city": rng.choice(list("aaaaabbbcdef"), MANY_ROWS), "x": rng.integers(0, 400, MANY_ROWS)}
    )
    source, rare = in_files(frame, tmp_path / "source", 3), {"city": {"max_categories": 2}}
    encoder = TableEncoder(columns=rare, engine=make_engine(2)).fit(frame.head(20_000))

    assert encoder.transform_to(source, tmp_path / "encoded") == MANY_ROWS
    assert encoder.inverse_transform_to(tmp_path / "encoded", tmp_path / "decoded") == MANY_ROWS

    encoded, decoded = (
        pl.scan_parquet(tmp_path / name).collect() for name in ("encoded", "decoded")
    )
    assert encoded.equals(encoder.transform(source).collect())
    assert decoded.equals(encoder.inverse_transform(encoded).collect())
    assert decoded["city"].n_unique() == 6, "rare categories are drawn by their row's number"
    parts = sorted((tmp_path / "decoded").iterdir())
    assert [pq.read_metadata(part).num_rows for part in parts] == [
        ROWS_PER_PART,
        ROWS_PER_PART,
        5696,
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"source", "encoded", "decoded"}


def of_every_type() -> pa.Table:
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 10**6, FEW_ROWS)
    moments = counts * 1_000_003
    return pa.table(
        {
            "decimal": pa.array(
                [Decimal(int(count)) / 100 for count in counts], pa.decimal128(12, 2)
            ),
            "wide decimal": pa.array(
                [Decimal(int(count)) / 100 for count in counts], pa.decimal256(50, 2)
            ),
            "nanoseconds": pa.array(moments, pa.timestamp("ns", "Europe/Berlin")),
            "duration": pa.array(moments, pa.duration("us")),
            "time": pa.array(counts * 1000, pa.time64("ns")),
            "date": pa.array((counts // 50).astype(np.int32)).cast(pa.date32()),
            "unsigned": pa.array(counts.astype(np.uint64) + (1 << 62), pa.uint64()),
            "half": pa.array(rng.normal(0, 1, FEW_ROWS).astype(np.float16)),
            "text": pa.array(rng.choice(["", "nan", "é"], FEW_ROWS)).cast(pa.large_string()),
            "boolean": pa.array(rng.random(FEW_ROWS) < 0.3),
            "nothing": pa.nulls(FEW_ROWS),
        }
    )


def test_columns_of_every_type_are_the_same_bytes(
    make_engine: MakeEngine, tmp_path: pathlib.Path
) -> None:
    pq.write_table(of_every_type(), tmp_path / "table.parquet")
    for name, engine in {"here": LocalEngine(1), "there": make_engine(2)}.items():
        make_all(tmp_path / "table.parquet", tmp_path / name, engine, ColumnSettings())

    assert results(tmp_path / "here") == results(tmp_path / "there")
    assert len({path.split("/")[0] for path in results(tmp_path / "there")}) == 11


@pytest.mark.parametrize(
    "settings",
    [
        ColumnSettings(transform="log"),
        ColumnSettings(atoms=(1, 7), extremes="clip"),
        ColumnSettings(kind="categorical", max_categories=10),
        ColumnSettings(kind="general"),
        ColumnSettings(method="dpgmm", mode_choice="argmax"),
    ],
    ids=lambda settings: ",".join(sorted(settings.model_fields_set)),
)
def test_settings_mean_the_same(
    make_engine: MakeEngine, tmp_path: pathlib.Path, settings: ColumnSettings
) -> None:
    rng = np.random.default_rng(3)
    values = np.where(rng.random(FEW_ROWS) < 0.2, 7, rng.integers(0, 400, FEW_ROWS))
    pl.DataFrame({"x": values}).write_parquet(tmp_path / "table.parquet")
    for name, engine in {"here": LocalEngine(1), "there": make_engine(2)}.items():
        make_all(tmp_path / "table.parquet", tmp_path / name, engine, settings)

    assert results(tmp_path / "here") == results(tmp_path / "there")


def test_added_rows_are_counted_and_written_beside_the_others(
    make_engine: MakeEngine, tmp_path: pathlib.Path
) -> None:
    rng = np.random.default_rng(1)
    numbers = rng.standard_cauchy(60_000)
    for name, rows in {"first": numbers[:40_000], "all": numbers}.items():
        pl.DataFrame({"x": rows}).write_parquet(tmp_path / f"{name}.parquet")
    first, both = (
        open_table(str(tmp_path / f"{name}.parquet"), tmp_path).column("x")
        for name in ("first", "all")
    )
    engine, request = make_engine(2), SketchRequest()
    codec = TableEncoder().fit(pl.DataFrame({"x": numbers})).codecs()["x"]

    extended = engine.extend_sketch(engine.sketch(first, request), both, request)
    for name in ("added", "whole"):
        (tmp_path / name).mkdir()
    outcome, _ = engine.encode(both, codec, tmp_path / "added", ExistingParts(40_000, 1))
    LocalEngine(1).encode(both, codec, tmp_path / "whole")

    assert extended.rows == 60_000
    assert outcome.rows.sum() == 20_000
    assert list(contents(tmp_path / "added")) == ["part-000001.parquet"]
    added = pl.read_parquet(tmp_path / "added" / "*.parquet")
    assert added.equals(pl.read_parquet(tmp_path / "whole" / "*.parquet")[40_000:])


def test_rows_that_cannot_be_decoded_leave_the_table_that_was_there(
    make_engine: MakeEngine, tmp_path: pathlib.Path
) -> None:
    encoder = TableEncoder(engine=make_engine(2)).fit(pl.DataFrame({"flag": [True, False]}))
    encoder.inverse_transform_to(
        pl.DataFrame({"flag.value": [0.0], "flag.rank": [1]}), tmp_path / "out"
    )
    before = contents(tmp_path)

    with pytest.raises(
        ColumnDataError, match=r"'flag': has ranks that none of its 2 modes has \(1 row\)"
    ):
        encoder.inverse_transform_to(
            pl.DataFrame({"flag.value": [0.0], "flag.rank": [2]}), tmp_path / "out"
        )

    assert contents(tmp_path) == before


def test_rows_of_files_without_the_column_are_null(
    make_engine: MakeEngine, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "files").mkdir()
    pl.DataFrame({"a": [1, 2, 3]}).write_parquet(tmp_path / "files" / "1.parquet")
    pl.DataFrame({"a": [4, 5], "b": [1.5, 2.5]}).write_parquet(tmp_path / "files" / "2.parquet")
    column = open_table(str(tmp_path / "files"), tmp_path / "unused").column("b")
    (tmp_path / "copy").mkdir()

    make_engine(2).copy(column, tmp_path / "copy")

    assert pl.read_parquet(tmp_path / "copy" / "*.parquet")["b"].to_list() == [
        None,
        None,
        None,
        1.5,
        2.5,
    ]


def test_columns_in_memory_are_sketched_as_well(make_engine: MakeEngine) -> None:
    table = pl.DataFrame({"x": np.random.default_rng(2).normal(0, 1, 20_000)})
    fitted = TableEncoder(engine=make_engine(2)).fit(table)
    assert fitted.model("x") == TableEncoder().fit(table).model("x")


def test_values_that_a_model_does_not_hold_are_an_error_and_nothing_is_left(
    make_engine: MakeEngine, tmp_path: pathlib.Path
) -> None:
    codec = TableEncoder().fit(pl.DataFrame({"x": ["a", "b"]})).codecs()["x"]
    pl.DataFrame({"x": ["a", "c", "c"]}).write_parquet(tmp_path / "new.parquet")
    column = open_table(str(tmp_path / "new.parquet"), tmp_path).column("x")
    (tmp_path / "out").mkdir()

    with pytest.raises(
        ColumnDataError, match=r"holds categories or nulls that the fitted rows did not \(2 rows\)"
    ):
        make_engine(2).encode(column, codec, tmp_path / "out")

    assert sorted(path.name for path in tmp_path.iterdir()) in (
        ["new.parquet", "out"],
        ["new.parquet", "out", "x"],
    )


@pytest.mark.parametrize(
    ("values", "request_", "message"),
    [
        (
            pa.array([1, 1 << 63], pa.uint64()),
            SketchRequest(),
            r"beyond those of int64 cannot be encoded \(1 row\)",
        ),
        (
            pa.array([0.5, np.inf, -np.inf]),
            SketchRequest(infinities=False),
            r"holds infinities \(2 rows\)",
        ),
    ],
    ids=["numbers beyond int64", "infinities that are not taken"],
)
def test_columns_that_cannot_be_sketched_are_an_error_with_their_rows(
    make_engine: MakeEngine,
    tmp_path: pathlib.Path,
    values: pa.Array,
    request_: SketchRequest,
    message: str,
) -> None:
    pq.write_table(pa.table({"x": values}), tmp_path / "table.parquet")
    column = open_table(str(tmp_path / "table.parquet"), tmp_path).column("x")
    with pytest.raises(ColumnDataError, match=message):
        make_engine(2).sketch(column, request_)


def test_dates_far_apart_are_counted_on_a_grid_of_days(
    make_engine: MakeEngine, tmp_path: pathlib.Path
) -> None:
    days = [
        dt.date(1970, 1, 1) + dt.timedelta(days=int(day))
        for day in np.random.default_rng(4).integers(0, 10**6, 40_000)
    ]
    pl.DataFrame({"x": days}).write_parquet(tmp_path / "table.parquet")
    column = open_table(str(tmp_path / "table.parquet"), tmp_path).column("x")
    here, there = (
        engine.sketch(column, SketchRequest()) for engine in (LocalEngine(1), make_engine(2))
    )
    assert not here.complete
    np.testing.assert_equal(there.tally.body.cells, here.tally.body.cells)
    np.testing.assert_equal(there.tally.body.offset_sums, here.tally.body.offset_sums)

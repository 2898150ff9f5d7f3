import pathlib

import numpy as np
import polars as pl
import pytest
from workplace import results

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.fits.stages import STAGES
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.sketch_files import SKETCH_FILE
from gmm_pipeline.tables.open_table import open_table

# Rows: several row groups of the stored column (2**18), and two pieces that threads share out when
# they sketch (2**20).
ROWS = 1_060_000
# Rows of three parts of the stored column (2**21), which threads share out when they copy and
# encode.
MANY_ROWS = 4_200_000


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    rng = np.random.default_rng(7)
    with_nulls = pl.Series(rng.random(ROWS) < 0.1)
    return pl.DataFrame(
        {
            "heavy tails": rng.standard_cauchy(ROWS) * 1000 + 5,
            "few integers": pl.Series(rng.integers(-3, 30, ROWS)).set(with_nulls, None),
            "many integers": pl.Series(rng.integers(0, 10**9, ROWS)).set(with_nulls, None),
            "text": pl.Series(rng.choice(["", "nan", "b", "é"], ROWS)).set(with_nulls, None),
            "boolean": rng.random(ROWS) < 0.3,
            "enum": pl.Series(
                rng.choice(["x", "y", "z"], ROWS), dtype=pl.Enum(["z", "unused", "y", "x"])
            ),
            "category": pl.Series(rng.choice(["x", "y", "z"], ROWS), dtype=pl.Categorical),
        }
    )


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame) -> pathlib.Path:
    path = tmp_path_factory.mktemp("one") / "table.parquet"
    frame.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def ten_files(tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame) -> pathlib.Path:
    """The same rows over files of different lengths, each with row groups of a length of its
    own.
    """
    folder = tmp_path_factory.mktemp("ten")
    bounds = [0, 1, 1000, 1000, 262_145, 500_001, 524_288, 700_000, 700_003, 1_048_577, ROWS]
    for number, start in enumerate(bounds[:-1]):
        piece = frame[start : bounds[number + 1]]
        piece.write_parquet(folder / f"{number}.parquet", row_group_size=30_011 + 7919 * number)
    return folder


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, one_file: pathlib.Path) -> dict[str, str]:
    store = tmp_path_factory.mktemp("reference")
    make_all(one_file, store, threads=1, batch_rows=1 << 18)
    return results(store)


def make_all(
    source: pathlib.Path,
    store: pathlib.Path,
    *,
    threads: int,
    batch_rows: int,
    memory: int | None = None,
) -> None:
    """Make all results of all columns of a table, as the assets do."""
    table = open_table(str(source), store / "unused")
    for name in table.schema.names:
        column = table.column(name, batch_rows=batch_rows)
        engine, settings, folder = (
            LocalEngine(threads, memory),
            ColumnSettings(seed=3),
            ColumnFolder(store / name),
        )
        folder.publish(recipes.raw(column, ["the same source"], settings, engine))
        folder.publish(recipes.sketch(folder.require("raw"), settings, engine))
        folder.publish(recipes.model(folder.require("raw"), folder.require("sketch"), settings))
        folder.publish(recipes.feature_rank(folder.require("model"), settings))
        inputs = [folder.require(stage) for stage in ("raw", "model", "feature_rank")]
        folder.publish(recipes.transformed(*inputs, settings, engine))


@pytest.mark.parametrize(
    ("source", "threads", "batch_rows"),
    [
        pytest.param("one_file", 2, 1 << 18, id="two threads"),
        pytest.param("one_file", 1, 10_007, id="small batches"),
        pytest.param("ten_files", 2, 100_003, id="ten files, two threads, other batches"),
    ],
)
def test_results_are_the_same_bytes_however_rows_are_read(
    request: pytest.FixtureRequest,
    tmp_path: pathlib.Path,
    frame: pl.DataFrame,
    reference: dict[str, str],
    source: str,
    threads: int,
    batch_rows: int,
) -> None:
    make_all(request.getfixturevalue(source), tmp_path, threads=threads, batch_rows=batch_rows)

    made = results(tmp_path)
    assert made == reference
    assert {tuple(path.split("/")[:2]) for path in made} == {
        (column, stage.name) for column in frame.columns for stage in STAGES
    }


def test_results_are_the_same_bytes_in_the_least_memory(
    tmp_path: pathlib.Path, reference: dict[str, str], one_file: pathlib.Path
) -> None:
    make_all(one_file, tmp_path, threads=2, batch_rows=1 << 18, memory=1)

    assert results(tmp_path) == reference


def test_another_seed_gives_other_ranks_of_a_mixture(
    tmp_path: pathlib.Path, one_file: pathlib.Path
) -> None:
    column = open_table(str(one_file), tmp_path / "unused").column("many integers")
    folder, engine = ColumnFolder(tmp_path / "column"), LocalEngine(2)
    folder.publish(recipes.raw(column, [""], ColumnSettings(), engine))
    folder.publish(recipes.sketch(folder.require("raw"), ColumnSettings(), engine))
    ids = set()
    for seed in (0, 1):
        settings = ColumnSettings(seed=seed)
        folder.publish(recipes.model(folder.require("raw"), folder.require("sketch"), settings))
        folder.publish(recipes.feature_rank(folder.require("model"), settings))
        inputs = [folder.require(stage) for stage in ("raw", "model", "feature_rank")]
        ids.add(folder.publish(recipes.transformed(*inputs, settings, engine)).manifest.content_id)

    assert len(ids) == 2


def test_parts_that_threads_share_out_are_the_same_bytes(tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(11)
    source = tmp_path / "table.parquet"
    pl.DataFrame({"x": rng.normal(0, 1, MANY_ROWS).astype(np.float32)}).write_parquet(source)

    for threads in (1, 2):
        make_all(source, tmp_path / f"{threads} threads", threads=threads, batch_rows=1 << 18)

    single, double = (results(tmp_path / f"{threads} threads") for threads in (1, 2))
    assert single == double
    assert sum("/transformed/" in path for path in single) == 3


def test_float_categories_are_the_same_in_any_order_of_rows(tmp_path: pathlib.Path) -> None:
    values = pl.Series("x", [0.0, -0.0, 1.5, None, float("nan")])
    for name, rows in {"forth": values, "back": values.reverse()}.items():
        rows.to_frame().write_parquet(tmp_path / f"{name}.parquet")
        column = open_table(str(tmp_path / f"{name}.parquet"), tmp_path / "unused").column("x")
        settings, engine, folder = (
            ColumnSettings(kind="categorical"),
            LocalEngine(1),
            ColumnFolder(tmp_path / name),
        )
        folder.publish(recipes.raw(column, [""], settings, engine))
        folder.publish(recipes.sketch(folder.require("raw"), settings, engine))

    forth, back = (results(tmp_path / name) for name in ("forth", "back"))
    sketch = f"./sketch/{SKETCH_FILE}"
    assert forth[sketch] == back[sketch]

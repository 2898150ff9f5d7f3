"""Models, rankings and rows that are used together were made from one another, whatever ended a run."""

import pathlib
import shutil
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from workplace import Workplace, flip_a_byte

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.result import Product, Result

ROWS = 600
REFIT = ("--set", "max_modes=3", "--set", "seed=5")
"""Settings that lead to other models."""


def table(seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "a": random.standard_t(3, ROWS).round(3),
            "b": np.concatenate([random.normal(-4, 1, ROWS // 2), random.normal(4, 2, ROWS // 2)]),
            "c": random.choice(["x", "y", "z"], ROWS),
        }
    )


@pytest.fixture(scope="module")
def done(new_workplace: Callable[[], Workplace]) -> Workplace:
    workplace = new_workplace()
    table().write_parquet(workplace.path / "sales.parquet")
    assert workplace.call("run", "sales.parquet").status == 0
    return workplace


@pytest.fixture
def sales(done: Workplace, tmp_path: pathlib.Path) -> Workplace:
    """A fit of three columns, in a copy that a test may change."""
    shutil.copytree(done.path, tmp_path / "copy", symlinks=True)
    workplace = Workplace(tmp_path / "copy")
    spec = workplace.store / "sales" / "fit.json"
    spec.write_text(spec.read_text().replace(str(done.path), str(workplace.path)))
    return workplace


@pytest.fixture
def fail_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], pytest.MonkeyPatch]:
    """Let a stage of a column fail as its result is published, as on a full disk."""
    publish = ColumnFolder.publish

    def arm(column: str, stage: str) -> pytest.MonkeyPatch:
        def failing(self: ColumnFolder, product: Product) -> Result:
            if (product.column, product.stage) == (column, stage):
                raise OSError("no space left on device")
            return publish(self, product)

        monkeypatch.setattr(ColumnFolder, "publish", failing)
        return monkeypatch

    return arm


def decoded(workplace: Workplace, encoded: str) -> pl.DataFrame:
    ran = workplace.call("inverse", encoded, "--fit", "sales", "--out", "back.parquet")
    assert ran.status == 0, ran.err
    return pl.read_parquet(workplace.path / "back.parquet")


def check(workplace: Workplace, expected: pl.DataFrame) -> None:
    """See that all readers agree on one fit, and give back the rows that it is of."""
    workplace.call("export", "--fit", "sales", "--out", "export.parquet")
    assert_frame_equal(decoded(workplace, "export.parquet"), expected, abs_tol=1e-5)
    workplace.call("export", "--fit", "sales", "--out", "wide.parquet", "--wide")
    wide = pl.read_parquet(workplace.path / "wide.parquet")
    for column in expected.columns:
        ones = wide.select(pl.sum_horizontal(f"^{column}\\.rank_.*$"))
        assert ones.to_series().unique().to_list() == [1]
    assert_frame_equal(decoded(workplace, "wide.parquet"), expected, abs_tol=1e-5)
    expected.write_parquet(workplace.path / "new.parquet")
    workplace.call("transform", "new.parquet", "--fit", "sales", "--out", "new_encoded.parquet")
    assert_frame_equal(decoded(workplace, "new_encoded.parquet"), expected, abs_tol=1e-5)
    for column in expected.columns:
        shown = workplace.call("show", column, "--fit", "sales", "--json")
        assert [mode["rank"] for mode in shown.json()["modes"]] == list(
            range(len(shown.json()["modes"]))
        )
    report = workplace.call("report", "--fit", "sales", "--out", "report.html")
    assert report.status == 0, report.err


@pytest.mark.parametrize(
    ("column", "stage"),
    [
        ("a", "sketch"),
        ("b", "model"),
        ("b", "feature_rank"),
        ("c", "feature_rank"),
        ("b", "transformed"),
    ],
)
def test_a_refit_that_ended_early_leaves_all_readers_one_fit(
    sales: Workplace, fail_at: Callable[[str, str], pytest.MonkeyPatch], column: str, stage: str
) -> None:
    patch = fail_at(column, stage)
    assert sales.call("run", "sales.parquet", *REFIT, "--refit").status == 1
    check(sales, table())
    patch.undo()

    assert sales.call("retry").status == 0
    check(sales, table())


def test_the_rows_of_two_versions_of_the_source_are_not_exported_together(
    sales: Workplace,
) -> None:
    # The second version has a type that cannot be encoded in one column.
    changed = table(1).with_columns(b=pl.col("b").map_elements(lambda x: [x], pl.List(pl.Float64)))
    changed.write_parquet(sales.path / "sales.parquet")
    ran = sales.call("run", "sales.parquet")
    exported = sales.call("export", "--fit", "sales", "--out", "export.parquet")

    assert ran.status == 1
    assert "generation 1, the newest of one version" in exported.err
    assert_frame_equal(decoded(sales, "export.parquet"), table(), abs_tol=1e-5)
    assert TableEncoder.load(sales.store / "sales").columns == ("a", "b", "c")
    assert sales.call("run", "sales.parquet", "--columns", "!b").status == 0
    sales.call("export", "--fit", "sales", "--out", "export.parquet")
    assert_frame_equal(decoded(sales, "export.parquet"), table(1).drop("b"), abs_tol=1e-5)


def test_an_encoded_table_is_decoded_by_the_fit_that_encoded_it_also_an_earlier_one(
    sales: Workplace,
) -> None:
    sales.call("export", "--fit", "sales", "--out", "monday.parquet")
    assert sales.call("run", "sales.parquet", *REFIT).status == 0
    sales.call("export", "--fit", "sales", "--out", "tuesday.parquet")

    assert_frame_equal(decoded(sales, "monday.parquet"), table(), abs_tol=1e-5)
    assert_frame_equal(decoded(sales, "tuesday.parquet"), table(), abs_tol=1e-5)
    newest = TableEncoder.load(sales.store / "sales")
    with pytest.raises(StoreError, match=r"another fit encoded the rows.*generation="):
        newest.inverse_transform(sales.path / "monday.parquet")
    first = TableEncoder.load(sales.store / "sales", generation=1)
    assert_frame_equal(
        first.inverse_transform(sales.path / "monday.parquet").collect(), table(), abs_tol=1e-5
    )


def test_an_encoded_table_of_a_fit_that_is_nowhere_is_refused(sales: Workplace) -> None:
    other = TableEncoder(max_modes=3, seed=5).fit(table())
    other.transform_to(table(), sales.path / "encoded")
    refused = sales.call("inverse", "encoded", "--fit", "sales", "--out", "back.parquet")

    assert refused.status == 2
    assert "another fit encoded the rows" in refused.err
    assert not (sales.path / "back.parquet").exists()


def test_rows_that_name_no_fit_are_decoded_when_they_are_said_to_be_generated(
    sales: Workplace,
) -> None:
    sales.call("export", "--fit", "sales", "--out", "export.csv")
    sales.call("export", "--fit", "sales", "--out", "export.parquet")
    pl.read_parquet(sales.path / "export.parquet").write_parquet(sales.path / "plain.parquet")
    for name in ("export.csv", "plain.parquet"):
        arguments = ("inverse", name, "--fit", "sales", "--out", "back.parquet")
        refused = sales.call(*arguments)
        assert "does not say by which fit it was encoded" in refused.err
        assert sales.call(*arguments, "--generated").status == 0
        back = pl.read_parquet(sales.path / "back.parquet")
        assert_frame_equal(back, table(), abs_tol=1e-4)


def test_columns_whose_names_differ_in_case_alone_are_told_apart(workplace: Workplace) -> None:
    two = pl.DataFrame({"Price": [1.5, 2.5, 4.0] * 20, "price": ["low", "high", "mid"] * 20})
    two.write_parquet(workplace.path / "sales.parquet")
    # As a file system that ignores case has it: one folder answers to both names.
    fit = workplace.store / "sales"
    (fit / "Price").mkdir(parents=True)
    (fit / "price").symlink_to("Price")

    assert workplace.call("run", "sales.parquet").status == 0
    workplace.call("export", "--fit", "sales", "--out", "export.parquet")
    assert_frame_equal(decoded(workplace, "export.parquet"), two)


def test_a_damaged_model_is_an_error_and_nothing_is_written(sales: Workplace) -> None:
    (model,) = pathlib.Path(sales.store / "sales/b/model").glob("gmm_pipeline*.json")
    model.write_bytes(b"{" + model.read_bytes()[1:-1] + b"?")
    refused = sales.call("transform", "sales.parquet", "--fit", "sales", "--out", "new.parquet")

    assert refused.status == 2
    assert "'b'" in refused.err
    assert "--refit" in refused.err
    assert not (sales.path / "new.parquet").exists()


def test_a_column_that_the_fit_no_longer_has_is_decoded_as_well(sales: Workplace) -> None:
    sales.call("export", "--fit", "sales", "--out", "all.parquet")
    assert sales.call("run", "sales.parquet", "--columns", "a,c").status == 0

    columns = decoded(sales, "all.parquet").select("a", "b", "c")
    assert_frame_equal(columns, table(), abs_tol=1e-5)


def test_columns_of_a_run_are_not_mixed_with_those_that_the_class_saved(sales: Workplace) -> None:
    TableEncoder(max_modes=3, seed=5).fit(table(2)).save(sales.store / "sales")
    saved = TableEncoder.load(sales.store / "sales").model("b")
    changed = table(1).with_columns(b=pl.col("b").map_elements(lambda x: [x], pl.List(pl.Float64)))
    changed.write_parquet(sales.path / "sales.parquet")
    assert sales.call("run", "sales.parquet").status == 1

    loaded = TableEncoder.load(sales.store / "sales")
    assert loaded.model("b") == saved
    assert loaded.model("a").rules.seed == 5


def test_a_damaged_file_of_the_fit_is_written_again_by_a_run(sales: Workplace) -> None:
    (sales.store / "sales" / "fit.json").write_bytes(b"\xff{")
    refused = sales.call("status", "--fit", "sales")
    assert "fit.json is damaged" in refused.err
    assert "gmm-pipeline run SOURCE" in refused.err

    assert sales.call("run", "sales.parquet").status == 0
    check(sales, table())


def test_a_damaged_earlier_generation_does_not_keep_a_run_from_its_end(sales: Workplace) -> None:
    assert sales.call("run", "sales.parquet", *REFIT).status == 0
    (sales.store / "sales" / "snapshots" / "000001.json").write_bytes(b"{")
    assert sales.call("run", "sales.parquet", "--set", "max_modes=2").status == 0

    check(sales, table())


def test_damaged_rows_are_an_error_that_names_the_file_and_the_remedy(sales: Workplace) -> None:
    (part,) = (sales.store / "sales" / "b" / "transformed").glob("part-*.parquet")
    flip_a_byte(part)
    refused = sales.call("export", "--fit", "sales", "--out", "export.parquet")

    assert refused.status != 0
    assert part.name in refused.err
    assert "`gmm-pipeline run --refit`" in refused.err
    assert not (sales.path / "export.parquet").exists()


def test_a_run_says_which_columns_it_takes_out_of_the_fit(sales: Workplace) -> None:
    ran = sales.call("run", "sales.parquet", "--columns", "a,c")

    assert "No longer part of the fit, as --columns leaves them out: b." in ran.err
    assert sales.call("run", "sales.parquet").status == 0
    check(sales, table())


def test_fits_lists_what_can_be_read_beside_a_damaged_generation(sales: Workplace) -> None:
    assert sales.call("run", "sales.parquet", *REFIT).status == 0
    (sales.store / "sales" / "snapshots" / "000001.json").write_bytes(b"{")

    (listed,) = sales.call("fits", "--json").json()
    assert (listed["generation"], listed["earlier"]) == (2, [])

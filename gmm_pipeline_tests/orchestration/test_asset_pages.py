"""What Dagster shows of the assets of a dataset and of their materialisations."""

import base64
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from gmm_pipeline.arrow.parquet import read_table
from gmm_pipeline.fits import illustrations
from gmm_pipeline.fits.source_ledger import read_ledger
from gmm_pipeline.orchestration.assets import job_name
from gmm_pipeline.orchestration.configuration import configuration_of
from gmm_pipeline.orchestration.configured_datasets import configured_datasets
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.partition_keys import partitions_of
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.names import encode_key
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.csv.dialect import CsvDialect

RNG = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "net/amount": np.concatenate([RNG.normal(10, 1, 900), RNG.standard_cauchy(100)]),
        "city | <b>": ["Oslo", "a|b\n<script>"] * 500,
    }
)
LONGEST = 30_000
"""Bytes of pictures and tables that a run may leave in Dagster's history for a column."""


class SalesDataset:
    """A dataset with description and owners, and runs of its assets."""

    def __init__(self, path: pathlib.Path, instance: dg.DagsterInstance) -> None:
        self.path, self.instance = path, instance
        FRAME.write_parquet(path / "t.parquet")
        described = {
            "source": str(path / "t.parquet"),
            "description": "What was sold.",
            "owners": ["team:sales", "ada@example.org"],
        }
        (dataset,) = configured_datasets(
            configuration_of({"datasets": {"sales": described}}), path / "store"
        )
        dataset.discover()
        self.definitions = build_definitions([dataset], path / "store", threads=1)
        keys = [encode_key(name) for name in FRAME.columns]
        instance.add_dynamic_partitions(str(partitions_of("sales").name), keys)

    def run(self, column: str, *stages: str) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job_name("sales")).execute_in_process(
            instance=self.instance,
            partition_key=encode_key(column),
            asset_selection=[dg.AssetKey(["sales", stage]) for stage in stages] or None,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    def column(self, name: str) -> ColumnFolder:
        return Store(self.path / "store").fit("sales").column(name)


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesDataset]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield SalesDataset(tmp_path_factory.mktemp("sales"), instance)


@pytest.fixture(scope="module")
def pages(sales: SalesDataset) -> Callable[[str, str], dict[str, Any]]:
    """The metadata of materialisations, by column and asset."""
    made: dict[tuple[str, str], dict[str, Any]] = {}
    for name in FRAME.columns:
        result = sales.run(name)
        assert result.success
        for event in result.all_events:
            if event.is_step_materialization and event.asset_key is not None:
                made[name, event.asset_key.path[-1]] = dict(event.materialization.metadata)
    return lambda column, asset: made[column, asset]


def picture_in(markdown: Any) -> str:
    """Return the SVG text of a picture in Markdown."""
    assert isinstance(markdown, dg.MarkdownMetadataValue)
    found = re.fullmatch(
        r"!\[[^\]\n]*\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", markdown.value.strip()
    )
    assert found, markdown.value[:200]
    assert len(markdown.value) < LONGEST
    return base64.b64decode(found[1]).decode()


def test_a_model_is_shown_with_its_picture_and_its_modes(
    pages: Callable[[str, str], dict[str, Any]], sales: SalesDataset
) -> None:
    shown = pages("net/amount", "gmm_model")

    assert "net/amount" in picture_in(shown["picture"])
    table = shown["modes_by_rank"].value.strip().splitlines()
    modes = sales.column("net/amount").require("model").manifest.summary["modes"]
    assert len(table) == 2 + int(str(modes))
    assert len({line.count("|") for line in table}) == 1


def test_categories_with_hostile_names_are_shown_as_text(
    pages: Callable[[str, str], dict[str, Any]],
) -> None:
    shown = pages("city | <b>", "gmm_model")

    assert "<script>" not in picture_in(shown["picture"])
    table = shown["modes_by_rank"].value.strip().splitlines()
    assert len(table) == 4
    assert "<script>" not in shown["modes_by_rank"].value


@pytest.mark.parametrize("column", FRAME.columns)
def test_encoded_rows_are_shown_with_their_frequencies_and_where_they_come_from(
    pages: Callable[[str, str], dict[str, Any]], column: str
) -> None:
    shown = pages(column, "transformed")

    assert picture_in(shown["frequencies_picture"]).startswith("<svg")
    source = dg.TableColumnDep(dg.AssetKey(["sales", "raw"]), column)
    assert shown["dagster/column_lineage"].value.deps_by_column == {
        f"{column}.value": [source],
        f"{column}.rank": [source],
    }
    assert pages(column, "raw")["dagster/column_lineage"].value.deps_by_column == {
        column: [dg.TableColumnDep(dg.AssetKey("sales_source"), column)]
    }


@pytest.mark.parametrize("column", FRAME.columns)
def test_tables_tell_their_rows_and_nothing_is_a_long_list(
    sales: SalesDataset, pages: Callable[[str, str], dict[str, Any]], column: str
) -> None:
    shown = {stage: pages(column, stage) for stage in ("raw", "feature_rank", "transformed")}
    modes = sales.column(column).require("model").manifest.summary["modes"]

    assert {stage: page["dagster/row_count"].value for stage, page in shown.items()} == {
        "raw": len(FRAME),
        "feature_rank": modes,
        "transformed": len(FRAME),
    }
    every = [value for page in shown.values() for value in page.values()]
    assert not [value for value in every if isinstance(value, dg.JsonMetadataValue)]
    # Only the column of numbers has modes that are no single value.
    listed = (
        [record.data["rank"] for record in shown["transformed"]["by_mode"].records]
        if column == "net/amount"
        else []
    )
    assert listed == sorted(listed)
    assert ("by_mode" in shown["transformed"]) == bool(listed)


def test_the_columns_of_the_table_of_modes_are_described(
    sales: SalesDataset, pages: Callable[[str, str], dict[str, Any]]
) -> None:
    pages("net/amount", "feature_rank")
    node = sales.definitions.resolve_asset_graph().get(dg.AssetKey(["sales", "feature_rank"]))
    described = node.metadata["dagster/column_schema"].columns

    modes = read_table(sales.column("net/amount").require("feature_rank").tables()[0])
    assert [(column.name, column.type) for column in described] == [
        (field.name, str(field.type)) for field in modes.schema
    ]


def test_a_run_observes_the_source_that_it_reads(
    sales: SalesDataset, pages: Callable[[str, str], dict[str, Any]]
) -> None:
    pages("net/amount", "raw")

    (record, *_) = sales.instance.fetch_observations(dg.AssetKey("sales_source"), 1).records
    observed = record.asset_observation
    shown = {name: value.value for name, value in observed.metadata.items()}
    source = sales.path / "t.parquet"
    assert shown["source"] == str(source)
    assert (shown["files"], shown["bytes"]) == (1, source.stat().st_size)
    listed = observed.metadata["newest_files"].records
    assert [record.data["path"] for record in listed] == [str(source)]
    assert shown["dagster/row_count"] == len(FRAME)
    assert [column.name for column in shown["dagster/column_schema"].columns] == FRAME.columns
    assert shown["dagster/last_updated_timestamp"] == pytest.approx(source.stat().st_mtime)
    ledger = read_ledger(Store(sales.path / "store").fit("sales"))
    assert observed.tags["dagster/data_version"] == ledger.digests(CsvDialect())[-1]


@pytest.mark.parametrize("column", FRAME.columns)
def test_the_pictures_of_a_column_take_little_room_in_the_history(
    pages: Callable[[str, str], dict[str, Any]], column: str
) -> None:
    shown = [*pages(column, "gmm_model").values(), *pages(column, "transformed").values()]

    texts = [value.value for value in shown if isinstance(value, dg.MarkdownMetadataValue)]
    assert len(texts) == 3
    assert sum(map(len, texts)) < LONGEST


def test_numbers_are_given_as_numbers_so_that_they_are_plotted(
    pages: Callable[[str, str], dict[str, Any]],
) -> None:
    shown = pages("net/amount", "gmm_model")

    kinds = {
        name: type(shown[name])
        for name in ("modes", "mean_log_likelihood", "drift", "iterations", "converged")
    }
    assert kinds == {
        "modes": dg.IntMetadataValue,
        "mean_log_likelihood": dg.FloatMetadataValue,
        "drift": dg.FloatMetadataValue,
        "iterations": dg.IntMetadataValue,
        "converged": dg.BoolMetadataValue,
    }


def test_assets_show_description_and_owners_of_their_dataset(sales: SalesDataset) -> None:
    graph = sales.definitions.resolve_asset_graph()
    nodes = {key.path[-1]: graph.get(key) for key in graph.get_all_asset_keys()}

    assert len(nodes) == 6
    groups = {name: node.group_name for name, node in nodes.items()}
    assert groups.pop("sales_source") == "sources"
    assert set(groups.values()) == {"sales"}
    assert {tuple(node.owners) for node in nodes.values()} == {("team:sales", "ada@example.org")}
    assert all(str(node.description).endswith("\n\nWhat was sold.") for node in nodes.values())
    assert nodes["sales_source"].is_external
    assert nodes["raw"].parent_keys == {dg.AssetKey("sales_source")}


@pytest.mark.parametrize(("engine", "added"), [("local", set()), ("spark", {"spark"})])
def test_assets_have_the_kinds_of_their_files_and_of_what_reads_or_makes_them(
    tmp_path: pathlib.Path, engine: str, added: set[str]
) -> None:
    settings = {"datasets": {"sales": {"source": "sales.CSV", "engine": engine}}}
    datasets = configured_datasets(configuration_of(settings), tmp_path)

    graph = build_definitions(datasets, tmp_path).resolve_asset_graph()

    assert {key.path[-1]: graph.get(key).kinds for key in graph.get_all_asset_keys()} == {
        "sales_source": {"csv"},
        "raw": {"parquet", "polars"} | added,
        "sketch": {"parquet", "numba"} | added,
        "gmm_model": {"json", "spark"},
        "feature_rank": {"parquet", "polars"},
        "transformed": {"parquet", "polars"} | added,
    }


def test_a_result_that_cannot_be_drawn_is_published_without_pictures(
    sales: SalesDataset,
    pages: Callable[[str, str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "picture" in pages("net/amount", "gmm_model")

    def cannot(*_: Any) -> str:
        raise ValueError("no room for the axis")

    monkeypatch.setattr(illustrations, "column_picture", cannot)
    result = sales.run("net/amount", "gmm_model")

    assert result.success
    (made,) = [
        event.materialization for event in result.all_events if event.is_step_materialization
    ]
    assert "picture" not in made.metadata
    assert made.metadata["modes"].value > 0
    logged = [entry.user_message for entry in sales.instance.all_logs(result.run_id)]
    assert "the result cannot be drawn: ValueError('no room for the axis')" in logged

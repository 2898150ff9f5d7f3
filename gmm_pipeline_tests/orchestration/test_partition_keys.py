"""A column has one partition key in an instance: its name, or the one that its history goes by."""

from collections.abc import Iterator

import dagster as dg
import polars as pl
import pytest
from workplace import Workplace

from gmm_pipeline.components import dataset_definitions
from gmm_pipeline.errors import SourceError
from gmm_pipeline.orchestration.assets import job_name
from gmm_pipeline.orchestration.partition_keys import PartitionKeys, column_of
from gmm_pipeline.store.names import encode_key, encode_name

NAMES = ("Visit Duration (s)", "a/b", "plain")
EARLIER = ("Visit~20Duration~20~28s~29", "a~2Fb", "plain")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_keys_in_a_new_instance_are_names(instance: dg.DagsterInstance) -> None:
    keys = PartitionKeys.of("sales", instance)

    assert keys.unregistered(NAMES) == ["Visit Duration (s)", "a~2Fb", "plain"]


def test_a_column_that_is_registered_by_an_earlier_key_keeps_it(
    instance: dg.DagsterInstance,
) -> None:
    instance.add_dynamic_partitions("sales_columns", [EARLIER[0]])
    keys = PartitionKeys.of("sales", instance)

    assert keys.key(NAMES[0]) == EARLIER[0]
    assert keys.unregistered(NAMES) == ["a~2Fb", "plain"]
    instance.delete_dynamic_partition("sales_columns", EARLIER[0])
    assert PartitionKeys.of("sales", instance).key(NAMES[0]) == NAMES[0]


@pytest.mark.parametrize("column", [*NAMES, "x" * 300, "é" * 150, "(" * 100])
def test_a_column_is_found_by_its_key_and_by_its_earlier_one(column: str) -> None:
    names = ["other", *NAMES, "x" * 299, "x" * 300, "é" * 150, "(" * 100]

    assert column_of(encode_key(column), names) == column
    assert column_of(encode_name(column), names) == column


def test_a_key_that_no_column_has_is_an_error_with_the_nearest() -> None:
    with pytest.raises(SourceError, match=r"Did you mean 'Visit Duration \(s\)'"):
        column_of("Visit Duration", NAMES)


def test_the_history_of_an_earlier_key_goes_on(workplace: Workplace) -> None:
    pl.DataFrame({name: [1, 2, 3] * 20 for name in NAMES}).write_parquet(
        workplace.path / "sales.parquet"
    )
    with workplace.history() as history:
        history.add_dynamic_partitions("sales_columns", list(EARLIER))

    run = workplace.call("run", "sales.parquet")

    assert run.status == 0, run.err
    with workplace.history() as history:
        assert history.get_dynamic_partitions("sales_columns") == list(EARLIER)
        made = history.get_materialized_partitions(dg.AssetKey(["sales", "transformed"]))
        assert made == set(EARLIER)


def test_a_column_of_an_earlier_key_is_materialised_alone(
    workplace: Workplace, instance: dg.DagsterInstance
) -> None:
    pl.DataFrame({name: [1, 2, 3] * 20 for name in NAMES}).write_parquet(
        workplace.path / "sales.parquet"
    )
    definitions = dataset_definitions(
        {
            "store": str(workplace.store),
            "datasets": {"sales": {"source": str(workplace.path / "sales.parquet")}},
        }
    )
    for key in (EARLIER[0], NAMES[0]):
        instance.add_dynamic_partitions("sales_columns", [key])
        result = definitions.resolve_job_def(job_name("sales")).execute_in_process(
            instance=instance, partition_key=key
        )
        assert result.success

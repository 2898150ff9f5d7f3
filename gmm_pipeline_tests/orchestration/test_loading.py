"""Assets downstream of a dataset get what their annotation asks for, of one column or of all."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal
from workplace import PROJECT, Workplace, remove_result

from gmm_pipeline.arrow.identity import identities_in
from gmm_pipeline.components import dataset_definitions
from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.interfaces.table_encoder import TableEncoder
from gmm_pipeline.orchestration.partition_keys import PartitionKeys, partitions_of
from gmm_pipeline.store.store import Store

NAMES = ["amount", "Visit Duration (s)", "a/b"]
FRAME = pl.DataFrame(
    {
        "amount": [0.1 * (number % 97) ** 2 for number in range(300)],
        "Visit Duration (s)": [number % 50 for number in range(300)],
        "a/b": ["x", None] * 150,
    }
)
GUIDE = (PROJECT / "docs" / "dagster.md").read_text()
EXAMPLE = re.search(r"## Assets downstream.*?```python\n(.*?)```", GUIDE, re.DOTALL)[1]
ENCODED = [f"{name}.{part}" for name in NAMES for part in ("value", "rank")]


@pytest.fixture(scope="module")
def pristine(new_workplace: Callable[[], Workplace]) -> Workplace:
    workplace = new_workplace()
    FRAME.write_parquet(workplace.path / "t.parquet")
    run = workplace.call("run", "t.parquet")
    assert run.status == 0, run.err
    return workplace


class Project:
    """A Dagster project beside the definitions of a dataset."""

    def __init__(self, workplace: Workplace, instance: dg.DagsterInstance) -> None:
        self.workplace, self.instance = workplace, instance
        self.fit = Store(workplace.store).fit("t")
        self.definitions = dataset_definitions(
            {
                "store": str(workplace.store),
                "datasets": {"t": {"source": str(workplace.path / "t.parquet")}},
            }
        )

    def materialise(
        self,
        annotation: Any,
        stage: str = "transformed",
        key: str | None = None,
        together: Sequence[str] = (),
        **given: Any,
    ) -> dg.ExecuteInProcessResult:
        """Materialise an asset downstream, for all columns or for one, and others in the same
        run.
        """

        def downstream(value: Any) -> Any:
            return value

        downstream.__annotations__["value"] = annotation
        asset = dg.asset(
            downstream,
            ins={"value": dg.AssetIn(key=["t", stage], **given)},
            partitions_def=None if key is None else partitions_of("t"),
            io_manager_key="memory",
        )
        return self.execute(asset, key, together)

    def execute(
        self, asset: dg.AssetsDefinition, key: str | None, together: Sequence[str] = ()
    ) -> dg.ExecuteInProcessResult:
        """Materialise an asset beside those of the dataset."""
        own = dg.Definitions(
            assets=[asset],
            jobs=[dg.define_asset_job("own", [asset.key.to_user_string(), *together])],
            resources={"memory": dg.mem_io_manager},
            executor=dg.in_process_executor,
        )
        job = dg.Definitions.merge(own, self.definitions).resolve_job_def("own")
        return job.execute_in_process(
            instance=self.instance, partition_key=key, raise_on_error=False
        )

    def value(self, annotation: Any, stage: str = "transformed", **given: Any) -> Any:
        result = self.materialise(annotation, stage, **given)
        assert result.success, self.told(result)
        return result.output_for_node("downstream")

    def load(self, stage: str, **given: Any) -> Any:
        return self.definitions.load_asset_value(["t", stage], instance=self.instance, **given)

    @staticmethod
    def told(result: dg.ExecuteInProcessResult) -> str:
        (failure,) = result.get_step_failure_events()
        return str(failure.step_failure_data.error.to_string())


@pytest.fixture(scope="module")
def project(pristine: Workplace) -> Iterator[Project]:
    with pristine.history() as instance:
        yield Project(pristine, instance)


@pytest.fixture
def own_project(pristine: Workplace, workplace: Workplace) -> Iterator[Project]:
    """A project whose store and table a test may change."""
    shutil.copytree(pristine.store, workplace.store, symlinks=True)
    shutil.copy(pristine.path / "t.parquet", workplace.path)
    with dg.DagsterInstance.ephemeral() as instance:
        keys = PartitionKeys.of("t", instance)
        instance.add_dynamic_partitions("t_columns", keys.unregistered(NAMES))
        yield Project(workplace, instance)


TABLES = {
    pl.LazyFrame: lambda frame: frame.collect(),
    pl.DataFrame: lambda frame: frame,
    pa.Table: pl.DataFrame,
}


@pytest.mark.parametrize("kind", TABLES)
def test_rows_of_a_column_are_the_table_that_the_annotation_asks_for(
    project: Project, kind: type
) -> None:
    value = project.value(kind, "raw", key="a~2Fb")

    assert isinstance(value, kind)
    assert TABLES[kind](value).equals(FRAME.select("a/b"))


@pytest.mark.parametrize("kind", TABLES)
def test_rows_of_all_columns_are_one_table_in_the_order_of_the_source(
    project: Project, kind: type
) -> None:
    raw, encoded = project.value(kind, "raw"), project.value(kind)

    assert TABLES[kind](raw).equals(FRAME)
    assert TABLES[kind](encoded).columns == ENCODED


def test_an_encoded_arrow_table_of_all_columns_is_decoded_by_the_fit_that_it_names(
    project: Project,
) -> None:
    encoded = project.value(pa.Table)

    decoded = TableEncoder.load(project.fit.path).inverse_transform(encoded)

    assert_frame_equal(decoded.collect(), FRAME)
    assert set(identities_in(encoded.schema.metadata)) == set(NAMES)


def test_all_columns_by_name(project: Project) -> None:
    tables = project.value(dict[str, pl.DataFrame], "raw")
    models = project.value(dict[str, ColumnModel], "gmm_model")

    assert {name: table.to_series().to_list() for name, table in tables.items()} == FRAME.to_dict(
        as_series=False
    )
    assert list(models) == NAMES
    assert {name: model.column for name, model in models.items()} == {name: name for name in NAMES}


@pytest.mark.parametrize("annotation", [Any, dict, dict[str, Any]])
def test_what_is_not_annotated_is_lazy_frames_and_models_by_column(
    project: Project, annotation: Any
) -> None:
    kinds = {
        "raw": pl.LazyFrame,
        "sketch": Sketch,
        "gmm_model": ColumnModel,
        "feature_rank": pl.LazyFrame,
        "transformed": pl.LazyFrame,
    }
    for stage, kind in kinds.items():
        value = project.value(annotation, stage)
        assert {name: type(each) for name, each in value.items()} == dict.fromkeys(NAMES, kind)
        assert isinstance(project.value(Any, stage, key="amount"), kind)


def test_the_modes_of_a_column_by_rank_are_a_table(project: Project) -> None:
    modes = project.value(pl.DataFrame, "feature_rank", key="amount")

    assert modes["rank"].to_list() == list(range(len(modes)))


@pytest.mark.parametrize(
    ("stage", "annotation", "remedy"),
    [
        ("gmm_model", ColumnModel, r"dict\[str, ColumnModel\]"),
        ("feature_rank", pl.DataFrame, r"dict\[str, DataFrame\]"),
        ("gmm_model", pl.DataFrame, "ColumnModel or Spark's GaussianMixtureModel"),
        ("transformed", ColumnModel, "polars.LazyFrame or polars.DataFrame or pyarrow.Table"),
    ],
)
def test_an_annotation_that_cannot_be_met_is_refused_with_those_that_can(
    project: Project, stage: str, annotation: type, remedy: str
) -> None:
    result = project.materialise(annotation, stage)

    assert not result.success
    assert dg.DagsterEventType.STEP_FAILURE in {event.event_type for event in result.all_events}
    with pytest.raises(AssertionError, match=remedy):
        project.value(annotation, stage)


def test_values_are_loaded_outside_of_a_run(project: Project) -> None:
    frame = project.load("raw", partition_key="Visit Duration (s)", python_type=pl.DataFrame)
    model = project.load("gmm_model", partition_key="amount")

    assert frame.equals(FRAME.select("Visit Duration (s)"))
    assert isinstance(model, ColumnModel)
    assert project.load("raw", python_type=pl.DataFrame).equals(FRAME)
    assert list(project.load("transformed")) == NAMES
    with project.definitions.get_asset_value_loader(project.instance) as loader:
        assert loader.load_asset_value(["t", "raw"], python_type=pa.Table).num_rows == len(FRAME)


def test_a_column_without_a_result_is_an_error_that_names_it(own_project: Project) -> None:
    own_project.instance.add_dynamic_partitions("t_columns", ["new"])
    FRAME.with_columns(new=1.5).write_parquet(own_project.workplace.path / "t.parquet")
    own_project.definitions.resolve_job_def("t_run")
    _run(own_project, ["amount"])

    result = own_project.materialise(pl.DataFrame)

    assert "column 'new' has no result" in own_project.told(result)


def test_columns_of_several_versions_of_the_source_are_not_joined(own_project: Project) -> None:
    FRAME.reverse().write_parquet(own_project.workplace.path / "t.parquet")
    _run(own_project, ["amount"])

    result = own_project.materialise(dict[str, pl.DataFrame])
    rest = own_project.value(pl.DataFrame, "raw", metadata={"allow_missing_partitions": True})

    assert (
        "column 'amount' is of another version of the source than most columns"
        in own_project.told(result)
    )
    assert rest.equals(FRAME.drop("amount"))
    assert own_project.value(pl.DataFrame, "raw", key="amount").equals(
        FRAME.reverse().select("amount")
    )


def test_files_that_are_gone_are_an_error(own_project: Project) -> None:
    remove_result(own_project.fit.column("amount").path, "transformed")

    assert "missing or truncated" in own_project.told(own_project.materialise(pl.DataFrame))


def test_what_a_run_has_computed_is_what_it_loads(own_project: Project) -> None:
    FRAME.reverse().write_parquet(own_project.workplace.path / "t.parquet")

    result = own_project.materialise(pl.DataFrame, "raw", key="amount", together=["t/raw"])

    assert result.success
    assert result.output_for_node("downstream").equals(FRAME.reverse().select("amount"))


@pytest.mark.parametrize("first", ["raw", "transformed"])
def test_inputs_of_a_column_belong_together(own_project: Project, first: str) -> None:
    FRAME.reverse().write_parquet(own_project.workplace.path / "t.parquet")
    assert own_project.materialise(Any, "raw", key="amount", together=["t/raw"]).success
    second = {"raw": "transformed", "transformed": "raw"}[first]

    def both(first: pl.DataFrame, second: pl.DataFrame) -> list[pl.DataFrame]:
        return [first, second]

    asset = dg.asset(
        both,
        ins={"first": dg.AssetIn(["t", first]), "second": dg.AssetIn(["t", second])},
        partitions_def=partitions_of("t"),
        io_manager_key="memory",
    )
    result = own_project.execute(asset, key="amount")

    if first == "raw":
        # The encoded rows of the new copy are still missing.
        assert "has no result of stage 'transformed'" in own_project.told(result)
    else:
        assert result.output_for_node("both")[1].equals(FRAME.select("amount"))
        logged = [entry.user_message for entry in own_project.instance.all_logs(result.run_id)]
        assert any("newer results of amount are not published yet" in line for line in logged)


def test_lazy_frames_are_of_their_snapshot_while_later_runs_replace_it(
    own_project: Project,
) -> None:
    with own_project.definitions.get_asset_value_loader(own_project.instance) as loader:
        lazy = loader.load_asset_value(["t", "raw"], python_type=pl.LazyFrame)
        for rows in (FRAME.reverse(), FRAME.head(50)):
            rows.write_parquet(own_project.workplace.path / "t.parquet")
            _run(own_project, NAMES)

        assert lazy.collect().equals(FRAME)
    assert own_project.load("raw", python_type=pl.DataFrame).equals(FRAME.head(50))


def test_the_guide_loads_what_it_says(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    FRAME.write_parquet(workplace.path / "sales.parquet")
    run = workplace.call("run", "sales.parquet", "--store", "gmm_store")
    assert run.status == 0, run.err
    monkeypatch.chdir(workplace.path)
    monkeypatch.delenv("GMM_PIPELINE_STORE", raising=False)
    guided: dict[str, Any] = {}

    exec(EXAMPLE, guided)  # noqa: S102 - what the guide tells people to write

    assert guided["encoded"].columns == ENCODED
    with workplace.history() as instance:
        keys = {"training_rows": None, "widths": None, "distinct": "a~2Fb"}
        for name, key in keys.items():
            defs = dg.Definitions.merge(
                guided["defs"],
                dg.Definitions(
                    jobs=[dg.define_asset_job("own", name)],
                    resources={"io_manager": dg.mem_io_manager},
                ),
            )
            result = defs.resolve_job_def("own").execute_in_process(
                instance=instance, partition_key=key
            )
            assert result.success
    assert pl.read_parquet("training_rows.parquet").equals(guided["encoded"])
    assert result.output_for_node("distinct") == 2


def _run(project: Project, columns: list[str]) -> None:
    job = project.definitions.resolve_job_def("t_run")
    result = job.execute_in_process(
        instance=project.instance,
        run_config={"ops": {"t_columns": {"config": {"columns": columns}}}},
    )
    assert result.success

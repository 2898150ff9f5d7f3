import pathlib
import shutil
from collections.abc import Callable

import dagster as dg
import polars as pl
import pytest
from workplace import PROJECT, Workplace, contents, remove_result, results, states

from gmm_pipeline.fits.spec import FitSpec, load_spec
from gmm_pipeline.orchestration.assets import job_name
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.partition_keys import partitions_of
from gmm_pipeline.store.names import encode_key
from gmm_pipeline.store.store import Store

COLUMNS = ("amount", "a/b")
FRAME = pl.DataFrame(
    {"amount": [0.1 * (number % 97) ** 2 for number in range(500)], "a/b": ["x", None] * 250}
)
ASSETS = ["raw", "sketch", "gmm_model", "feature_rank", "transformed"]


@pytest.fixture(scope="module")
def pristine(new_workplace: Callable[[], Workplace]) -> Workplace:
    workplace = new_workplace()
    FRAME.write_parquet(workplace.path / "t.parquet")
    run = workplace.call("run", "t.parquet")
    assert run.status == 0, run.err
    return workplace


@pytest.fixture
def done(pristine: Workplace, workplace: Workplace) -> Workplace:
    """A workplace of its own with the results and the history of a run."""
    shutil.copytree(pristine.store, workplace.store, symlinks=True)
    shutil.copytree(
        pristine.dagster_home, workplace.dagster_home, dirs_exist_ok=True, symlinks=True
    )
    return workplace


def materialise(
    workplace: Workplace, asset: str, column: str, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    spec = load_spec(Store(workplace.store).fit("t"))
    definitions = build_definitions([Dataset("t", lambda: spec, lambda: spec)], workplace.store)
    instance.add_dynamic_partitions(
        str(partitions_of("t").name), [encode_key(name) for name in spec.columns]
    )
    return definitions.resolve_job_def(job_name("t")).execute_in_process(
        instance=instance,
        partition_key=encode_key(column),
        asset_selection=[dg.AssetKey(["t", asset])],
        raise_on_error=False,
    )


@pytest.fixture
def instance() -> "dg.DagsterInstance":
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.mark.parametrize("asset", ASSETS)
def test_materialising_one_stage_of_one_column_touches_nothing_else(
    done: Workplace, instance: dg.DagsterInstance, asset: str
) -> None:
    stage = "model" if asset == "gmm_model" else asset
    made, before = results(done.store / "t"), states(done.store / "t")
    remove_result(done.store / "t" / "a~2Fb", stage)

    result = materialise(done, asset, "a/b", instance)

    assert result.success
    assert results(done.store / "t") == made
    touched = {
        path for path, state in states(done.store / "t").items() if before.get(path) != state
    }
    assert touched
    own = (f".contents/{stage}-", f"manifests/{stage}-", "results.json", "snapshots/", ".lock")
    assert all(path.removeprefix("a~2Fb/").startswith(own) for path in touched)


def test_materialisations_tell_what_was_made(done: Workplace) -> None:
    with done.history() as history:
        events = {
            asset: history.get_latest_materialization_event(
                dg.AssetKey(["t", asset])
            ).asset_materialization
            for asset in ASSETS
        }

    for event in events.values():
        assert event.metadata["bytes"].value > 0
        assert event.metadata["seconds"].value >= 0
        assert pathlib.Path(event.metadata["path"].value).is_dir()
        assert event.partition in {encode_key(column) for column in COLUMNS}
    assert events["gmm_model"].metadata["modes"].value > 1
    assert events["gmm_model"].metadata["kind"].value in {"continuous", "mixed", "categorical"}
    assert events["sketch"].metadata["points"].value > 0
    assert 0 < events["feature_rank"].metadata["most_frequent"].value <= 1
    assert events["transformed"].metadata["changed"].value == 0
    column = events["transformed"].partition.replace("~2F", "/")
    schema = events["transformed"].metadata["dagster/column_schema"].value
    assert [field.name for field in schema.columns] == [f"{column}.value", f"{column}.rank"]


def test_a_run_of_the_command_line_is_one_run_for_all_columns(done: Workplace) -> None:
    assert done.runs() == 1


def test_a_stage_without_its_inputs_fails_with_a_remedy(
    done: Workplace, instance: dg.DagsterInstance
) -> None:
    remove_result(done.store / "t" / "amount", "sketch")

    result = materialise(done, "gmm_model", "amount", instance)

    assert not result.success
    (failure,) = result.get_step_failure_events()
    told = failure.step_failure_data.user_failure_data
    assert "no complete result of stage 'sketch'" in told.description
    assert told.metadata["remedy"].value.endswith("or materialise the asset")


def test_a_failure_is_remembered_for_the_status(
    done: Workplace, instance: dg.DagsterInstance
) -> None:
    spec = load_spec(Store(done.store).fit("t"))
    pathlib.Path(spec.source).rename(done.path / "gone.parquet")
    try:
        result = materialise(done, "raw", "amount", instance)
    finally:
        (done.path / "gone.parquet").rename(spec.source)

    assert not result.success
    failure = Store(done.store).fit("t").column("amount").failure()
    assert failure is not None
    assert failure.stage == "raw"
    assert "does not exist" in failure.message


def test_the_sensor_registers_columns_once(
    instance: dg.DagsterInstance, tmp_path: pathlib.Path
) -> None:
    spec = FitSpec(name="t", source="unused", columns=COLUMNS)
    definitions = build_definitions([Dataset("t", lambda: spec, lambda: spec)], tmp_path)
    sensor = definitions.get_repository_def().get_sensor_def("t_sensor")

    found = sensor(dg.build_sensor_context(instance=instance))
    (request,) = found.dynamic_partitions_requests
    assert list(request.partition_keys) == ["amount", "a~2Fb"]
    instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))

    assert isinstance(sensor(dg.build_sensor_context(instance=instance)), dg.SkipReason)


def test_the_assets_of_a_fit_form_the_documented_chain() -> None:
    spec = FitSpec(name="t", source="unused", columns=COLUMNS)
    graph = build_definitions(
        [Dataset("t", lambda: spec, lambda: spec)], pathlib.Path("unused")
    ).resolve_asset_graph()

    parents = {
        key.path[-1]: {parent.path[-1] for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {"t", "t_source"}
    assert parents == {
        "t_source": set(),
        "raw": {"t_source"},
        "sketch": {"raw"},
        "gmm_model": {"raw", "sketch"},
        "feature_rank": {"gmm_model"},
        "transformed": {"raw", "gmm_model", "feature_rank"},
    }


def test_dg_launch_makes_a_stage_of_a_column(done: Workplace) -> None:
    made = contents(done.store / "t" / "amount" / "model")
    remove_result(done.store / "t" / "amount", "model")

    launched = done.finish(
        "dg", "launch", "--assets", "t/gmm_model", "--partition", "amount", folder=PROJECT
    )

    assert launched.status == 0, launched.err
    assert contents(done.store / "t" / "amount" / "model") == made
    assert done.runs() == 2


def test_the_workspace_is_valid_without_settings(workplace: Workplace) -> None:
    validated = workplace.finish(
        "dagster", "definitions", "validate", "-w", "workspace.yaml", folder=PROJECT
    )

    assert validated.status == 0, validated.err
    assert "Validation successful" in validated.out + validated.err
    assert not workplace.store.exists()

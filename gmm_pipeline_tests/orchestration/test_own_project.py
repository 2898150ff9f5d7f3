"""Datasets in somebody's own Dagster project: beside other definitions, and as a component in a
`defs.yaml`.
"""

import json
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml
from workplace import PROJECT, Finished, Workplace

from gmm_pipeline.components import Datasets, dataset_definitions
from gmm_pipeline.errors import SettingsError
from gmm_pipeline.fits.spec import load_spec
from gmm_pipeline.orchestration.assets import job_name
from gmm_pipeline.orchestration.configuration import Configuration, configuration_of
from gmm_pipeline.orchestration.scaffolding import DatasetsScaffolder
from gmm_pipeline.store.store import Store

FRAME = pl.DataFrame(
    {"amount": [0.1 * (number % 97) ** 2 for number in range(300)], "city": ["x", None] * 150}
)
SETTINGS = {
    "datasets": {
        "sales": {"source": "sales.parquet", "column_settings": {"amount": {"max_modes": 3}}}
    }
}
GUIDE = (PROJECT / "docs" / "dagster.md").read_text()
PYTHON = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)[1]
DEFS_YAML = re.search(r"```yaml\n(type.*?)```", GUIDE, re.DOTALL)[1]
GUIDED = "sales_lines"
"""The dataset of the guide."""
COMPONENT = "gmm_pipeline.components.Datasets"
STAGES = {"raw", "sketch", "gmm_model", "feature_rank", "transformed"}


@dg.asset(deps=[dg.AssetKey(["sales", "transformed"])])
def report() -> int:
    return 7


class Notes(dg.ConfigurableResource[None]):
    text: str = "mine"


@dg.asset
def summary(notes: Notes) -> str:
    return notes.text


OWN = dg.Definitions(
    assets=[report, summary],
    jobs=[dg.define_asset_job("own", [report, summary])],
    resources={"notes": Notes(), "io_manager": dg.mem_io_manager},
    executor=dg.multiprocess_executor,
)


@pytest.fixture
def place(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    FRAME.write_parquet(tmp_path / "sales.parquet")
    (tmp_path / "datasets.yaml").write_text(json.dumps({"store": "results", **SETTINGS}))
    monkeypatch.delenv("GMM_PIPELINE_STORE", raising=False)
    return tmp_path


@pytest.fixture
def instance() -> "dg.DagsterInstance":
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("sales_columns", ["amount", "city"])
        yield instance


def test_definitions_go_beside_those_of_a_project(
    place: pathlib.Path, instance: dg.DagsterInstance
) -> None:
    merged = dg.Definitions.merge(OWN, dataset_definitions(place / "datasets.yaml"))

    encoded = merged.resolve_job_def(job_name("sales")).execute_in_process(
        instance=instance, partition_key="city"
    )
    own = merged.resolve_job_def("own").execute_in_process(instance=instance)

    assert encoded.success
    assert own.success
    assert own.output_for_node("summary") == "mine"
    assert pl.read_parquet(place / "results" / "sales" / "city" / "transformed").height == len(
        FRAME
    )
    keys = {key.to_user_string() for key in merged.resolve_asset_graph().get_all_asset_keys()}
    assert keys == {"report", "summary", "sales_source", *(f"sales/{stage}" for stage in STAGES)}


def test_resources_of_a_project_have_any_names(place: pathlib.Path) -> None:
    own = dg.Definitions(
        resources={"store": Notes(), "engine": Notes(), "results": dg.mem_io_manager}
    )

    dg.Definitions.validate_loadable(
        dg.Definitions.merge(own, dataset_definitions(place / "datasets.yaml"))
    )


def test_several_files_of_one_store_go_into_one_project(place: pathlib.Path) -> None:
    (place / "more.yaml").write_text(
        "store: results\ndatasets:\n  more:\n    source: sales.parquet\n"
    )

    merged = dg.Definitions.merge(
        dataset_definitions(place / "datasets.yaml"), dataset_definitions(place / "more.yaml")
    )

    dg.Definitions.validate_loadable(merged)
    assert {job.name for job in merged.jobs} == {
        "sales_job",
        "sales_run",
        "more_job",
        "more_run",
    }


def test_the_executor_of_a_project_is_its_own(place: pathlib.Path) -> None:
    merged = dg.Definitions.merge(OWN, dataset_definitions(place / "datasets.yaml"))

    assert merged.resolve_job_def(job_name("sales")).executor_def is dg.in_process_executor
    assert merged.resolve_job_def("own").executor_def is dg.multiprocess_executor


def test_a_configuration_is_a_file_or_what_it_would_hold(
    place: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    given: list[pathlib.Path | str | dict[str, object] | Configuration] = [
        place / "datasets.yaml",
        "datasets.yaml",
        SETTINGS,
        configuration_of(SETTINGS),
    ]

    for config in given:
        definitions = dataset_definitions(config)
        assert [job.name for job in definitions.jobs] == ["sales_job", "sales_run"]


def test_a_mistake_in_the_configuration_is_told(place: pathlib.Path) -> None:
    (place / "datasets.yaml").write_text("datasets:\n  sales:\n    sauce: sales.parquet\n")

    with pytest.raises(
        SettingsError,
        match=r"line 3: datasets\.sales\.sauce: unknown setting\. Did you mean 'source'",
    ):
        dataset_definitions(place / "datasets.yaml")


def test_no_source_is_looked_at_when_definitions_are_made(place: pathlib.Path) -> None:
    (place / "sales.parquet").unlink()

    definitions = dataset_definitions(place / "datasets.yaml")

    dg.Definitions.validate_loadable(definitions)
    assert not (place / "results").exists()


def project_in(folder: pathlib.Path, defs_yaml: str) -> None:
    """Make a Dagster project with an asset of its own and a `defs.yaml`, and the table beside
    it.
    """
    FRAME.write_parquet(folder / "sales.parquet")
    files = {
        "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n'
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n',
        "shop/__init__.py": "",
        "shop/definitions.py": "import pathlib\nimport dagster as dg\n"
        "defs = dg.load_from_defs_folder(path_within_project=pathlib.Path(__file__).parent)\n",
        "shop/defs/__init__.py": "",
        "shop/defs/report.py": "import dagster as dg\n"
        '@dg.asset(deps=[dg.AssetKey(["sales_lines", "transformed"])])\ndef report() -> None: ...\n',
        "shop/defs/tables/defs.yaml": defs_yaml,
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture(scope="module")
def project(new_workplace: Callable[[], Workplace]) -> Workplace:
    """A Dagster project with the component of the guide."""
    workplace = new_workplace()
    project_in(workplace.path, DEFS_YAML)
    return workplace


@pytest.fixture(scope="module")
def other_project(new_workplace: Callable[[], Workplace]) -> Workplace:
    """Another, in which `dg` scaffolds a component, with a mistake in its first one."""
    workplace = new_workplace()
    project_in(workplace.path, DEFS_YAML.replace("max_modes", "max_mode"))
    return workplace


@pytest.fixture(scope="module")
def scaffolded(other_project: Workplace, answers: dict[str, Finished]) -> pathlib.Path:
    """The component that `dg` scaffolded."""
    assert answers["scaffold"].status == 0, answers["scaffold"].err
    return other_project.path / "shop" / "defs" / "more" / "defs.yaml"


@pytest.fixture(scope="module")
def answers(project: Workplace, other_project: Workplace) -> dict[str, Finished]:
    """What programs say of the project, and `dg` of one with a mistake; they run side by side, for
    each takes long.
    """
    with project.history():
        pass  # Programs that make its databases at once would fail.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA", str(project.path))
        patch.setenv("VIRTUAL_ENV", sys.prefix)
        started = {
            "components": project.start("dg", "list", "components", "--json"),
            "check": project.start("dg", "check", "defs"),
            "list": project.start("dg", "list", "defs", "--json"),
            "validate": project.start(
                "dagster", "definitions", "validate", "-m", "shop.definitions"
            ),
            "mistake": other_project.start("dg", "check", "yaml"),
            "scaffold": other_project.start("dg", "scaffold", "defs", COMPONENT, "more"),
        }
        said = {name: (process, *process.communicate()) for name, process in started.items()}
    return {
        name: Finished(process.returncode, out, err) for name, (process, out, err) in said.items()
    }


def test_dg_knows_the_component(answers: dict[str, Finished]) -> None:
    listed = answers["components"]

    assert listed.status == 0, listed.err
    assert "gmm_pipeline.components.Datasets" in {entry["key"] for entry in listed.json()["items"]}


def test_dg_checks_and_lists_the_project(answers: dict[str, Finished]) -> None:
    checked, listed = answers["check"], answers["list"]

    assert checked.status == 0, checked.out + checked.err
    assert "All component YAML validated" in checked.out
    assert "All definitions loaded" in checked.out + checked.err
    assert listed.status == 0, listed.err
    kinds = listed.json()
    assert {asset["asset_key"] for asset in kinds["assets"]} == {
        "report",
        f"{GUIDED}_source",
        *(f"{GUIDED}/{stage}" for stage in STAGES),
    }
    assert f"{GUIDED}_job" in {job["name"] for job in kinds["jobs"]}
    assert {schedule["cron_schedule"] for schedule in kinds["schedules"]} == {"0 3 * * 1"}
    assert kinds["sensors"]


def test_dagster_validates_the_project(answers: dict[str, Finished]) -> None:
    validated = answers["validate"]

    assert validated.status == 0, validated.out + validated.err


def test_a_mistake_in_defs_yaml_is_shown_where_it_is(answers: dict[str, Finished]) -> None:
    checked = answers["mistake"]

    assert checked.status == 1
    assert "max_mode" in checked.out + checked.err
    assert (
        f"defs.yaml:{DEFS_YAML.split('max_modes')[0].count(chr(10)) + 1}"
        in checked.out + checked.err
    )


def test_a_column_is_encoded_in_the_project(
    project: Workplace, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv("DATA", str(project.path))
    monkeypatch.delenv("GMM_PIPELINE_STORE", raising=False)
    monkeypatch.syspath_prepend(project.path)
    from shop.definitions import defs

    instance.add_dynamic_partitions(f"{GUIDED}_columns", ["amount"])
    result = defs.resolve_job_def(job_name(GUIDED)).execute_in_process(
        instance=instance, partition_key="amount"
    )

    assert result.success
    spec = load_spec(Store(project.path / "gmm_store").fit(GUIDED))
    assert spec.columns == ("amount", "city")
    assert spec.settings.columns == {"amount": {"max_modes": 5}}
    assert pl.read_parquet(
        project.path / "gmm_store" / GUIDED / "amount" / "transformed"
    ).height == len(FRAME)


def test_the_function_is_used_as_the_guide_says(
    place: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    names: dict[str, Any] = {}

    exec(PYTHON, names)  # noqa: S102 - what the guide tells people to write

    graph = names["defs"].resolve_asset_graph()
    assert graph.get(dg.AssetKey("sales_report")).parent_keys == {
        dg.AssetKey([GUIDED, "transformed"])
    }


def test_the_component_takes_what_the_file_takes() -> None:
    assert Datasets.get_model_cls() is Configuration
    component = Datasets.from_attributes_dict(attributes={"store": "{{ 'there' }}", **SETTINGS})
    assert component.configuration == configuration_of({"store": "there", **SETTINGS})


def test_a_component_without_datasets_is_one_that_waits_for_them() -> None:
    component = Datasets.from_attributes_dict(attributes={})

    assert not component.configuration.datasets
    assert not Datasets().configuration.datasets


def test_what_dg_scaffolds_is_a_component_without_datasets(scaffolded: pathlib.Path) -> None:
    written = yaml.safe_load(scaffolded.read_text())

    assert written["type"] == COMPONENT
    component = Datasets.from_attributes_dict(attributes=written["attributes"])
    assert component.configuration == configuration_of({"store": "../../../gmm_store"})


def test_the_example_that_dg_scaffolds_is_right(scaffolded: pathlib.Path) -> None:
    before, _, example = scaffolded.read_text().partition("  datasets: {}\n")
    text = before + re.sub("^  # ", "  ", example, flags=re.MULTILINE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA", "data")
        component = Datasets.from_attributes_dict(attributes=yaml.safe_load(text)["attributes"])
    sales = component.configuration.datasets["sales"]
    assert sales.source == "data/sales/*.parquet"
    assert sales.column_settings["city"].max_categories == 50


def test_a_component_in_python_is_scaffolded_as_any_other(tmp_path: pathlib.Path) -> None:
    request = dg.ScaffoldRequest(COMPONENT, tmp_path, "python", tmp_path, None)

    DatasetsScaffolder().scaffold(request)

    assert "-> Datasets: ..." in (tmp_path / "component.py").read_text()

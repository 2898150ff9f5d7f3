"""The file of datasets: what it says, how its mistakes are told, and the fits that it stands
for.
"""

import json
import pathlib
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import jsonschema
import polars as pl
import pytest
import yaml
from workplace import PROJECT, Workplace

from gmm_pipeline.errors import SettingsError, SourceError
from gmm_pipeline.fits.config_text.documents import read_document
from gmm_pipeline.fits.spec import load_spec
from gmm_pipeline.orchestration.configuration import (
    Configuration,
    configuration_of,
    read_configuration,
)
from gmm_pipeline.orchestration.configured_datasets import configured_datasets
from gmm_pipeline.orchestration.datasets import Dataset
from gmm_pipeline.store.store import Store

GUIDE = (PROJECT / "docs" / "dagster.md").read_text()
YAML_EXAMPLE, TOML_EXAMPLE = (
    re.search(rf"```{kind}\n(?:#[^\n]*\n)?(store.*?)```", GUIDE, re.DOTALL)[1]
    for kind in ("yaml", "toml")
)
FRAME = pl.DataFrame(
    {"amount": [0.1 * (number % 97) ** 2 for number in range(300)], "kind": ["x", None] * 150}
)

MISTAKES = {
    "an unknown setting": (
        "datasets:\n  sales:\n    source: t.parquet\n    settings:\n      max_mode: 3\n",
        ["line 5: datasets.sales.settings.max_mode: unknown setting. Did you mean 'max_modes'?"],
    ),
    "an unknown part of a dataset": (
        "datasets:\n  sales:\n    source: t.parquet\n    shedule: 0 3 * * *\n",
        ["line 4: datasets.sales.shedule: unknown setting. Did you mean 'schedule'?"],
    ),
    "an unknown part of the file": (
        "dataset:\n",
        ["line 1: dataset: unknown setting. Did you mean 'datasets'?"],
    ),
    "a value out of range": (
        "datasets:\n  sales:\n    source: t.parquet\n    column_settings:\n      a/b:\n        max_modes: 0\n",
        [
            "line 6: datasets.sales.column_settings.'a/b'.max_modes: 0 is not allowed: it should be greater than"
        ],
    ),
    "a word that is none of those allowed": (
        "datasets:\n  sales:\n    source: t.parquet\n    settings: {kind: continous}\n",
        [
            "line 4: datasets.sales.settings.kind: 'continous' is not allowed. Did you mean 'continuous'?"
        ],
    ),
    "an engine that there is not": (
        "datasets:\n  sales:\n    source: t.parquet\n    engine: duck\n",
        ["line 4: datasets.sales.engine: 'duck' is not allowed. Choose from: local, spark."],
    ),
    "a word where a list belongs": (
        "datasets:\n  sales:\n    source: t.parquet\n    columns: amount\n",
        [
            "line 4: datasets.sales.columns: 'amount' is not allowed: it should be a list. Its description: names or globs"
        ],
    ),
    "a number where text belongs": (
        "datasets:\n  sales:\n    source: t.parquet\n    csv:\n      nulls:\n      - NA\n      - -999\n",
        ["line 7: datasets.sales.csv.nulls[1]: -999 is not allowed: it should be a valid string"],
    ),
    "nothing where something belongs": (
        "datasets:\n  sales:\n    source: t.parquet\n    watch:\n",
        [
            "line 4: datasets.sales.watch: an empty value is not allowed: it should be a valid boolean or a valid string"
        ],
    ),
    "no source": (
        "datasets:\n  sales:\n    columns: [amount]\n",
        [
            "line 2: datasets.sales: 'source' is missing. Its description: a Parquet or CSV file, a folder of them, or a glob"
        ],
    ),
    "a dataset that is no table": (
        "datasets:\n  sales: t.parquet\n",
        ["line 2: datasets.sales: 't.parquet' is not allowed: it should be a table of settings"],
    ),
    "a list of datasets": (
        "store: s\ndatasets:\n- source: t.parquet\n",
        [
            "line 2: datasets: [{'source': 't.parquet'}] is not allowed: it should be a table of settings"
        ],
    ),
    "a file that is a list": (
        "- sales\n",
        ["line 1: ['sales'] is not allowed: it should be a table of settings"],
    ),
    "a name that is no fit's": (
        "datasets:\n  my sales:\n    source: t.parquet\n",
        [
            "line 2: datasets.'my sales': invalid name of a dataset. Use letters, digits and underscores"
        ],
    ),
    "a time that there is not": (
        "datasets:\n  sales:\n    source: t.parquet\n    schedule: 61 3 * * *\n",
        [
            "line 4: datasets.sales.schedule: '61 3 * * *' is not allowed: it is not a cron expression"
        ],
    ),
    "a time zone that there is not": (
        "datasets:\n  sales:\n    source: t.parquet\n    timezone: Europe/Zürich\n",
        [
            "line 4: datasets.sales.timezone: 'Europe/Zürich' is not allowed: it is not a time zone such as"
        ],
    ),
    "a pool that Dagster would refuse": (
        "datasets:\n  sales:\n    source: t.parquet\n    pool: slow disk\n",
        ["line 4: datasets.sales.pool: 'slow disk' is not allowed"],
    ),
    "a number of retries below zero": (
        "datasets:\n  sales:\n    source: t.parquet\n    retries: -1\n",
        ["line 4: datasets.sales.retries: -1 is not allowed: it should be greater than"],
    ),
    "an owner that Dagster would refuse": (
        "datasets:\n  sales:\n    source: t.parquet\n    owners: [ann@example.com, bob]\n",
        [
            "line 4: datasets.sales.owners: ['ann@example.com', 'bob'] is not allowed: 'bob' is neither an e-mail"
        ],
    ),
    "a check that there is not": (
        "datasets:\n  sales:\n    source: t.parquet\n    blocking_checks:\n    - roundtrip\n",
        [
            "line 5: datasets.sales.blocking_checks[0]: 'roundtrip' is not allowed. Did you mean 'round_trip'?"
        ],
    ),
    "two at once": (
        "datasets:\n  sales:\n    sorce: t.parquet\n  other:\n    source: t.parquet\n    watch: ''\n",
        [
            "line 2: datasets.sales: 'source' is missing",
            "line 3: datasets.sales.sorce: unknown setting. Did you mean 'source'?",
            "line 6: datasets.other.watch: '' is not allowed: an empty glob matches no file",
        ],
    ),
    "a key given twice": (
        "datasets:\n  sales:\n    source: t\n  other:\n    source: u\n  sales:\n    source: v\n",
        ["line 6: duplicate key 'sales', first in line 2"],
    ),
    "a bracket left open": (
        "datasets:\n  sales:\n    columns: [a\n    source: t\n",
        ["line 4: invalid YAML: "],
    ),
    "a tab": ("datasets:\n\tsales: {}\n", ["line 2: invalid YAML: "]),
    "a character that YAML forbids": ("store: s\nx: \x07\n", ["line 2: invalid YAML: "]),
    "an anchor that holds itself": (
        "datasets: &all\n  sales: *all\n",
        ["line 1: invalid YAML: an anchor holds itself"],
    ),
    "thousands of brackets": (
        "store: s\nx: " + "[" * 5000,
        ["line 2: invalid YAML: values are nested too deeply"],
    ),
    "an alias in an alias, thousands of times": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 1300)),
        ["line 1: invalid YAML: aliases are nested too deeply"],
    ),
    "an alias bomb": (
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 99)),
        ["line 19: invalid YAML: aliases expand to more than 1,000,000 values"],
    ),
    "a bomb of merged keys": (
        "a0: &a0 {x: 1}\n"
        + "".join(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 99)),
        ["line 37: invalid YAML: aliases expand to more than 1,000,000 values"],
    ),
    "a tag of Python": ("store: !!python/name:os.system x\n", ["line 1: invalid YAML: "]),
}
TOML_MISTAKES = {
    "an unknown setting": (
        '[datasets.sales]\nsource = "t.parquet"\n\n[datasets.sales.settings]\nmax_mode = 3\n',
        [": datasets.sales.settings.max_mode: unknown setting. Did you mean 'max_modes'?"],
    ),
    "two at once": (
        '[datasets.sales]\ncolumns = [\n  "a",\n  3,\n]\n',
        [
            ": datasets.sales: 'source' is missing",
            ": datasets.sales.columns[1]: 3 is not allowed: it should be a valid string",
        ],
    ),
    "a key given twice": (
        '[datasets.sales]\nsource = "t"\nsource = "u"\n',
        [", line 3: invalid TOML: Cannot overwrite a value"],
    ),
    "a value left out": ("store =\n", [", line 1: invalid TOML: "]),
    "a text left open": ('store = """\n\nx', [", line 3: invalid TOML: "]),
    "a number of 5,000 digits": ("store = " + "9" * 5000, [", line 1: invalid TOML: "]),
    "thousands of brackets": ("store = " + "[" * 5000, [": values are nested too deeply"]),
}


def mistakes_of(path: pathlib.Path) -> list[str]:
    """Return the lines of a file's error, each without the path of the file."""
    with pytest.raises(SettingsError) as refused:
        read_configuration(path)
    assert refused.value.__suppress_context__, "Dagster would show what led to this after it"
    lines = str(refused.value).split("\n")
    assert all(line.startswith(str(path)) for line in lines)
    return [line.removeprefix(str(path)) for line in lines]


def paths_in(content: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    pairs = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in pairs:
        yield (*path, key)
        yield from paths_in(value, (*path, key))


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_yaml_is_told_with_its_line_and_a_suggestion(
    tmp_path: pathlib.Path, text: str, expected: list[str]
) -> None:
    file = tmp_path / "datasets.yaml"
    file.write_text(text)

    found = mistakes_of(file)

    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(f", {start}"), found


@pytest.mark.parametrize(("text", "expected"), TOML_MISTAKES.values(), ids=TOML_MISTAKES)
def test_a_mistake_in_toml_is_told_with_its_key_path_and_a_suggestion(
    tmp_path: pathlib.Path, text: str, expected: list[str]
) -> None:
    file = tmp_path / "datasets.toml"
    file.write_text(text)

    found = mistakes_of(file)

    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found


def test_a_file_that_is_no_text_is_refused(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "datasets.yaml"
    file.write_bytes(b"store: \xff\n")

    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        read_configuration(file)


def test_what_is_given_in_python_is_told_without_a_line() -> None:
    with pytest.raises(SettingsError) as refused:
        configuration_of({"datasets": {"sales": {"sorce": "t", "source": "t"}}})

    assert str(refused.value) == "datasets.sales.sorce: unknown setting. Did you mean 'source'?"


def test_every_key_of_yaml_has_its_line(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(YAML_EXAMPLE)

    document = read_document(file)

    paths = set(paths_in(document.content))
    assert set(document.lines) == paths
    for path in paths:
        if isinstance(path[-1], str):
            assert path[-1] in YAML_EXAMPLE.split("\n")[document.line(path) - 1]


def test_keys_and_dates_of_yaml_are_text_as_they_are_written(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "datasets.yaml"
    file.write_text(
        "datasets:\n  sales:\n    source: t\n    column_settings:\n      no: {seed: 1}\n      2013: {seed: 2}\n"
        "      when: {atoms: [1970-01-01, 0]}\n"
    )

    settings = read_configuration(file).datasets["sales"].table_settings()

    assert settings.columns == {
        "no": {"seed": 1},
        "2013": {"seed": 2},
        "when": {"atoms": ["1970-01-01", 0]},
    }


def test_settings_are_shared_by_anchors(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "datasets.yaml"
    file.write_text(
        "datasets:\n  a:\n    source: t\n    settings: &shared {max_modes: 3, seed: 1}\n"
        "  b:\n    source: t\n    settings:\n      <<: *shared\n      seed: 2\n"
    )

    settings = read_configuration(file).datasets["b"].table_settings()

    assert settings.settings == {"max_modes": 3, "seed": 2}


def test_the_examples_of_the_guide_say_the_same_in_yaml_and_toml(tmp_path: pathlib.Path) -> None:
    (tmp_path / "datasets.yaml").write_text(YAML_EXAMPLE)
    (tmp_path / "datasets.toml").write_text(TOML_EXAMPLE)

    from_yaml = read_configuration(tmp_path / "datasets.yaml")

    assert from_yaml == read_configuration(tmp_path / "datasets.toml")
    assert len(from_yaml.datasets) == 2


def test_the_json_schema_holds_for_the_examples_and_refuses_mistakes(workplace: Workplace) -> None:
    schema = workplace.call("config", "schema").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    for content in (yaml.safe_load(YAML_EXAMPLE), tomllib.loads(TOML_EXAMPLE)):
        validator.validate(content)
    for name in (
        "an unknown setting",
        "no source",
        "a value out of range",
        "a check that there is not",
    ):
        assert not validator.is_valid(yaml.safe_load(MISTAKES[name][0])), name


def test_the_json_schema_describes_every_setting() -> None:
    schema = Configuration.model_json_schema()

    for model in (schema, *schema["$defs"].values()):
        assert all(setting.get("description") for setting in model["properties"].values()), model[
            "title"
        ]
    assert {"max_modes", "kind", "seed"} <= set(schema["$defs"]["ColumnSettings"]["properties"])


def dataset_of(folder: pathlib.Path, **settings: Any) -> Dataset:
    """Return the dataset `sales` of a file in a folder, with the store beside it."""
    (folder / "datasets.yaml").write_text(
        json.dumps({"datasets": {"sales": {"source": "data/*.parquet", **settings}}})
    )
    (dataset,) = configured_datasets(read_configuration(folder / "datasets.yaml"), folder / "store")
    return dataset


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "data").mkdir()
    FRAME.write_parquet(tmp_path / "data" / "one.parquet")
    return tmp_path


def test_a_dataset_is_what_the_file_says(folder: pathlib.Path) -> None:
    dataset = dataset_of(
        folder,
        watch="incoming/*.done",
        schedule="0 3 * * 1",
        description="What was sold.",
        owners=["team:sales"],
        blocking_checks=["round_trip"],
    )

    assert dataset.watch == str(folder / "incoming/*.done")
    assert dataset.schedule == "0 3 * * 1"
    assert dataset.description == "What was sold."
    assert dataset.owners == ("team:sales",)
    assert dataset.blocking == ("round_trip",)
    assert dataset_of(folder).watch is True
    assert dataset_of(folder, watch=False).watch is False


def test_columns_are_discovered_and_kept(folder: pathlib.Path) -> None:
    dataset = dataset_of(
        folder, columns=["*", "!kind"], column_settings={"amount": {"max_modes": 3}}
    )

    spec = dataset.spec()

    assert spec.columns == ("amount",)
    assert spec.source == str(folder / "data/*.parquet")
    assert load_spec(Store(folder / "store").fit("sales")) == spec


def test_what_is_kept_holds_until_settings_change_or_the_source_is_looked_at(
    folder: pathlib.Path,
) -> None:
    dataset = dataset_of(folder)
    first = dataset.spec()
    FRAME.with_columns(more=1.5).write_parquet(folder / "data" / "one.parquet")

    assert dataset.spec() == first
    assert dataset.discover().columns == ("amount", "kind", "more")
    assert dataset.spec().columns == ("amount", "kind", "more")
    assert dataset_of(folder, columns=["more"]).spec().columns == ("more",)
    assert dataset_of(folder, settings={"seed": 3}).spec().settings.of("more").seed == 3


def test_a_missing_source_is_told_when_it_is_looked_at_and_not_before(folder: pathlib.Path) -> None:
    dataset = dataset_of(folder)
    kept = dataset.spec()
    (folder / "data" / "one.parquet").unlink()

    assert dataset.spec() == kept
    with pytest.raises(SourceError, match="does not exist"):
        dataset.discover()


def test_settings_of_a_column_that_is_not_there_are_refused(folder: pathlib.Path) -> None:
    dataset = dataset_of(folder, column_settings={"amout": {"seed": 1}})

    with pytest.raises(
        SettingsError, match=r"'amout' that does not exist\. Did you mean 'amount'\?"
    ):
        dataset.spec()


def test_settings_beside_a_preset_leave_the_rest_of_it_alone(folder: pathlib.Path) -> None:
    dataset = dataset_of(folder, settings={"preset": "ctgan", "max_modes": 4})

    settings = dataset.spec().settings.of("amount")

    assert (settings.method, settings.extremes, settings.max_modes) == ("dpgmm", "clip", 4)


def test_a_fit_of_the_command_line_is_taken_over_as_it_is(folder: pathlib.Path) -> None:
    workplace = Workplace(folder)
    (folder / "settings.toml").write_text("[columns.amount]\nmax_modes = 3\n")
    options = ("--columns", "*,!kind", "--config", "settings.toml", "--fit", "sales")
    assert workplace.call("run", "data/*.parquet", *options).status == 0
    before = (folder / "store" / "sales" / "fit.json").stat().st_mtime_ns
    (folder / "data" / "one.parquet").unlink()

    spec = dataset_of(
        folder, columns=["*", "!kind"], column_settings={"amount": {"max_modes": 3}}
    ).spec()

    assert spec.columns == ("amount",)
    assert (folder / "store" / "sales" / "fit.json").stat().st_mtime_ns == before

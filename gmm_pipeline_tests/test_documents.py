"""What the documents say is so: commands and Python run, names and links lead somewhere."""

import ast
import contextlib
import importlib.util
import pathlib
import re
import runpy
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import click
import dagster as dg
import numpy as np
import polars as pl
import pytest
import yaml
from documents import (
    LANGUAGES,
    PAGES,
    PENDING,
    Block,
    anchors,
    blocks,
    links,
    rows,
    without_blocks,
)
from workplace import PROJECT

from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.interfaces.cli.main import cli, main
from gmm_pipeline.orchestration.configuration import Configuration, DatasetSettings
from gmm_pipeline.tables.csv.dialect import CsvDialect

NOT_HERE = {"torch", "ctgan", "pyspark"}
"""Packages that blocks may import which do not run here."""
PROGRAMS = {
    *("pip", "uv", "dagster", "dagster-daemon", "dagster-webserver", "dg"),
    *("git", "export", "curl", "rsync", "pytest", "python", "python3.11", "."),
}
"""What blocks may call which do not run here, besides paths and variables."""
TAGS = {"gmm_pipeline/because", "gmm_pipeline/process"}
"""Tags of Dagster runs that look like paths."""
BEFORE_US = ("gmm-pipeline", "uv")


def sales(seed: int, rows: int = 1000) -> pl.DataFrame:
    """Draw the table that the documents speak of."""
    rng = np.random.default_rng(seed)
    amounts = np.where(rng.random(rows) < 0.2, 0.0, rng.lognormal(3, 1, rows).round(2))
    return pl.DataFrame(
        {
            "amount": amounts,
            "price_unit": rng.normal(20, 4, rows).round(2),
            "city": rng.choice(["Ulm", "Bern", "Graz"], rows, p=[0.6, 0.3, 0.1]),
            "payload": [str(number % 7) for number in range(rows)],
        }
    )


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Give a folder with the files that the documents use. New rows are some of the old ones."""
    folder = tmp_path_factory.mktemp("tables")
    table = sales(0)
    table.write_parquet(folder / "sales.parquet")
    table.head(200).write_parquet(folder / "new.parquet")
    (folder / "daily").mkdir()
    table.head(500).write_parquet(folder / "daily" / "2026-11-01.parquet")
    table.tail(500).write_parquet(folder / "daily" / "2026-11-02.parquet")
    table.write_csv(folder / "visits.csv")
    return folder


@contextlib.contextmanager
def working_in(folder: pathlib.Path) -> "Iterator[None]":
    """Work in a folder, with the store and the Dagster instance that commands have there.

    The store is named in full: a process that changes its folder is none that users have.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv("GMM_PIPELINE_STORE", str(folder / "gmm_store"))
        yield


def call(arguments: list[str], target: pathlib.Path | None = None) -> None:
    """Call gmm-pipeline in this process; it has to end with status 0."""
    with (
        target.open("w", encoding="utf-8") if target else contextlib.nullcontext() as out,
        contextlib.redirect_stdout(out) if out else contextlib.nullcontext(),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code, f"gmm-pipeline {arguments} ended with {ended.value.code}"


def run_command(words: list[str]) -> None:
    """Run a command of a block."""
    target = pathlib.Path(words[-1]) if ">" in words else None
    program, *arguments = words[:-2] if target else words
    if program == "gmm-pipeline":
        call(arguments, target)
    elif program == "cp":
        shutil.copy(*arguments)
    else:
        pytest.fail(f"{program} is not run here: say so before the block, by `not run: why`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_python_run(
    page: pathlib.Path, tables: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    folder = shutil.copytree(tables, tmp_path / "here")
    names: dict[str, Any] = {}
    with working_in(folder):
        for block in blocks(page):
            assert block.language in LANGUAGES, block.text
            if block.file:
                pathlib.Path(block.file).write_text(block.text, encoding="utf-8")
            if block.reason is not None:
                continue
            if block.language == "sh":
                for words in block.commands:
                    run_command(words)
            if block.language == "python":
                pathlib.Path("block.py").write_text(block.text, encoding="utf-8")
                names = runpy.run_path("block.py", names)


def blocks_not_run() -> list[Any]:
    return [
        pytest.param(block, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page))
        if block.reason is not None and not block.reason.startswith(PENDING)
    ]


@pytest.mark.parametrize("block", blocks_not_run())
def test_what_does_not_run_here_names_what_there_is(block: Block) -> None:
    if block.language == "sh":
        for words in block.commands:
            check_command(words)
    if block.language == "python":
        for node in ast.walk(ast.parse(block.text)):
            check_import(node)


def check_command(words: list[str]) -> None:
    """Look up programs, commands, options, extras, groups and files."""
    words = [word for word in words if word != "&"]
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    with (PROJECT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    known = {
        "--extra": project["project"]["optional-dependencies"],
        "--group": project["dependency-groups"],
    }
    for option, value in pairwise(words):
        assert value in known.get(option, [value]), f"{option} {value}"
    for word in words:
        for extra in re.findall(r"(?:^\.|^gmm-pipeline)\[([\w,-]+)\]$", word):
            assert set(extra.split(",")) <= set(known["--extra"])
        if re.match(r"(?:gmm_pipeline|gmm_pipeline_tests|benchmarks)/", word):
            assert (PROJECT / word).exists(), word
    if "gmm-pipeline" in words and words[0] in BEFORE_US:
        check_our_command(words[words.index("gmm-pipeline") + 1 :])
    elif words:
        assert words[0] in PROGRAMS or "/" in words[0], words[0]


def check_our_command(arguments: list[str]) -> None:
    """Look up a command and its options, and whether the ones that it needs are given."""
    command: click.Command = cli
    while isinstance(command, click.Group):
        assert arguments, f"{command.name} needs a command"
        found = command.get_command(click.Context(command), arguments[0])
        assert found, f"there is no command {arguments[0]}"
        command, arguments = found, arguments[1:]
    context = click.Context(command, info_name=command.name)
    values, rest, _ = command.make_parser(context).parse_args(list(arguments))
    assert not rest, f"too many arguments: {rest}"
    missing = [each.name for each in command.params if each.required and not values.get(each.name)]
    assert not missing, f"{command.name} needs {missing}"


def check_import(node: ast.AST) -> None:
    """Look up what a statement imports: of ours by name, others by package."""
    if isinstance(node, ast.Import):
        modules = [(alias.name, []) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [(node.module or "", [alias.name for alias in node.names])]
    else:
        return
    for module, names in modules:
        top = module.split(".")[0]
        if top == "gmm_pipeline":
            assert set(names) <= names_in(module), f"{names} of {module}"
        else:
            assert top in NOT_HERE or importlib.util.find_spec(top), module


def names_in(module: str) -> set[str]:
    """Return the names that a module of ours defines, without importing it."""
    path = PROJECT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name for node in ast.walk(tree) for name in _defined(node)}


def _defined(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_configurations_are_valid(page: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for block in blocks(page):
        if block.language in {"yaml", "toml"}:
            read = yaml.safe_load if block.language == "yaml" else tomllib.loads
            content = read(block.text)
            content = content.get("attributes", content)
            if "datasets" in content:
                Configuration.model_validate(content)
            elif block.file == "dagster.yaml":
                (tmp_path / block.file).write_text(block.text, encoding="utf-8")
                with dg.DagsterInstance.from_config(str(tmp_path)):
                    pass


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(PROJECT), link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_are_there(page: pathlib.Path) -> None:
    named = re.findall(
        r"`((?:gmm_pipeline|gmm_pipeline_tests|benchmarks|docs|\.ci)/[\w./-]+)`",
        without_blocks(page),
    )
    assert not [path for path in named if path not in TAGS and not (PROJECT / path).exists()]
    assert "    gmm-pipeline" not in page.read_text(encoding="utf-8"), "commands stand in fences"


def described(model: type[ColumnSettings] | type[DatasetSettings]) -> dict[str, str]:
    """Return the settings of a model with their defaults as the documents write them."""
    named = {True: "true", False: "false", None: "none", (): "none", "": "none"}
    defaults = {}
    for name, field in model.model_fields.items():
        if field.is_required():
            defaults[name] = "required"
        elif field.default_factory is not None or field.default in ({}, ()):
            defaults[name] = "none"
        elif isinstance(field.default, str) and field.default:
            defaults[name] = f"`{field.default}`"
        else:
            exact = isinstance(field.default, bool | None | str | tuple)
            defaults[name] = named[field.default] if exact else f"{field.default:g}"
    return defaults


@pytest.mark.parametrize(
    ("page", "model", "apart"),
    [
        ("settings.md", ColumnSettings, {"value_dtype": "by need"}),
        ("dagster.md", DatasetSettings, {"columns": "all", "csv": "found"}),
    ],
)
def test_tables_of_settings_are_those_of_the_code(
    page: str,
    model: type[ColumnSettings] | type[DatasetSettings],
    apart: dict[str, str],
) -> None:
    shown = {
        cells[0].strip("`"): cells[1] for cells in rows(PROJECT / "docs" / page) if len(cells) == 3
    }

    assert shown == {**described(model), **apart}


def test_every_option_of_csv_is_described() -> None:
    shown = {cells[0].strip("`") for cells in rows(PROJECT / "docs" / "csv.md")}

    assert set(CsvDialect.model_fields) - {"types"} <= shown


def commands_of(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Return all commands by the words that call them."""
    found: dict[str, click.Command] = {}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            found |= commands_of(command, f"{before}{name} ")
        else:
            found[before + name] = command
    return found


def test_every_command_and_option_is_described() -> None:
    text = (PROJECT / "docs" / "commands.md").read_text(encoding="utf-8")
    shared = text.partition("\n## Options that several commands have\n")[2].partition("\n## ")[0]
    for words, command in commands_of(cli).items():
        heading = f"\n## {words.split(' ')[0]}\n"
        assert heading in text, words
        section = text.partition(heading)[2].partition("\n## ")[0]
        for option in command.params:
            for name in option.opts if isinstance(option, click.Option) else []:
                assert re.search(rf"{re.escape(name)}\b", shared + section), f"{words} {name}"


def test_the_drawing_of_layers_is_that_of_the_contract() -> None:
    script = PROJECT / "docs" / "layers_picture.py"
    spec = importlib.util.spec_from_file_location("layers_picture", script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.PICTURE.read_text(encoding="utf-8") == module.drawing()

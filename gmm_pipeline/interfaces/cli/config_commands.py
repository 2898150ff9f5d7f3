"""The commands `config schema` and `config check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmm_pipeline.errors import PipelineError, SettingsError
from gmm_pipeline.fits.config_text.documents import read_document
from gmm_pipeline.fits.config_text.validation import validate_document
from gmm_pipeline.fits.obstacles import find_obstacles, gone
from gmm_pipeline.fits.spec import FitSpec, last_spec, select_columns
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.options import json_option
from gmm_pipeline.orchestration.configuration import Configuration, DatasetSettings, store_of
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.column_names import check_names
from gmm_pipeline.tables.csv.rows import CsvFile
from gmm_pipeline.tables.files import find_files
from gmm_pipeline.tables.open_table import open_table


@click.group()
def config() -> None:
    """Describe and check the file of datasets that Dagster operates.

    \b
    Examples:
      gmm-pipeline config check datasets.yaml
      gmm-pipeline config schema > datasets.schema.json
    """


@config.command()
def schema() -> None:
    """Print the JSON Schema of the file of datasets; editors use it to complete and check.

    \b
    Examples:
      gmm-pipeline config schema > datasets.schema.json
    """
    dialect = "https://json-schema.org/draft/2020-12/schema"
    print_json({"$schema": dialect, **Configuration.model_json_schema()})


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def check(file: Path, *, as_json: bool) -> None:
    """Show files, rows and columns of each dataset of FILE, and all mistakes. Writes nothing.

    \b
    Examples:
      gmm-pipeline config check datasets.yaml
    """
    document = read_document(file)
    configuration = validate_document(document, Configuration).placed(file.absolute().parent)
    store = Store(store_of(configuration))
    mistakes: list[str] = []
    entries: list[dict[str, Any]] = []
    for name, dataset in configuration.datasets.items():
        try:
            found = _found(dataset, last_spec(store.fit(name)))
        except PipelineError as error:
            mistakes.append(f"{document.location(('datasets', name))}{error}")
            found = {"files": None, "rows": None, "columns": None, "left_out": {}}
        entries.append(
            {
                "name": name,
                "source": dataset.source,
                **found,
                "watch": dataset.watch,
                "schedule": dataset.schedule,
            }
        )
    if as_json:
        print_json({"datasets": entries})
    elif entries:
        print_table(list(entries[0]), [_row(entry) for entry in entries], title=str(file))
        for entry in entries:
            for reason in entry["left_out"].values():
                stderr().print(f"{entry['name']}: left out: {reason}", markup=False)
    if mistakes:
        raise SettingsError("\n".join(mistakes))


def _row(entry: dict[str, Any]) -> list[Any]:
    """Return the cells of a dataset; reasons stand below the table."""
    return list({**entry, "left_out": ", ".join(entry["left_out"])}.values())


def _found(dataset: DatasetSettings, last: FitSpec | None) -> dict[str, Any]:
    """Return the numbers of files, rows and columns, and which columns cannot be computed, and why.

    Raises
    ------
    SourceError
        If the source is missing or cannot be read.
    SettingsError
        If the settings do not fit its columns.
    """
    files, settings = find_files(dataset.source), dataset.table_settings()
    table = None if files.is_csv else open_table(dataset.source, Path())
    opened = [CsvFile.open(file, dataset.csv) for file in files.files] if files.is_csv else []
    names = table.schema.names if table else opened[0].names
    check_names(f"source {dataset.source!r}", names)
    # Columns that are gone stay in the fit until they are left out.
    known = last.columns if last and last.source == dataset.source else ()
    columns = select_columns(tuple(dict.fromkeys((*names, *known))), dataset.columns)
    settings.check(columns)
    obstacles = (
        find_obstacles(columns, settings, table)
        if table
        else {name: gone(name) for name in columns if name not in names}
    )
    return {
        "files": len(files.files),
        "rows": table.rows if table else sum(file.rows() for file in opened),
        "columns": len(columns) - len(obstacles),
        "left_out": {name: str(error) for name, error in obstacles.items()},
    }

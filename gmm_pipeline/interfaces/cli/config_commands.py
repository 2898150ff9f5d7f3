"""The commands `config schema` and `config check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gmm_pipeline.errors import PipelineError, SettingsError, SourceError
from gmm_pipeline.fits.config_text.documents import read_document
from gmm_pipeline.fits.config_text.validation import validate_document
from gmm_pipeline.fits.spec import select_columns
from gmm_pipeline.interfaces.cli.display import print_json, print_table
from gmm_pipeline.interfaces.cli.options import json_option
from gmm_pipeline.orchestration.configuration import Configuration, DatasetSettings
from gmm_pipeline.tables import csv
from gmm_pipeline.tables.files import SourceFiles, find_files
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
    datasets = validate_document(document, Configuration).placed(file.absolute().parent).datasets
    mistakes: list[str] = []
    entries: list[dict[str, Any]] = []
    for name, dataset in datasets.items():
        try:
            found = _size(dataset)
        except PipelineError as error:
            mistakes.append(f"{document.location(('datasets', name))}{error}")
            found = {"files": None, "rows": None, "columns": None}
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
        print_table(list(entries[0]), [list(entry.values()) for entry in entries], title=str(file))
    if mistakes:
        raise SettingsError("\n".join(mistakes))


def _size(dataset: DatasetSettings) -> dict[str, int | None]:
    """Return the numbers of files, rows and selected columns.

    Raises
    ------
    SourceError
        If the source is missing or cannot be read.
    SettingsError
        If the settings do not fit its columns.
    """
    files = find_files(dataset.source)
    if files.is_csv:
        names, rows = csv.header(files.files[0]), _rows_of_csv(files)
    else:
        table = open_table(dataset.source, Path())
        names, rows = table.schema.names, table.rows
    columns = select_columns(names, dataset.columns)
    dataset.table_settings().check(columns)
    return {"files": len(files.files), "rows": rows, "columns": len(columns)}


def _rows_of_csv(files: SourceFiles) -> int:
    """Return how many rows CSV files have: a pass over them, without converting a value."""
    import polars as pl

    try:
        return sum(
            pl.scan_csv(file).select(pl.len()).collect(engine="streaming").item()
            for file in files.files
        )
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"CSV cannot be read: {error}", remedy="Repair the files, or leave them out"
        ) from error

"""`sync`: lets Dagster show what the store holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gmm_pipeline.errors import PipelineError, StoreError, did_you_mean
from gmm_pipeline.interfaces.cli.display import print_json, print_table, stderr
from gmm_pipeline.interfaces.cli.options import config_option, configured_store_option, json_option
from gmm_pipeline.interfaces.cli.progress import count_in_bar
from gmm_pipeline.orchestration.configuration import read_configuration, store_of
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from gmm_pipeline.orchestration.datasets import Dataset
    from gmm_pipeline.orchestration.sync import Synced


@click.command()
@click.option("--fit", default=None, help="Name of the fit; by default all of the store.")
@config_option
@configured_store_option
@json_option
def sync(fit: str | None, config: Path | None, store: Path | None, *, as_json: bool) -> None:
    """Let Dagster show the results in the store that its history lacks.

    It registers the columns as partitions, and reports results with their metadata and checks, as
    for a new DAGSTER_HOME, or after materialisations were wiped. `ui` does it when it starts, and
    sensors do it at each look. The results stay as they are.

    \b
    Examples:
      gmm-pipeline sync
      gmm-pipeline sync --fit sales
      gmm-pipeline sync --config datasets.yaml
    """
    from gmm_pipeline.orchestration.configured_datasets import configured_datasets, stored_datasets
    from gmm_pipeline.orchestration.instance import open_instance

    configuration = None if config is None else read_configuration(config)
    folder = store_of(configuration) if store is None else store.absolute()
    named = [] if configuration is None else configured_datasets(configuration, folder)
    datasets = {dataset.name: dataset for dataset in [*stored_datasets(folder), *named]}
    if fit is not None and fit not in datasets:
        raise StoreError(f"there is no fit {fit!r}", remedy=did_you_mean(fit, datasets))
    chosen = list(datasets.values()) if fit is None else [datasets[fit]]
    with open_instance(folder) as instance:
        synced, problems = sync_datasets(chosen, Store(folder), instance)
    if as_json:
        print_json([asdict(each) for each in synced])
    else:
        rows = [[each.fit, each.columns, each.results] for each in synced]
        print_table(["fit", "columns registered", "results reported"], rows)
    for problem in problems:
        stderr().print(f"failed: {problem}", markup=False)
    if problems:
        raise click.exceptions.Exit(1)


def sync_datasets(
    datasets: Sequence[Dataset], store: Store, instance: DagsterInstance
) -> tuple[list[Synced], list[str]]:
    """Let Dagster show the results of datasets; return what it learned, and what went wrong."""
    from gmm_pipeline.orchestration.sync import sync_fit

    synced: list[Synced] = []
    problems: list[str] = []
    for dataset in count_in_bar(datasets, "Dagster's history"):
        try:
            synced.append(sync_fit(dataset, store.fit(dataset.name), instance))
        except PipelineError as error:
            problems.append(f"{dataset.name}: {error}")
    return synced, problems

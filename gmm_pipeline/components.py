"""Datasets in your own Dagster project: by a function, or as a component in a `defs.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel

from gmm_pipeline.fits.limits import bytes_of
from gmm_pipeline.orchestration.configuration import (
    Configuration,
    configuration_of,
    read_configuration,
    store_of,
)
from gmm_pipeline.orchestration.configured_datasets import configured_datasets
from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.scaffolding import DatasetsScaffolder


def dataset_definitions(
    config: str | Path | Configuration | Mapping[str, Any], *, threads: int = 0
) -> dg.Definitions:
    """Return the assets, checks, jobs, sensors, schedules and resources of datasets.

    Merge them with your project's definitions: `dg.Definitions.merge(own,
    dataset_definitions("datasets.yaml"))`. The jobs of the datasets run in process; the executor of
    your other jobs stays as it is.

    Parameters
    ----------
    config : str, Path, Configuration or mapping
        A YAML or TOML file, or its content. Relative paths start in the file's folder, or else in
        the current one.
    threads : int
        Threads of the local engine; 0 means one per core.

    Raises
    ------
    SettingsError
        If the configuration has mistakes; the message names all of them and where they are.
    """
    configuration = _configuration(config)
    store = store_of(configuration)
    memory = bytes_of(configuration.memory)
    return build_definitions(
        configured_datasets(configuration, store), store, threads=threads, memory=memory
    )


@dg.scaffold_with(DatasetsScaffolder)
class Datasets(dg.Component, dg.Resolvable):
    """Tables whose columns are encoded by Gaussian mixtures.

    Each dataset has assets, partitions, a job, a sensor and a schedule.
    """

    def __init__(self, configuration: Configuration | None = None) -> None:
        # Dagster passes no configuration for empty `attributes`.
        self.configuration = configuration or Configuration()

    @classmethod
    def model(cls) -> type[BaseModel]:
        """Return the model of the attributes, which is that of a datasets file."""
        return Configuration

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Datasets:
        """Return the component; templates such as `{{ env.DATA }}` are resolved before."""
        return cls(configuration_of(context.resolve_value(model.model_dump(exclude_unset=True))))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions; relative paths start in the folder of `defs.yaml`."""
        return dataset_definitions(self.configuration.placed(context.path))


def _configuration(config: str | Path | Configuration | Mapping[str, Any]) -> Configuration:
    if isinstance(config, str | Path):
        return read_configuration(Path(config))
    return (config if isinstance(config, Configuration) else configuration_of(config)).placed(
        Path.cwd()
    )

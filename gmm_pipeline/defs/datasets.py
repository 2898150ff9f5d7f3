"""The datasets that Dagster loads: those configured, or else the demo, and all other fits.

`GMM_PIPELINE_CONFIG` names the file of datasets. The store is `GMM_PIPELINE_STORE`, or else the one
of the configuration, or else `gmm_store`.
"""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from gmm_pipeline.fits.limits import bytes_of
from gmm_pipeline.orchestration.configuration import (
    CONFIG_VARIABLE,
    read_configuration,
    store_of,
)
from gmm_pipeline.orchestration.configured_datasets import (
    configured_datasets,
    demo_dataset,
    stored_datasets,
)
from gmm_pipeline.orchestration.definitions import build_definitions


def _definitions() -> dg.Definitions:
    file = os.environ.get(CONFIG_VARIABLE)
    configuration = read_configuration(Path(file)) if file else None
    store = store_of(configuration)
    named = (
        [demo_dataset(store)]
        if configuration is None
        else configured_datasets(configuration, store)
    )
    datasets = {dataset.name: dataset for dataset in [*stored_datasets(store), *named]}
    memory = bytes_of(configuration.memory) if configuration else 0
    fits = build_definitions(list(datasets.values()), store, memory=memory)
    # Materialisations of single assets run in process too: a new process takes seconds to start.
    return dg.Definitions.merge(fits, dg.Definitions(executor=dg.in_process_executor))


defs = _definitions()

"""What Dagster loads: every fit in the store of `GMM_PIPELINE_STORE` (`gmm_store` when not set), and the demo."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import dagster as dg

from gmm_pipeline.orchestration.definitions import build_definitions
from gmm_pipeline.orchestration.demo import DEMO_FIT, demo_spec
from gmm_pipeline.orchestration.fit_spec import FitSpec, load_spec
from gmm_pipeline.storage.store import Store


def _spec_of(store: Path, fit: str) -> FitSpec:
    folder = Store(store).fit(fit)
    if fit == DEMO_FIT and not folder.spec_path.exists():
        return demo_spec(store)
    return load_spec(folder)


def _definitions() -> dg.Definitions:
    store = Path(os.environ.get("GMM_PIPELINE_STORE", "gmm_store")).absolute()
    fits = dict.fromkeys([DEMO_FIT, *Store(store).fits()])
    return build_definitions({fit: partial(_spec_of, store, fit) for fit in fits}, store)


defs = _definitions()

"""Models as a Spark ML directory, and a JSON file with what Spark's format has no place for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gmm_pipeline.arrow.model_document import FORMAT, StoredModel, model_document, model_of
from gmm_pipeline.core.modes.check_model import check_model
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store.formats import check_format
from gmm_pipeline.store.spark_ml import write_gaussian_mixture

MODEL_FILE = "gmm_pipeline.json"
_SMALLEST_NORMAL = np.finfo(np.float64).tiny


def write_model(folder: Path, stored: StoredModel) -> None:
    """Write a model into a folder: JSON, and a Spark ML model if float64 holds all variances."""
    model = stored.model
    text = json.dumps(model_document(stored), indent=2, allow_nan=False)
    (folder / MODEL_FILE).write_text(text, encoding="utf-8")
    mixture = model.mixture()
    with np.errstate(over="ignore", under="ignore"):
        variances = np.square(mixture.stds)
    if model.gaussians and np.all(np.isfinite(variances) & (variances >= _SMALLEST_NORMAL)):
        weights = mixture.weights / mixture.weights.sum() if model.dropped else mixture.weights
        write_gaussian_mixture(folder, weights, mixture.means, mixture.stds)


def read_model(path: Path) -> StoredModel:
    """Read a model from its JSON file.

    Raises
    ------
    StoreError
        If a newer version wrote it, or it is not the document of a model.
    """
    text = path.read_text(encoding="utf-8")
    check_format(text, FORMAT, path)
    try:
        stored = model_of(json.loads(text))
        check_model(stored.model)
    except (LookupError, TypeError, ValueError) as error:
        raise StoreError(
            f"{path} holds no model that can be used: {error!r}",
            remedy="Make it again with `gmm-pipeline run --refit`",
        ) from error
    return stored

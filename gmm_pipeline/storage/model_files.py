"""Models as a Spark ML directory with a JSON file beside it that holds what Spark's format has no place for."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.fields import field_from_text, field_to_text
from gmm_pipeline.core.modes import AtomMode, ColumnModel, FitSummary, GaussianMode
from gmm_pipeline.storage.sketch_files import coordinate_from_json, coordinate_to_json
from gmm_pipeline.storage.spark_ml import write_gaussian_mixture

if TYPE_CHECKING:
    from pathlib import Path

MODEL_FILE = "gmm_pipeline.json"
_FORMAT = 1
_SPECIAL_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_SMALLEST_NORMAL = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class StoredModel:
    """A fitted column: its model and the Arrow field that it decodes to."""

    model: ColumnModel
    field: pa.Field


def write_model(folder: Path, stored: StoredModel) -> None:
    """Write a model into a folder; its Gaussian modes as a Spark ML model too, if float64 holds their variances."""
    model = stored.model
    document = {
        "format": _FORMAT,
        "column": model.column,
        "rows": model.rows,
        "type": str(stored.field.type),
        "arrow_field": field_to_text(stored.field),
        "gaussians": [asdict(mode) for mode in model.gaussians],
        "atoms": [{"value": _atom_to_json(atom.value), "weight": atom.weight} for atom in model.atoms],
        "coordinate": coordinate_to_json(model.coordinate),
        "fit": None if model.fit is None else asdict(model.fit),
        "seed": model.seed,
        "mode_choice": model.mode_choice,
        "extremes": model.extremes,
        "value_dtype": model.value_dtype,
    }
    (folder / MODEL_FILE).write_text(json.dumps(document, indent=2, allow_nan=False))
    mixture = model.mixture()
    with np.errstate(over="ignore", under="ignore"):
        variances = np.square(mixture.stds)
    if model.gaussians and np.all(np.isfinite(variances) & (variances >= _SMALLEST_NORMAL)):
        write_gaussian_mixture(folder, mixture.weights, mixture.means, mixture.stds)


def read_model(path: Path) -> StoredModel:
    """Read a model from its JSON file."""
    document = json.loads(path.read_text())
    fit = document["fit"]
    model = ColumnModel(
        column=document["column"],
        rows=document["rows"],
        gaussians=tuple(GaussianMode(**mode) for mode in document["gaussians"]),
        atoms=tuple(AtomMode(_atom_from_json(atom["value"]), atom["weight"]) for atom in document["atoms"]),
        coordinate=coordinate_from_json(document["coordinate"]),
        fit=None if fit is None else FitSummary(**{**fit, "history": tuple(fit["history"])}),
        seed=document["seed"],
        mode_choice=document["mode_choice"],
        extremes=document["extremes"],
        value_dtype=document["value_dtype"],
    )
    return StoredModel(model, field_from_text(document["arrow_field"]))


def _atom_to_json(value: Any) -> Any:
    """Wrap the numbers that JSON cannot write."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def _atom_from_json(value: Any) -> Any:
    return _SPECIAL_NUMBERS[value["number"]] if isinstance(value, dict) else value

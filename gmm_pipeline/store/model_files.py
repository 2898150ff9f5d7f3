"""Models as a Spark ML directory with a JSON file beside it that holds what Spark's format has no
place for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.field_text import field_from_text, field_to_text
from gmm_pipeline.core.modes.column_model import ColumnModel, EncodingRules, FitSummary
from gmm_pipeline.core.modes.modes import AtomMode, GaussianMode, RestMode, TailMode
from gmm_pipeline.store.json_forms import (
    coordinate_from_json,
    coordinate_to_json,
    number_from_json,
    number_to_json,
)
from gmm_pipeline.store.spark_ml import write_gaussian_mixture

if TYPE_CHECKING:
    from pathlib import Path

MODEL_FILE = "gmm_pipeline.json"
_FORMAT = 2
_SMALLEST_NORMAL = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class StoredModel:
    """A fitted column: its model and the Arrow field that it decodes to."""

    model: ColumnModel
    field: pa.Field


def write_model(folder: Path, stored: StoredModel) -> None:
    """Write a model into a folder; its Gaussian modes as a Spark ML model too, if float64 holds
    their variances.
    """
    model = stored.model
    document = {
        "format": _FORMAT,
        "column": model.column,
        "rows": model.rows,
        "type": str(stored.field.type),
        "arrow_field": field_to_text(stored.field),
        "kind": model.kind,
        "reason": model.reason,
        "gaussians": [asdict(mode) for mode in model.gaussians],
        "dropped": [asdict(mode) for mode in model.dropped],
        "tails": [asdict(mode) for mode in model.tails],
        "atoms": [
            {"value": number_to_json(atom.value), "weight": atom.weight} for atom in model.atoms
        ],
        "rest": None if model.rest is None else asdict(model.rest),
        "coordinate": coordinate_to_json(model.coordinate),
        "range": [number_to_json(end) for end in model.range],
        "fit": None if model.fit is None else asdict(model.fit),
        "rules": asdict(model.rules),
    }
    (folder / MODEL_FILE).write_text(json.dumps(document, indent=2, allow_nan=False))
    mixture = model.mixture()
    with np.errstate(over="ignore", under="ignore"):
        variances = np.square(mixture.stds)
    if model.gaussians and np.all(np.isfinite(variances) & (variances >= _SMALLEST_NORMAL)):
        weights = mixture.weights / mixture.weights.sum() if model.dropped else mixture.weights
        write_gaussian_mixture(folder, weights, mixture.means, mixture.stds)


def read_model(path: Path) -> StoredModel:
    """Read a model from its JSON file."""
    document = json.loads(path.read_text())
    fit, rest = document["fit"], document["rest"]
    model = ColumnModel(
        column=document["column"],
        rows=document["rows"],
        kind=document["kind"],
        reason=document["reason"],
        gaussians=tuple(GaussianMode(**mode) for mode in document["gaussians"]),
        dropped=tuple(GaussianMode(**mode) for mode in document["dropped"]),
        tails=tuple(TailMode(**mode) for mode in document["tails"]),
        atoms=tuple(
            AtomMode(number_from_json(atom["value"]), atom["weight"]) for atom in document["atoms"]
        ),
        rest=None if rest is None else _rest(rest),
        coordinate=coordinate_from_json(document["coordinate"]),
        range=(number_from_json(document["range"][0]), number_from_json(document["range"][1])),
        fit=None if fit is None else FitSummary(**{**fit, "history": tuple(fit["history"])}),
        rules=EncodingRules(**document["rules"]),
    )
    return StoredModel(model, field_from_text(document["arrow_field"]))


def _rest(value: dict[str, Any]) -> RestMode:
    labels = tuple(number_from_json(label) for label in value["labels"])
    return RestMode(labels, tuple(value["shares"]), value["weight"], value["stand_in"])

"""A fitted column as a JSON document, and the identity by which encoded tables name the fit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from gmm_pipeline.arrow.decimal_places import counted_type
from gmm_pipeline.arrow.field_text import field_from_text, field_to_text
from gmm_pipeline.arrow.json_forms import (
    coordinate_from_json,
    coordinate_to_json,
    number_from_json,
    number_to_json,
)
from gmm_pipeline.core.modes.column_model import ColumnModel, EncodingRules, FitSummary
from gmm_pipeline.core.modes.modes import AtomMode, GaussianMode, RestMode, TailMode
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.lattice_coordinate import LatticeCoordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate

FORMAT = 3
"""Newest version of the document: it may have a lattice, or decimals counted in fewer places.

Documents without these are of the version before, so that they and their identities stay the same.
"""
_FORMAT_BEFORE = 2
_IDENTITY_DIGITS = 16
"""Hexadecimal digits: with 64 bits, two of a million fits collide with a chance of 3e-8."""


@dataclass(frozen=True)
class StoredModel:
    """A fitted column: its model and the Arrow field of its decoded rows."""

    model: ColumnModel
    field: pa.Field


def model_document(stored: StoredModel) -> dict[str, Any]:
    """Return a model as a JSON document."""
    model = stored.model
    return {
        "format": _format_of(stored),
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


def _format_of(stored: StoredModel) -> int:
    """Return the oldest version that has everything that a model uses."""
    coordinate = stored.model.coordinate
    base = coordinate.base if isinstance(coordinate, LogCoordinate) else coordinate
    fewer_places = counted_type(stored.field.type, coordinate) != stored.field.type
    return FORMAT if fewer_places or isinstance(base, LatticeCoordinate) else _FORMAT_BEFORE


def model_of(document: dict[str, Any]) -> StoredModel:
    """Return the model of a JSON document."""
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


def fit_identity(stored: StoredModel, ranking: Ranking) -> str:
    """Return a digest of everything that encoding and decoding depend on: model and ranks."""
    digest = hashlib.sha256(json.dumps(model_document(stored), allow_nan=False).encode())
    digest.update(ranking.mode_of_rank.astype("<i8").tobytes())
    return digest.hexdigest()[:_IDENTITY_DIGITS]


def _rest(value: dict[str, Any]) -> RestMode:
    labels = tuple(number_from_json(label) for label in value["labels"])
    return RestMode(labels, tuple(value["shares"]), value["weight"], value["stand_in"])

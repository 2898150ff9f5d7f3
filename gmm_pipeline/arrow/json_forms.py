"""JSON forms of coordinates, and of the numbers that JSON lacks: NaN and infinities."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from gmm_pipeline.core.sketch.coordinate import Coordinate, PlainCoordinate
from gmm_pipeline.core.sketch.decimal_coordinate import DecimalCoordinate
from gmm_pipeline.core.sketch.integer_coordinate import IntegerCoordinate
from gmm_pipeline.core.sketch.lattice_coordinate import LatticeCoordinate
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate

_PLAIN: dict[str, type[PlainCoordinate]] = {
    "integer": IntegerCoordinate,
    "decimal": DecimalCoordinate,
    "lattice": LatticeCoordinate,
    "real": RealCoordinate,
}


def coordinate_to_json(coordinate: Coordinate | None) -> dict[str, Any] | None:
    """Return a JSON form of a coordinate."""
    if coordinate is None:
        return None
    if isinstance(coordinate, LogCoordinate):
        return {
            "type": "log",
            "base": coordinate_to_json(coordinate.base),
            "shift": coordinate.shift,
        }
    kind = next(name for name, form in _PLAIN.items() if isinstance(coordinate, form))
    return {"type": kind, **asdict(coordinate)}


def coordinate_from_json(value: dict[str, Any] | None) -> Coordinate | None:
    """Return the coordinate of a JSON form."""
    if value is None:
        return None
    return _log_from_json(value) if value["type"] == "log" else _plain_from_json(value)


def number_to_json(value: Any) -> Any:
    """Return a JSON form of a value: NaN and infinities are wrapped, others stay as they are."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def number_from_json(value: Any) -> Any:
    """Return the value of a JSON form."""
    return float(value["number"]) if isinstance(value, dict) else value


def _log_from_json(value: dict[str, Any]) -> LogCoordinate:
    return LogCoordinate(_plain_from_json(value["base"]), value["shift"])


def _plain_from_json(value: dict[str, Any]) -> PlainCoordinate:
    return _PLAIN[value["type"]](**{name: field for name, field in value.items() if name != "type"})

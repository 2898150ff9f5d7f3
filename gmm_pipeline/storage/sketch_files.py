"""Sketches as Parquet: one row per distinct value, category or grid cell; the rest in the schema's metadata."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.parquet import read_table, write_table
from gmm_pipeline.core.coordinate import Coordinate, IntegerCoordinate, RealCoordinate
from gmm_pipeline.core.grid import Grid
from gmm_pipeline.core.sketch import Body, GridCounts, Label, LabelCounts, Sketch, Specials, Tally
from gmm_pipeline.core.values import ValueCounts

if TYPE_CHECKING:
    from pathlib import Path

SKETCH_FILE = "part-00000.parquet"
_KEY = b"gmm_pipeline.sketch"
_LARGEST_INT64 = (1 << 63) - 1


def write_sketch(folder: Path, sketch: Sketch) -> None:
    """Write a sketch into a folder."""
    body = sketch.tally.body
    header: dict[str, Any] = {
        "specials": asdict(sketch.tally.specials),
        "coordinate": coordinate_to_json(sketch.coordinate),
        "body": type(body).__name__,
    }
    if isinstance(body, GridCounts):
        header["grid"] = {"center": body.grid.center.hex(), "exponent": body.grid.exponent}
        header["range"] = [body.minimum.hex(), body.maximum.hex()]
        table = pa.table({"cell": body.cells, "count": body.counts, "offset_sum": body.offset_sums})
    elif isinstance(body, LabelCounts):
        table = pa.table({"value": _label_array(body.labels), "count": body.counts})
    else:
        table = pa.table({"value": body.values, "count": body.counts})
    write_table(folder / SKETCH_FILE, table.replace_schema_metadata({_KEY: json.dumps(header, sort_keys=True)}))


def read_sketch(path: Path) -> Sketch:
    """Read a sketch from its file."""
    table = read_table(path)
    header = json.loads(table.schema.metadata[_KEY])
    counts = table["count"].to_numpy()
    body: Body
    if header["body"] == GridCounts.__name__:
        grid = Grid(float.fromhex(header["grid"]["center"]), header["grid"]["exponent"])
        minimum, maximum = map(float.fromhex, header["range"])
        body = GridCounts(grid, table["cell"].to_numpy(), counts, table["offset_sum"].to_numpy(), minimum, maximum)
    elif header["body"] == LabelCounts.__name__:
        body = LabelCounts(tuple(table["value"].to_pylist()), counts.astype(np.int64))
    else:
        body = ValueCounts(table["value"].to_numpy(), counts)
    return Sketch(Tally(Specials(**header["specials"]), body), coordinate_from_json(header["coordinate"]))


def _label_array(labels: tuple[Label, ...]) -> pa.Array:
    large = any(isinstance(label, int) and label > _LARGEST_INT64 for label in labels)
    return pa.array(labels, pa.uint64() if large else None)


def coordinate_to_json(coordinate: Coordinate | None) -> dict[str, Any] | None:
    """Return a JSON form of a coordinate."""
    if coordinate is None:
        return None
    return {"type": "integer" if isinstance(coordinate, IntegerCoordinate) else "real", **asdict(coordinate)}


def coordinate_from_json(value: dict[str, Any] | None) -> Coordinate | None:
    """Return the coordinate of its JSON form."""
    if value is None:
        return None
    kinds: dict[str, type[RealCoordinate | IntegerCoordinate]] = {"integer": IntegerCoordinate, "real": RealCoordinate}
    return kinds[value["type"]](**{name: field for name, field in value.items() if name != "type"})

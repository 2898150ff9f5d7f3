"""Sketches as Parquet: a row per value, category or grid cell; the rest in the metadata."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.json_forms import (
    coordinate_from_json,
    coordinate_to_json,
    number_from_json,
    number_to_json,
)
from gmm_pipeline.arrow.parquet import read_table, write_table
from gmm_pipeline.core.sketch.grid import Grid
from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.sketch import Body, Label, LabelCounts, Sketch, Specials, Tally
from gmm_pipeline.core.sketch.value_counts import ValueCounts

if TYPE_CHECKING:
    from pathlib import Path

SKETCH_FILE = "part-00000.parquet"
FITTED_SKETCH_FILE = "sketch.parquet"
"""The sketch that a model was fitted to, in the model's folder."""
_KEY = b"gmm_pipeline.sketch"
_LARGEST_INT64 = (1 << 63) - 1


def write_sketch(path: Path, sketch: Sketch) -> None:
    """Write a sketch to a file."""
    body = sketch.tally.body
    header: dict[str, Any] = {
        "specials": asdict(sketch.tally.specials),
        "coordinate": coordinate_to_json(sketch.coordinate),
        "body": type(body).__name__,
    }
    if isinstance(body, GridCounts):
        header["grid"] = {"center": body.grid.center.hex(), "exponent": body.grid.exponent}
        header["range"] = [body.minimum.hex(), body.maximum.hex()]
        header["apart"] = {
            "dtype": body.apart.values.dtype.name,
            "values": [number_to_json(value) for value in body.apart.values.tolist()],
            "counts": body.apart.counts.tolist(),
        }
        sums = {"offset_sum": body.offset_sums, "square_sum": body.square_sums}
        table = pa.table({"cell": body.cells, "count": body.counts, **sums})
    elif isinstance(body, LabelCounts):
        table = pa.table({"value": _label_array(body.labels), "count": body.counts})
    elif isinstance(body, ValueCounts):
        table = pa.table({"value": body.values, "count": body.counts})
    else:
        raise TypeError("a sample is no sketch")
    write_table(path, table.replace_schema_metadata({_KEY: json.dumps(header, sort_keys=True)}))


def read_sketch(path: Path) -> Sketch:
    """Read a sketch from its file."""
    table = read_table(path)
    header = json.loads(table.schema.metadata[_KEY])
    counts = table["count"].to_numpy()
    body: Body
    if header["body"] == GridCounts.__name__:
        grid = Grid(float.fromhex(header["grid"]["center"]), header["grid"]["exponent"])
        minimum, maximum = map(float.fromhex, header["range"])
        apart = ValueCounts(
            np.array(
                [number_from_json(value) for value in header["apart"]["values"]],
                header["apart"]["dtype"],
            ),
            np.array(header["apart"]["counts"], np.int64),
        )
        sums = (table["offset_sum"].to_numpy(), table["square_sum"].to_numpy())
        body = GridCounts(grid, table["cell"].to_numpy(), counts, *sums, minimum, maximum, apart)
    elif header["body"] == LabelCounts.__name__:
        body = LabelCounts(tuple(table["value"].to_pylist()), counts.astype(np.int64))
    else:
        body = ValueCounts(table["value"].to_numpy(), counts)
    return Sketch(
        Tally(Specials(**header["specials"]), body), coordinate_from_json(header["coordinate"])
    )


def _label_array(labels: tuple[Label, ...]) -> pa.Array:
    large = any(isinstance(label, int) and label > _LARGEST_INT64 for label in labels)
    return pa.array(labels, pa.uint64() if large else None)

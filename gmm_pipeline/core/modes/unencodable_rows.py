"""Count the rows of a sketch that a model cannot encode, because it was fitted to other rows."""

from __future__ import annotations

import math

import numpy as np

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.core.sketch.coordinate import Coordinate, without_coordinate
from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.sketch import LabelCounts, Sketch
from gmm_pipeline.core.sketch.value_counts import ValueCounts
from gmm_pipeline.errors import ColumnDataError


def count_unencodable_rows(model: ColumnModel, sketch: Sketch) -> int:
    """Return how many rows of a sketch the model's codec would refuse.

    The count may be too high where the sketch cannot tell exactly. Rows for which the model's rules
    provide (`unseen`, `out_of_range`) can be encoded.
    """
    unseen = 0 if _takes_unseen(model) else _unseen_rows(model, sketch)
    return unseen + (
        0 if isinstance(sketch.tally.body, LabelCounts) else _unencodable_numbers(model, sketch)
    )


def _takes_unseen(model: ColumnModel) -> bool:
    """Whether the rules give a mode to values that the fitted rows did not hold."""
    return model.rules.unseen == "most_frequent" or (
        model.rules.unseen == "rest" and model.rest is not None
    )


def _unseen_rows(model: ColumnModel, sketch: Sketch) -> int:
    """Count nulls, NaN, infinities and categories that the model has no mode for."""
    specials, atoms = sketch.tally.specials, {atom.value for atom in model.atoms}
    # As text, because NaN equals nothing, itself included.
    numbers = {str(value) for value in atoms if isinstance(value, float)}
    rows = 0 if None in atoms else specials.nulls
    rows += 0 if "nan" in numbers else specials.nans
    rows += 0 if "inf" in numbers else specials.positive_infinities
    rows += 0 if "-inf" in numbers else specials.negative_infinities
    body = sketch.tally.body
    if not isinstance(body, LabelCounts):
        return rows
    known = atoms | set(() if model.rest is None else model.rest.labels)
    return rows + int(body.counts[[label not in known for label in body.labels]].sum())


def _unencodable_numbers(model: ColumnModel, sketch: Sketch) -> int:
    """Count numbers out of the fitted range, between the steps of the grid, or without an atom."""
    if model.rules.out_of_range == "clip":
        return 0
    body = sketch.tally.body
    cells = body if isinstance(body, GridCounts) else None
    singles = sketch.numbers.select(~np.isin(sketch.numbers.values, model.finite_values))
    if not model.n_continuous:
        return singles.rows + (0 if cells is None else int(cells.counts.sum()))
    apart = _unencodable_singles(model, singles)
    return (
        apart if cells is None else apart + _unencodable_in_cells(model, sketch.coordinate, cells)
    )


def _unencodable_singles(model: ColumnModel, numbers: ValueCounts) -> int:
    """Count the rows of single numbers that have no coordinate or lie out of range."""
    if model.coordinate is None:
        return numbers.rows
    try:
        positions = model.coordinate.forward(numbers.values)
    except ColumnDataError:
        others = numbers.select(~without_coordinate(model.coordinate, numbers.values))
        return numbers.rows - others.rows + _unencodable_singles(model, others)
    low, high = _range(model)
    return numbers.select((positions < low) | (positions > high)).rows


def _unencodable_in_cells(
    model: ColumnModel, coordinate: Coordinate | None, cells: GridCounts
) -> int:
    """Count the rows of cells that reach out of range; of all cells if coordinates differ."""
    if model.coordinate != coordinate:
        return int(cells.counts.sum())
    low, high = _range(model)
    # The exact extremes decide most cases, without looking at cells.
    if low <= cells.minimum and cells.maximum <= high:
        return 0
    lows, highs = cells.extents()
    return int(cells.counts[(lows < low) | (highs > high)].sum())


def _range(model: ColumnModel) -> tuple[float, float]:
    """Return the coordinates that may be encoded: the fitted range, or all of them."""
    return model.range if model.rules.out_of_range == "error" else (-math.inf, math.inf)

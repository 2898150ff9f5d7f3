"""Sketch a column: a pass over a sample, and one over all rows if the sample does not suffice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import Reading, reading_of, value_type
from gmm_pipeline.arrow.counters import (
    CountingPass,
    DistinctNumberCounter,
    GridNumberCounter,
    MinimumCounter,
    NumberSampler,
    RefusedCounter,
    body_of,
)
from gmm_pipeline.arrow.decimal_places import (
    MOST_PLACES,
    counting_with_places,
    places_in_use,
    refuse_many_places,
    type_with_places,
)
from gmm_pipeline.arrow.label_counter import LabelCounter
from gmm_pipeline.arrow.numeric_types import number_of, numeric_type
from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP
from gmm_pipeline.core.sketch.coordinate import Coordinate, PlainCoordinate
from gmm_pipeline.core.sketch.grid import Grid
from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.numbers import Numbers, numbers_of
from gmm_pipeline.core.sketch.sketch import NumberSample, Sketch, Tally
from gmm_pipeline.core.sketch.value_counts import ValueCounts
from gmm_pipeline.errors import ColumnDataError, OffGridError, SettingsError

FULL_SAMPLE_ROWS = 1 << 24
"""Up to so many rows the sample is the whole column: the grid then depends on no order of rows.

Larger columns are sampled, which saves one of two passes over all rows.
"""
SAMPLE_WINDOWS = 64
"""Otherwise the sample has 64 windows of 16,384 rows, spread over the column: a million rows."""
WINDOW_ROWS = 1 << 14
"""Rows of a window: a 16th of a row group, so that only a group's first pages are read."""


def sample_windows(rows: int) -> tuple[list[range], list[range]]:
    """Return the ranges of rows to learn the grid from, and the ranges between them.

    The first are all rows if these are few enough. Otherwise they are evenly spaced, and all but
    the last start where row groups of stored columns do: rows before them in a group would be read
    too.
    """
    if rows <= max(FULL_SAMPLE_ROWS, SAMPLE_WINDOWS * WINDOW_ROWS):
        return [range(rows)], []
    # The last window ends with the last row, so that a sorted column's extremes are sampled.
    last = rows - WINDOW_ROWS
    grain = min(ROWS_PER_GROUP, last // (SAMPLE_WINDOWS - 1))
    starts = [
        number * last // (SAMPLE_WINDOWS - 1) // grain * grain
        for number in range(SAMPLE_WINDOWS - 1)
    ]
    windows = [range(start, start + WINDOW_ROWS) for start in (*starts, last)]
    between = [range(left.stop, right.start) for left, right in pairwise(windows)]
    return windows, [gap for gap in between if gap]


@dataclass(frozen=True)
class SketchRequest:
    """How to sketch a column.

    Parameters
    ----------
    kind : str
        The setting of that name.
    atoms : tuple
        The declared atoms, as in the settings: numbers, or dates as text.
    log : bool
        Whether coordinates are logarithms of the numbers.
    infinities : bool
        Whether infinities are allowed; they are atoms then.
    """

    kind: str = "auto"
    atoms: tuple[Any, ...] = ()
    log: bool = False
    infinities: bool = True


def declared_numbers(field: pa.Field, atoms: Sequence[Any]) -> Numbers:
    """Return declared atoms as sorted distinct numbers of a column.

    Raises
    ------
    SettingsError
        If one is not a value of the column's type.
    """
    plain = value_type(field.type)
    kind = numeric_type(plain)
    if kind is None:
        if atoms:
            raise SettingsError(
                f"atoms are given for a column of type {field.type}",
                column=field.name,
                remedy="Categories are atoms anyway: remove the setting",
            )
        return np.empty(0)
    return numbers_of(sorted({number_of(atom, plain, field.name) for atom in atoms}), kind.dtype)


def sketch_column(
    field: pa.Field, rows: int, request: SketchRequest, count: CountingPass
) -> Sketch:
    """Sketch a column.

    Parameters
    ----------
    field : pyarrow.Field
    rows : int
    request : SketchRequest
    count : CountingPass

    Raises
    ------
    UnsupportedTypeError, SettingsError, ColumnDataError
    """
    if reading_of(field, request.kind) is Reading.LABELS:
        return check_infinities(Sketch(count(LabelCounter, [range(rows)]), None), request)
    sketch = _sketch_decimals if pat.is_decimal(field.type) else sketch_numbers
    return check_infinities(sketch(field, rows, request, count), request)


def check_infinities(sketch: Sketch, request: SketchRequest) -> Sketch:
    """Return a sketch; raise ColumnDataError if it has infinities that the request forbids."""
    specials = sketch.tally.specials
    infinite = specials.positive_infinities + specials.negative_infinities
    if infinite and not request.infinities:
        raise ColumnDataError(
            "holds infinities",
            rows=infinite,
            remedy="Replace them, or set infinities = keep to make atoms of them",
        )
    return sketch


def _sketch_decimals(
    field: pa.Field, rows: int, request: SketchRequest, count: CountingPass
) -> Sketch:
    """Sketch decimals in their own places; if int64 does not hold them so, in those in use."""
    refused: ColumnDataError | None = None
    if field.type.scale <= MOST_PLACES:
        try:
            return sketch_numbers(field, rows, request, count)
        except ColumnDataError as error:
            refused = error
    places = places_in_use(rows, count)
    if places > MOST_PLACES:
        raise refuse_many_places(places)
    if refused is not None and places >= field.type.scale:
        raise refused
    counted = type_with_places(field.type, places)
    return sketch_numbers(
        field.with_type(counted), rows, request, counting_with_places(count, counted)
    )


def sketch_numbers(
    field: pa.Field, rows: int, request: SketchRequest, count: CountingPass
) -> Sketch:
    """Sketch a column of numbers; arguments as of `sketch_column`."""
    numeric = numeric_type(value_type(field.type))
    if numeric is None:
        raise TypeError(f"{field.type} holds no numbers")
    windows, rest = sample_windows(rows)
    first = count(partial(NumberSampler, numeric.dtype), windows)
    sample = body_of(first, NumberSample)
    tally = Tally(first.specials, sample.values)
    # While the sample has few distinct values, all rows may have few: count them exactly.
    if sample.values.exact and rest:
        tally = tally.merge(count(partial(DistinctNumberCounter, numeric.dtype), rest))
    values = body_of(tally, ValueCounts)
    plain = numeric.coordinate(values.values)
    if values.exact:
        return Sketch(tally, _coordinate_for(plain, values.values[:1], request))
    # The smallest number sets the shift of a log coordinate.
    minimum = values.values[:1]
    if request.log:
        minimum = body_of(
            count(partial(MinimumCounter, numeric.dtype), [range(rows)]), ValueCounts
        ).values
    declared = declared_numbers(field, request.atoms)
    # Frequent numbers may be point masses, so their rows have to be known exactly.
    apart = numbers_of(np.union1d(sample.heavy, declared), numeric.dtype)
    # If the sample suggested a grid that other rows do not lie on, count again without it.
    try:
        return _on_grid(
            _coordinate_for(plain, minimum, request), values, apart, declared, rows, count
        )
    except OffGridError:
        return _on_grid(
            _coordinate_for(plain.finer(), minimum, request), values, apart, declared, rows, count
        )
    except ColumnDataError as error:
        refused = count(partial(RefusedCounter, plain, numeric.dtype), [range(rows)])
        raise ColumnDataError(error.problem, rows=refused.rows, remedy=error.remedy) from error


def _on_grid(
    coordinate: Coordinate,
    values: ValueCounts,
    apart: Numbers,
    declared: Numbers,
    rows: int,
    count: CountingPass,
) -> Sketch:
    """Count a column on a grid that is placed by a sample of its values."""
    grid = Grid.around(coordinate.forward(values.values), values.counts.astype(float))
    counted = count(partial(GridNumberCounter, grid, coordinate, apart), [range(rows)])
    body = body_of(counted, GridCounts).only_heavy_apart(coordinate, declared)
    return Sketch(Tally(counted.specials, body), coordinate)


def _coordinate_for(plain: PlainCoordinate, minimum: Numbers, request: SketchRequest) -> Coordinate:
    """Return the coordinate of numbers: their own, or its logarithm if the request says so."""
    if not request.log or not minimum.size:
        return plain
    return LogCoordinate.above(plain, float(plain.forward(minimum)[0]))

"""Sketching of a column: a pass over a sample, and one over all rows unless that was enough; for
every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.column_types import Reading, reading_of, value_type
from gmm_pipeline.arrow.counters import (
    DistinctNumberCounter,
    GridNumberCounter,
    MinimumCounter,
    NumberSampler,
    RefusedCounter,
    RowCounter,
    body_of,
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
"""Up to so many rows, the grid is learned from all of them."""
SAMPLE_WINDOWS = 64
WINDOW_ROWS = 1 << 14


class CountingPass(Protocol):
    """What an engine offers to sketching: one pass over ranges of a column's rows."""

    def __call__(self, counter: Callable[[], RowCounter], ranges: Sequence[range], /) -> Tally:
        """Count the rows of the ranges, by as many counters as the engine likes, and return the
        merged tally.
        """
        ...


def sample_windows(rows: int) -> tuple[list[range], list[range]]:
    """Return ranges of rows to learn the grid from, and the ranges between them.

    They are all rows if these are few enough, so that the grid does not depend on their order.
    Otherwise they are evenly spaced, and all but the last begin where row groups of copies do: what
    comes before them would be read too.
    """
    if rows <= max(FULL_SAMPLE_ROWS, SAMPLE_WINDOWS * WINDOW_ROWS):
        return [range(rows)], []
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
    """How a column is to be sketched.

    Parameters
    ----------
    kind : str
        The setting of that name.
    atoms : tuple
        The declared atoms, as the settings give them; numbers, or dates as text.
    log : bool
        Whether its numbers are positioned by their logarithms.
    infinities : bool
        Whether infinities are taken; they are atoms of their own then.
    """

    kind: str = "auto"
    atoms: tuple[Any, ...] = ()
    log: bool = False
    infinities: bool = True


def declared_numbers(field: pa.Field, atoms: Sequence[Any]) -> Numbers:
    """Return declared atoms as sorted distinct numbers of a column; raise SettingsError if one is
    none.
    """
    plain = value_type(field.type)
    kind = numeric_type(plain)
    if kind is None:
        if atoms:
            raise SettingsError(
                f"atoms are given for a column of type {field.type}",
                column=field.name,
                remedy="Categories are atoms anyway; leave the setting out",
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
        return checked(Sketch(count(LabelCounter, [range(rows)]), None), request)
    return checked(_sketch_numbers(field, rows, request, count), request)


def checked(sketch: Sketch, request: SketchRequest) -> Sketch:
    """Return a sketch; raise ColumnDataError if it holds infinities that are not taken."""
    specials = sketch.tally.specials
    infinite = specials.positive_infinities + specials.negative_infinities
    if infinite and not request.infinities:
        raise ColumnDataError(
            "holds infinities",
            rows=infinite,
            remedy="Replace them, or set infinities = keep to make atoms of them",
        )
    return sketch


def _sketch_numbers(
    field: pa.Field, rows: int, request: SketchRequest, count: CountingPass
) -> Sketch:
    numeric = numeric_type(value_type(field.type))
    if numeric is None:
        raise TypeError(f"{field.type} holds no numbers")
    windows, rest = sample_windows(rows)
    first = count(partial(NumberSampler, numeric.dtype), windows)
    sample = body_of(first, NumberSample)
    whole = Tally(first.specials, sample.values)
    if sample.values.exact and rest:
        whole = whole.merge(count(partial(DistinctNumberCounter, numeric.dtype), rest))
    values = body_of(whole, ValueCounts)
    plain = numeric.coordinate(values.values)
    if values.exact:
        return Sketch(whole, _positioned(plain, values.values[:1], request))
    minimum = values.values[:1]
    if request.log:
        minimum = body_of(
            count(partial(MinimumCounter, numeric.dtype), [range(rows)]), ValueCounts
        ).values
    wanted = declared_numbers(field, request.atoms)
    apart = numbers_of(np.union1d(sample.heavy, wanted), numeric.dtype)
    try:
        return _on_grid(_positioned(plain, minimum, request), values, apart, wanted, rows, count)
    except OffGridError:
        return _on_grid(
            _positioned(plain.finer(), minimum, request), values, apart, wanted, rows, count
        )
    except ColumnDataError as error:
        refused = count(partial(RefusedCounter, plain, numeric.dtype), [range(rows)])
        raise ColumnDataError(error.problem, rows=refused.rows, remedy=error.remedy) from error


def _on_grid(
    coordinate: Coordinate,
    values: ValueCounts,
    apart: Numbers,
    wanted: Numbers,
    rows: int,
    count: CountingPass,
) -> Sketch:
    """Count a column on a grid that is placed by a sample of its values."""
    grid = Grid.around(coordinate.forward(values.values), values.counts.astype(float))
    counted = count(partial(GridNumberCounter, grid, coordinate, apart), [range(rows)])
    body = body_of(counted, GridCounts).only_heavy_apart(coordinate, wanted)
    return Sketch(Tally(counted.specials, body), coordinate)


def _positioned(plain: PlainCoordinate, minimum: Numbers, request: SketchRequest) -> Coordinate:
    if not request.log or not minimum.size:
        return plain
    return LogCoordinate.above(plain, float(plain.forward(minimum)[0]))

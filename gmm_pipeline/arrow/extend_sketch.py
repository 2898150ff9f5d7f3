"""Sketch a column to which rows were added: only the new rows are counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.types as pat
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_types import Reading, reading_of, value_type
from gmm_pipeline.arrow.counters import (
    CountingPass,
    GridNumberCounter,
    NumberSampler,
    RowCounter,
    body_of,
)
from gmm_pipeline.arrow.decimal_places import counted_type
from gmm_pipeline.arrow.numeric_types import numeric_type
from gmm_pipeline.arrow.sketch_column import (
    SketchRequest,
    check_infinities,
    declared_numbers,
    sketch_column,
    sketch_numbers,
)
from gmm_pipeline.core.sketch.coordinate import Coordinate
from gmm_pipeline.core.sketch.grid_counts import GridCounts
from gmm_pipeline.core.sketch.heavy_hitters import SMALLEST_SHARE
from gmm_pipeline.core.sketch.log_coordinate import LogCoordinate
from gmm_pipeline.core.sketch.numbers import Numbers, numbers_of
from gmm_pipeline.core.sketch.sketch import LabelCounts, NumberSample, Sketch, Tally
from gmm_pipeline.errors import ColumnDataError


def extend_sketch(
    sketch: Sketch, field: pa.Field, new: range, request: SketchRequest, count: CountingPass
) -> Sketch | None:
    """Sketch a column by the sketch of its first rows and a pass over the others.

    While categories or values are counted exactly, the result equals `sketch_column` over all rows,
    bit for bit. So it does if the new rows bring too many values for that, except for columns of
    more than 2**24 rows, whose grid is then placed by other rows. A column on a grid stays on it,
    in the same coordinate: the result is that of counting all rows there.

    Parameters
    ----------
    sketch : Sketch
        That of the column's first `new.start` rows.
    field : pyarrow.Field
    new : range
        The rows that were added.
    request : SketchRequest
    count : CountingPass
        Called for rows of `new` only.

    Returns
    -------
    Sketch or None
        None if all rows have to be sketched again: `sketch` does not fit the request or the
        column's type, its coordinate does not hold a new number, or a number that is in a cell may
        now hold `SMALLEST_SHARE` of the rows.

    Raises
    ------
    UnsupportedTypeError, SettingsError, ColumnDataError
    """
    if sketch.rows != new.start:
        raise ValueError(
            f"a sketch of {sketch.rows} rows does not end where the new rows begin, at {new.start}"
        )
    if not _fits(sketch, field, request):
        return None
    if not new:
        return sketch
    if isinstance(sketch.tally.body, LabelCounts):
        return sketch_column(field, new.stop, request, _NewRowsPass(sketch.tally, count))
    if not isinstance(sketch.tally.body, GridCounts):
        return _with_new_values(sketch, field, new, request, count)
    extended = _on_the_same_grid(sketch, field, new, request, count)
    return None if extended is None else check_infinities(extended, request)


def _with_new_values(
    sketch: Sketch, field: pa.Field, new: range, request: SketchRequest, count: CountingPass
) -> Sketch | None:
    """Add the new rows to exact counts; return None for decimals that int64 does not hold."""
    counting = _NewRowsPass(sketch.tally, count)
    try:
        extended = sketch_numbers(field, new.stop, request, counting)
    except ColumnDataError:
        if not pat.is_decimal(field.type):
            raise
        # Counted again in fewer places, the known rows would be other numbers.
        return None
    return check_infinities(extended, request)


@dataclass(frozen=True)
class _NewRowsPass:
    """A counting pass over new rows only; the tally of the known rows is added along with row 0."""

    known: Tally
    count: CountingPass

    def __call__(self, counter: Callable[[], RowCounter], ranges: Sequence[range], /) -> Tally:
        """Count the new rows of the ranges; add all known rows if row 0 is among the ranges."""
        first = self.known.rows
        new = [range(max(rows.start, first), rows.stop) for rows in ranges if rows.stop > first]
        # All known rows are counted with row 0, so that a pass in several ranges counts them once.
        counting = counter()
        if any(rows.start == 0 for rows in ranges):
            counting.add_tally(self.known)
        return counting.tally().merge(self.count(counter, new)) if new else counting.tally()


def _fits(sketch: Sketch, field: pa.Field, request: SketchRequest) -> bool:
    """Whether a sketch has the form that a column's type and its request ask for."""
    labels = isinstance(sketch.tally.body, LabelCounts)
    if labels or reading_of(field, request.kind) is Reading.LABELS:
        return labels and reading_of(field, request.kind) is Reading.LABELS
    plain = value_type(field.type)
    # Decimals in fewer places than their type's: new rows may use more.
    if counted_type(plain, sketch.coordinate) != plain:
        return False
    numeric = numeric_type(plain)
    return numeric is not None and sketch.numbers.values.dtype == numeric.dtype


def _on_the_same_grid(
    sketch: Sketch, field: pa.Field, new: range, request: SketchRequest, count: CountingPass
) -> Sketch | None:
    """Count the new rows on the sketch's grid; return None if they do not fit it."""
    known, coordinate = body_of(sketch.tally, GridCounts), sketch.coordinate
    declared = declared_numbers(field, request.atoms)
    apart = known.apart.values
    if (
        coordinate is None
        or isinstance(coordinate, LogCoordinate) != request.log
        or not np.isin(declared, apart).all()
    ):
        return None
    try:
        tally = count(partial(GridNumberCounter, known.grid, coordinate, apart), [new])
        added = body_of(tally, GridCounts)
        merged = known.merge(added).only_heavy_apart(coordinate, declared)
    except ColumnDataError:
        return None
    # First by whole cells, which takes no pass over rows; then, if need be, by their numbers.
    if _may_be_heavy(known, added, known.rows_of(added.cells), added.counts).any():
        numbers, counts = _frequent(known, coordinate, new, count)
        if _may_be_heavy(
            known, added, known.most_rows_at(coordinate.forward(numbers)), counts
        ).any():
            return None
    return Sketch(Tally(sketch.tally.specials.merge(tally.specials), merged), coordinate)


def _may_be_heavy(
    known: GridCounts, added: GridCounts, most: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which numbers in cells may be frequent now, (n,).

    Each has at most `most` known rows and `counts` new ones. It also holds less than
    `SMALLEST_SHARE` of the known rows, or it would be counted apart; so only a number with more
    than that share of the new rows can hold it of all rows.
    """
    most_if_light = max(math.ceil(SMALLEST_SHARE * known.rows) - 1, 0)
    return counts + np.minimum(most, most_if_light) >= SMALLEST_SHARE * (known.rows + added.rows)


def _frequent(
    known: GridCounts, coordinate: Coordinate, new: range, count: CountingPass
) -> tuple[Numbers, NDArray[np.int64]]:
    """Return the numbers in cells that are frequent among the new rows, and their new rows.

    Some that are not may be among them.
    """
    sample = body_of(count(partial(NumberSampler, known.apart.values.dtype), [new]), NumberSample)
    # The sample's counts are lower bounds: a second pass counts the candidates exactly.
    numbers = numbers_of(np.setdiff1d(sample.heavy, known.apart.values), sample.heavy.dtype)
    counted = count(partial(GridNumberCounter, known.grid, coordinate, numbers), [new])
    return numbers, body_of(counted, GridCounts).apart.counts

"""Sketching of a column in one pass, or two where many distinct values show up late; the same for every engine."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import pyarrow.types as pat

from gmm_pipeline.arrow.counters import DistinctNumberCounter, GridNumberCounter, LabelCounter, RowCounter
from gmm_pipeline.arrow.types import Reading, integer_bounds, reading_of
from gmm_pipeline.core.coordinate import Coordinate, IntegerCoordinate, RealCoordinate
from gmm_pipeline.core.grid import Grid
from gmm_pipeline.core.sketch import Sketch, Tally
from gmm_pipeline.core.values import ValueCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

SAMPLE_WINDOWS = 64
WINDOW_ROWS = 1 << 18


class CountingPass(Protocol):
    """What an engine offers to sketching: one pass over ranges of a column's rows."""

    def __call__(self, counter: Callable[[], RowCounter], ranges: Sequence[range], /) -> Tally:
        """Count the rows of the ranges, by as many counters as the engine likes, and return the merged tally."""
        ...


def sample_windows(rows: int) -> tuple[list[range], list[range]]:
    """Return evenly spaced ranges of rows to learn the grid from, and the ranges between them.

    Up to 2**24 rows the windows hold all of them, so the grid does not depend on the rows' order.
    """
    if rows <= SAMPLE_WINDOWS * WINDOW_ROWS:
        return [range(rows)], []
    starts = [number * (rows - WINDOW_ROWS) // (SAMPLE_WINDOWS - 1) for number in range(SAMPLE_WINDOWS)]
    windows = [range(start, start + WINDOW_ROWS) for start in starts]
    between = [range(left.stop, right.start) for left, right in pairwise(windows)]
    return windows, [gap for gap in between if gap]


def sketch_column(field: pa.Field, rows: int, kind: str, count: CountingPass) -> Sketch:
    """Sketch a column.

    Parameters
    ----------
    field : pyarrow.Field
    rows : int
    kind : str
        The setting of that name.
    count : CountingPass

    Raises
    ------
    UnsupportedTypeError, ColumnDataError
    """
    if reading_of(field, kind) is Reading.LABELS:
        return Sketch(count(LabelCounter, [range(rows)]), None)
    counter = partial(DistinctNumberCounter, field.type)
    windows, rest = sample_windows(rows)
    sample = count(counter, windows)
    if _values(sample).exact:
        whole = sample.merge(count(counter, rest)) if rest else sample
        if _values(whole).exact:
            return Sketch(whole, _coordinate(field.type, _values(whole)))
        sample = whole
    coordinate = _coordinate(field.type, _values(sample))
    grid = Grid.around(coordinate.forward(_values(sample).values), _values(sample).counts.astype(float))
    return Sketch(count(partial(GridNumberCounter, grid, coordinate), [range(rows)]), coordinate)


def _values(tally: Tally) -> ValueCounts:
    if not isinstance(tally.body, ValueCounts):
        raise TypeError("a tally of numbers was expected")
    return tally.body


def _coordinate(arrow_type: pa.DataType, values: ValueCounts) -> Coordinate:
    if not pat.is_integer(arrow_type):
        return RealCoordinate()
    lowest, highest = integer_bounds(arrow_type)
    if not values.values.size:
        return IntegerCoordinate(0, lowest, highest)
    return IntegerCoordinate.around(values.values, lowest, highest)

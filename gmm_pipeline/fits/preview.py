"""Finds the kind of a column without fitting it: continuous, mixed or categorical, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import pyarrow as pa

from gmm_pipeline.arrow.sketch_column import sample_windows
from gmm_pipeline.core.sketch.sketch import LabelCounts, Sketch
from gmm_pipeline.errors import in_column
from gmm_pipeline.fits.fitting import atom_choice, sketch_request

if TYPE_CHECKING:
    from gmm_pipeline.arrow.rows import ColumnRows
    from gmm_pipeline.engines.engine import Engine
    from gmm_pipeline.fits.settings import ColumnSettings

_ROWS_TO_TELL_IDS = 100
"""Of fewer rows, categories may differ by chance."""
_DISTINCT_SHARE_OF_IDS = 0.9
"""Some rows may come twice. Of free text and names, far more repeat."""


@dataclass(frozen=True)
class Preview:
    """The kind of a column, and why."""

    kind: str
    reason: str


@dataclass(frozen=True)
class SampledColumn:
    """The rows of a column that its grid is learned from: all rows up to 2**24."""

    column: ColumnRows

    @property
    def field(self) -> pa.Field:
        """Name and type."""
        return self.column.field

    @property
    def windows(self) -> list[range]:
        """The ranges of rows that are in the sample."""
        return sample_windows(self.column.rows)[0]

    @property
    def rows(self) -> int:
        """Rows of the sample."""
        return sum(map(len, self.windows))

    def arrays(self, rows: range) -> Iterator[pa.Array]:
        """Yield consecutive arrays that together hold a range of the sample's rows."""
        ends = list(accumulate(map(len, self.windows)))
        for window, end in zip(self.windows, ends, strict=True):
            first = end - len(window)
            inside = range(max(rows.start, first), min(rows.stop, end))
            if inside:
                offset = window.start - first
                yield from self.column.arrays(range(inside.start + offset, inside.stop + offset))


def preview(column: ColumnRows, settings: ColumnSettings, engine: Engine) -> Preview:
    """Return the kind of a column, by all rows or by a sample of a long column.

    Raises
    ------
    UnsupportedTypeError, SettingsError, ColumnDataError
    """
    sample = SampledColumn(column)
    with in_column(column.field.name):
        sketch = engine.sketch(sample, sketch_request(settings))
        choice = atom_choice(sketch, column.field, settings)
    scope = "" if sample.rows == column.rows else f" (in a sample of {sample.rows:,} rows)"
    return Preview(
        choice.kind, choice.reason + scope + _advice(sketch, column.field.name, settings)
    )


def _advice(sketch: Sketch, name: str, settings: ColumnSettings) -> str:
    """Return what to do about categories that seem to identify rows; empty if they do not."""
    body = sketch.tally.body
    if not isinstance(body, LabelCounts) or settings.max_categories is not None:
        return ""
    if body.rows < _ROWS_TO_TELL_IDS or len(body.labels) < _DISTINCT_SHARE_OF_IDS * body.rows:
        return ""
    return (
        f". Nearly every row has one of its own, as ids have: leave them out with --columns "
        f"'!{name}', or set max_categories"
    )

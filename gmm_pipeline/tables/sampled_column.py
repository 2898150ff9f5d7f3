"""A sample of a column that is read like a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import pyarrow as pa

from gmm_pipeline.arrow.sketch_column import sample_windows

if TYPE_CHECKING:
    from gmm_pipeline.arrow.rows import ColumnRows


@dataclass(frozen=True)
class SampledColumn:
    """The rows of a column that its grid is learned from: all rows up to 2**24."""

    whole: ColumnRows

    @property
    def field(self) -> pa.Field:
        """Name and type."""
        return self.whole.field

    @property
    def windows(self) -> list[range]:
        """The ranges of rows that are in the sample."""
        return sample_windows(self.whole.rows)[0]

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
                yield from self.whole.arrays(range(inside.start + offset, inside.stop + offset))

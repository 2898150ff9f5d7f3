"""What every engine offers: passes over the rows of one column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from gmm_pipeline.arrow.encoded import ColumnCodec
from gmm_pipeline.arrow.sketching import SketchRequest
from gmm_pipeline.core.roundtrip import RoundTrip
from gmm_pipeline.core.sketch import Sketch
from gmm_pipeline.engines.local.parquet_column import ParquetColumn


class ColumnRows(Protocol):
    """A column that is read by ranges of rows, by several readers at once."""

    @property
    def field(self) -> pa.Field:
        """Name and type."""
        ...

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def arrays(self, rows: range) -> Iterator[pa.Array]:
        """Yield consecutive arrays that together hold a range of rows."""
        ...


@dataclass(frozen=True)
class Written:
    """What is written of a column already: so many rows, in so many parts."""

    rows: int = 0
    parts: int = 0


NOTHING = Written()


class Engine(Protocol):
    """Passes over columns. Whatever the engine, the same rows give the same sketch, and files of the same bytes."""

    def copy(self, column: ParquetColumn, folder: Path, after: Written = NOTHING) -> None:
        """Write a column to files of fixed numbers of rows, in parts and row groups that depend on the rows alone."""
        ...

    def sketch(self, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Sketch a column."""
        ...

    def extend_sketch(self, sketch: Sketch, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Return the sketch of a column from that of its first rows; by passing over the others alone if it can be."""
        ...

    def encode(self, column: ColumnRows, codec: ColumnCodec, folder: Path, after: Written = NOTHING) -> RoundTrip:
        """Write a column encoded, part by part, and compare what decoding gives with what the rows were."""
        ...

"""What every engine offers: passes over the rows of a column, and writing those of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.arrow.counters import RowCounter
from gmm_pipeline.arrow.extend_sketch import extend_sketch
from gmm_pipeline.arrow.parquet_column import ParquetColumn
from gmm_pipeline.arrow.rows import ColumnRows, TableRows
from gmm_pipeline.arrow.sketch_column import SketchRequest, sketch_column
from gmm_pipeline.arrow.written_file import WrittenFiles
from gmm_pipeline.core.coding.round_trip import RoundTrip
from gmm_pipeline.core.mixture.fit_mixture import MixtureFit
from gmm_pipeline.core.sketch.sketch import Sketch, Tally
from gmm_pipeline.core.sketch.weighted_points import WeightedPoints
from gmm_pipeline.errors import SettingsError


@dataclass(frozen=True)
class ExistingParts:
    """What is written of a column already: so many rows, in so many parts."""

    rows: int = 0
    parts: int = 0


NO_PARTS = ExistingParts()


def prefer_dictionaries(column: ColumnRows) -> ColumnRows:
    """Return the same rows; text as dictionaries where it lies in Parquet files, which mostly hold
    it so.
    """
    return column.with_dictionaries() if isinstance(column, ParquetColumn) else column


RowsFitter = Callable[..., MixtureFit]
"""Fits a mixture to the rows of a column, given the `points` that they come down to, and by name
`coordinate`, the numbers that are left out (`without`), `n_components` and `seed`."""


def no_rows_fitter(points: WeightedPoints, **how: object) -> MixtureFit:
    """Raise SettingsError: only Spark fits rows."""
    del points, how
    raise SettingsError(
        "method = spark_ml_full is fitted to the rows themselves, by Spark",
        remedy="Use the engine spark (--engine spark), or method = spark_ml, which is fitted to the sketch",
    )


class Engine(Protocol):
    """Passes over rows. Whatever the engine, the same rows give the same sketch, and files of the
    same bytes.
    """

    def copy(
        self, column: ParquetColumn, folder: Path, after: ExistingParts = NO_PARTS
    ) -> WrittenFiles:
        """Write a column to files of fixed numbers of rows, in parts and row groups that depend on
        the rows alone.

        Those files are returned that were brought to the disk where they were written.
        """
        ...

    def sketch(self, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Sketch a column."""
        ...

    def extend_sketch(self, sketch: Sketch, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Return the sketch of a column from that of its first rows; by passing over the others
        alone if it can be.
        """
        ...

    def encode(
        self, column: ColumnRows, codec: ColumnCodec, folder: Path, after: ExistingParts = NO_PARTS
    ) -> tuple[RoundTrip, WrittenFiles]:
        """Write a column encoded, part by part, and compare what decoding gives with what the rows
        were.
        """
        ...

    def write_table(self, table: TableRows, folder: Path) -> None:
        """Write the rows of a table to files of fixed numbers of rows, in their order."""
        ...

    def rows_fitter(self, column: ColumnRows) -> RowsFitter:
        """Return what fits a mixture to all rows of a column; it raises SettingsError if the engine
        has no way to.
        """
        ...


class CountingEngine(ABC):
    """How engines sketch: by passes that count rows, which each makes in its own way."""

    def sketch(self, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Sketch a column."""
        return sketch_column(
            column.field, column.rows, request, partial(self._count, prefer_dictionaries(column))
        )

    def extend_sketch(self, sketch: Sketch, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Return the sketch of a column from that of its first rows; by passing over the others
        alone if it can be.
        """
        new = range(sketch.rows, column.rows)
        extended = extend_sketch(
            sketch, column.field, new, request, partial(self._count, prefer_dictionaries(column))
        )
        return self.sketch(column, request) if extended is None else extended

    def rows_fitter(self, column: ColumnRows) -> RowsFitter:
        """Return what refuses to fit a mixture to all rows."""
        del column
        return no_rows_fitter

    @abstractmethod
    def _count(
        self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]
    ) -> Tally:
        """Count the rows of ranges by counters that `make` makes, and return the merged tally."""

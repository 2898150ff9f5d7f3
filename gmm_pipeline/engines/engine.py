"""What an engine does: it passes over the rows of a column, and writes columns and tables."""

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
    """Rows of a column that were written before, and the number of their parts."""

    rows: int = 0
    parts: int = 0


NO_PARTS = ExistingParts()


def prefer_dictionaries(column: ColumnRows) -> ColumnRows:
    """Return the same rows, with text of Parquet files as dictionaries: mostly it is stored so."""
    return column.with_dictionaries() if isinstance(column, ParquetColumn) else column


RowsFitter = Callable[..., MixtureFit]
"""Fits a mixture to all rows of a column.

Its arguments are the `points` of the column's sketch and, by keyword, `coordinate`, the numbers to
leave out (`without`), `n_components` and `seed`."""


def no_rows_fitter(points: WeightedPoints, **how: object) -> MixtureFit:
    """Raise SettingsError: this engine cannot fit all rows."""
    del points, how
    raise SettingsError(
        "method = spark_ml_full fits all rows, which needs engine = spark",
        remedy="Set engine = spark (--engine spark), or method = spark_ml, which fits the sketch",
    )


class Engine(Protocol):
    """Passes over rows; the same rows give the same sketch and the same bytes on every engine."""

    def copy(
        self, column: ParquetColumn, folder: Path, after: ExistingParts = NO_PARTS
    ) -> WrittenFiles:
        """Write a column as it is, in parts and row groups of fixed numbers of rows.

        Parameters
        ----------
        column : ParquetColumn
        folder : Path
        after : ExistingParts
            What the folder holds already; the parts of the rows after those are written.

        Returns
        -------
        dict of str to WrittenFile
            Sizes and checksums of the files, as far as their writer took them.
        """
        ...

    def sketch(self, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Sketch a column."""
        ...

    def extend_sketch(self, sketch: Sketch, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Return the sketch of a column, given that of its first rows.

        Where possible, only the other rows are read.
        """
        ...

    def encode(
        self, column: ColumnRows, codec: ColumnCodec, folder: Path, after: ExistingParts = NO_PARTS
    ) -> tuple[RoundTrip, WrittenFiles]:
        """Write a column encoded, in the same parts, and compare the decoded rows with the rows.

        Parameters
        ----------
        column : ColumnRows
        codec : ColumnCodec
        folder : Path
        after : ExistingParts
            What the folder holds already.
        """
        ...

    def write_table(self, table: TableRows, folder: Path) -> None:
        """Write a table to files of fixed numbers of rows, in the order of its rows."""
        ...

    def rows_fitter(self, column: ColumnRows) -> RowsFitter:
        """Return a fitter for all rows of a column; it raises SettingsError where none exists."""
        ...


class CountingEngine(ABC):
    """An engine that sketches by passes that count rows; subclasses say how a pass is made."""

    def sketch(self, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Sketch a column."""
        return sketch_column(
            column.field, column.rows, request, partial(self._count, prefer_dictionaries(column))
        )

    def extend_sketch(self, sketch: Sketch, column: ColumnRows, request: SketchRequest) -> Sketch:
        """Return the sketch of a column, given that of its first rows."""
        new = range(sketch.rows, column.rows)
        extended = extend_sketch(
            sketch, column.field, new, request, partial(self._count, prefer_dictionaries(column))
        )
        return self.sketch(column, request) if extended is None else extended

    def rows_fitter(self, column: ColumnRows) -> RowsFitter:
        """Return a fitter that raises: this engine cannot fit all rows."""
        del column
        return no_rows_fitter

    @abstractmethod
    def _count(
        self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]
    ) -> Tally:
        """Count the rows of ranges, with counters from `make`, and return the merged tally."""

"""Single passes over a column, with the default settings."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gmm_pipeline.arrow.column_codec import column_codec
from gmm_pipeline.arrow.encoded_tables import decode_batches, decoded_schema
from gmm_pipeline.arrow.parquet import batches, write_rows
from gmm_pipeline.core.coding.round_trip import RoundTrip
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.fits.fitting import fit_modes, sketch_request
from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.tables.open_table import open_table

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from gmm_pipeline.arrow.column_codec import ColumnCodec
    from gmm_pipeline.arrow.encoded_rows import EncodedRows
    from gmm_pipeline.arrow.parquet_column import ParquetColumn
    from gmm_pipeline.arrow.rows import ColumnRows
    from gmm_pipeline.core.sketch.sketch import Sketch


@dataclass(frozen=True)
class FittedColumn:
    """A column of a folder of Parquet files, and its codec, fitted with the default settings."""

    column: ParquetColumn
    codec: ColumnCodec

    @classmethod
    def of(cls, source: Path, name: str) -> FittedColumn:
        """Fit a column."""
        column = open_table(str(source), source).column(name)
        return cls(column, fit(column, sketch(column, LocalEngine())))

    def sketch(self, engine: LocalEngine) -> Sketch:
        """Sketch the column."""
        return sketch(self.column, engine)

    def fit(self, sketch: Sketch) -> ColumnCodec:
        """Fit and rank the column's modes."""
        return fit(self.column, sketch)


def sketch(column: ColumnRows, engine: LocalEngine) -> Sketch:
    """Sketch a column."""
    return engine.sketch(column, sketch_request(ColumnSettings()))


def fit(column: ParquetColumn, sketch: Sketch) -> ColumnCodec:
    """Fit a column's modes to its sketch, rank them, and return their codec."""
    model = fit_modes(sketch, column.field, ColumnSettings())
    return column_codec(model, rank_modes(model, sketch), column.field)


class CodecWithoutCheck:
    """A codec whose round-trip check does nothing, to time encoding without the check."""

    def __init__(self, codec: ColumnCodec) -> None:
        self.codec = codec

    def __getattr__(self, name: str) -> Any:
        return getattr(self.codec, name)

    def compare(self, array: pa.Array, encoded: EncodedRows, first_row: int) -> RoundTrip:
        """Return a round trip without rows."""
        del array, encoded, first_row
        return RoundTrip.none(self.codec.rows.n_modes)


def decode(encoded: Path, codec: ColumnCodec, target: Path) -> None:
    """Decode the files of an encoded column to the column's own type, one thread a core."""
    codecs: dict[str, Any] = {codec.field.name: codec}

    def decode_part(part: Path) -> None:
        write_rows(
            target / part.name, decoded_schema(codecs), decode_batches(batches([part]), codecs)
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(decode_part, sorted(encoded.glob("*.parquet"))))

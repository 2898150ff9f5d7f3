"""Passing over few rows as a pass over many goes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import TYPE_CHECKING, TypeVar

from gmm_pipeline.core.roundtrip import RoundTrip
from gmm_pipeline.engines.engine import NOTHING
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.parts import copy_part, encode_part, part_path, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gmm_pipeline.arrow.counters import RowCounter
    from gmm_pipeline.arrow.encoded import ColumnCodec
    from gmm_pipeline.arrow.files import WrittenFiles
    from gmm_pipeline.core.sketch import Tally
    from gmm_pipeline.engines.engine import ColumnRows, Written
    from gmm_pipeline.engines.local.parquet_column import ParquetColumn

T = TypeVar("T")


class SampleEngine(LocalEngine):
    """Writes few rows in as many parts as there are threads, so that all are at work, and times each count of rows.

    Parameters
    ----------
    threads : int
    batch_rows : int
        Rows that a thread holds at a time.

    Attributes
    ----------
    counts : list of float
        The seconds of each count so far.
    """

    def __init__(self, threads: int, batch_rows: int) -> None:
        super().__init__(threads)
        self._batch_rows = batch_rows
        self.counts: list[float] = []

    def copy(self, column: ParquetColumn, folder: Path, after: Written = NOTHING) -> WrittenFiles:
        """Write a column, an equal share by each thread."""
        del after
        self._shared_out(column.rows, lambda rows, path: copy_part(column, rows, path, self._batch_rows), folder)
        return {}

    def encode(
        self, column: ColumnRows, codec: ColumnCodec, folder: Path, after: Written = NOTHING
    ) -> tuple[RoundTrip, WrittenFiles]:
        """Write a column encoded, an equal share by each thread."""
        del after

        def encode(rows: range, path: Path) -> RoundTrip:
            return encode_part(column, codec, rows, path, self._batch_rows)

        return reduce(RoundTrip.merge, self._shared_out(column.rows, encode, folder)), {}

    def _count(self, column: ColumnRows, make: Callable[[], RowCounter], ranges: Sequence[range]) -> Tally:
        started = time.perf_counter()
        tally = super()._count(column, make, ranges)
        self.counts.append(time.perf_counter() - started)
        return tally

    def _shared_out(self, rows: int, write: Callable[[range, Path], T], folder: Path) -> list[T]:
        shares = pieces(range(rows), -(-rows // self.threads))
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(write, shares, [part_path(folder, number) for number in range(len(shares))]))

"""Encoded rows in shuffled batches, read from Parquet as they are needed.

An epoch goes over the row groups in random order. A few of them are open at a time, and the next
chunk of rows comes from a random one. Chunks collect in a buffer; when it is full, a random half of
its rows leaves as batches. So a batch mixes rows from several places of the table, each row comes
exactly once, and memory holds the buffer but neither the table nor its row numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.integrations.torch.row_groups import RowGroup, row_groups
from gmm_pipeline.integrations.torch.tensors import EncodedBatch
from gmm_pipeline.interfaces.matrix import NarrowRows
from gmm_pipeline.interfaces.spans import ColumnSpans

_OPEN_GROUPS = 8
"""Row groups open at a time: a batch then mixes rows of 8 places, and of more through the buffer,
while each open group costs a file handle and a chunk for each column.
"""


class EncodedRows(IterableDataset[EncodedBatch]):
    """The rows of an encoded table, in batches, in another random order each epoch.

    The order depends only on seed, epoch and number of workers. Pass it to a `DataLoader` with
    `batch_size=None`. Workers divide the row groups among themselves, so more workers than row
    groups do not help.

    Parameters
    ----------
    source : str or Path
        Narrow Parquet (a file, a folder or a glob), or the folder of a fit.
    spans : sequence of ColumnSpans
        `TableEncoder.spans`: the columns to read.
    batch_size : int
    buffer_rows : int
        Rows that each worker shuffles at a time, each of 8 bytes a column: 21 MB for 20 columns by
        default, which mixes 262 batches of 500.
    seed : int
    drop_last : bool
        Leave out the last rows of an epoch, or of a worker's share of it, if they do not fill a
        batch.

    Raises
    ------
    SourceError, StoreError
        If the encoded rows are missing.

    Examples
    --------
    >>> rows = EncodedRows("encoded.parquet", encoder.spans, batch_size=500, seed=0)
    >>> matrix_of = MatrixMaker(encoder.spans, device="cuda")
    >>> for epoch in range(300):
    ...     rows.set_epoch(epoch)
    ...     for batch in DataLoader(rows, batch_size=None, num_workers=4, pin_memory=True):
    ...         step(matrix_of(batch))
    """

    def __init__(
        self,
        source: str | Path,
        spans: Sequence[ColumnSpans],
        *,
        batch_size: int = 500,
        buffer_rows: int = 1 << 17,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        super().__init__()
        if batch_size < 1 or buffer_rows < 2 * batch_size:
            raise SettingsError(
                f"batch_size {batch_size} and buffer_rows {buffer_rows} are not possible",
                remedy="Give batch_size 1 or more, and buffer_rows at least twice that",
            )
        self.spans = tuple(spans)
        self.columns = tuple(span.column for span in self.spans)
        self.groups = row_groups(source, self.spans)
        self.batch_size = batch_size
        self.buffer_rows = buffer_rows
        self.seed = seed
        self.drop_last = drop_last
        # In shared memory, so that persistent workers see the number of the next epoch.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return sum(group.rows for group in self.groups)

    @property
    def epoch(self) -> int:
        """The epoch of the next iteration."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, and so the order, of the next iteration."""
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[EncodedBatch]:
        """Yield this worker's batches."""
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.groups))
        rng = np.random.default_rng([self.seed, self.epoch, number + 1])
        chunks = self._interleave([self.groups[group] for group in order[number::workers]], rng)
        for rows in self._batches(chunks, rng):
            yield EncodedBatch.of(rows)

    def in_order(self) -> Iterator[NarrowRows]:
        """Yield all rows in the order of the table."""
        for group in self.groups:
            yield from group.chunks(self.columns)

    def _interleave(
        self, groups: Sequence[RowGroup], rng: np.random.Generator
    ) -> Iterator[NarrowRows]:
        """Yield the chunks of row groups in random order, from a few groups at a time."""
        waiting = iter(groups)
        streams: list[Iterator[NarrowRows]] = []
        while True:
            while len(streams) < _OPEN_GROUPS and (group := next(waiting, None)) is not None:
                streams.append(group.chunks(self.columns))
            if not streams:
                return
            chosen = int(rng.integers(len(streams)))
            chunk = next(streams[chosen], None)
            if chunk is None:
                del streams[chosen]
            else:
                yield chunk

    def _batches(
        self, chunks: Iterator[NarrowRows], rng: np.random.Generator
    ) -> Iterator[NarrowRows]:
        """Shuffle chunks in the buffer and yield batches."""
        buffer: list[NarrowRows] = []
        for chunk in chunks:
            buffer.append(chunk)
            if sum(len(rows.ranks) for rows in buffer) >= self.buffer_rows:
                shuffled = _shuffle(buffer, rng)
                surplus = len(shuffled.ranks) - self.buffer_rows // 2
                leaving = surplus // self.batch_size * self.batch_size
                yield from _split(_part(shuffled, 0, leaving), self.batch_size)
                buffer = [_part(shuffled, leaving, len(shuffled.ranks))]
        for rows in _split(_shuffle(buffer, rng), self.batch_size) if buffer else ():
            if len(rows.ranks) == self.batch_size or not self.drop_last:
                yield rows


def _shuffle(buffer: Sequence[NarrowRows], rng: np.random.Generator) -> NarrowRows:
    order = rng.permutation(sum(len(rows.ranks) for rows in buffer))
    return NarrowRows(
        np.concatenate([rows.values for rows in buffer])[order],
        np.concatenate([rows.ranks for rows in buffer])[order],
    )


def _part(rows: NarrowRows, start: int, stop: int) -> NarrowRows:
    return NarrowRows(rows.values[start:stop], rows.ranks[start:stop])


def _split(rows: NarrowRows, size: int) -> Iterator[NarrowRows]:
    for start in range(0, len(rows.ranks), size):
        yield _part(rows, start, start + size)

"""Open Parquet files that wait for their next use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import pyarrow.parquet as pq

from gmm_pipeline.arrow.parquet import open_reader

_MOST_IDLE = 16
"""Files that stay open: those that threads read at a time, far fewer than a process may open."""

_Key = tuple[Path, tuple[str, ...]]


class ReaderPool:
    """Open files, each used by one thread at a time.

    Opening a file takes as long as it has columns, 20 ms for 10,000, so that reading them one by
    one, each from a file opened anew, would take three minutes.
    """

    def __init__(self) -> None:
        self._idle: list[tuple[_Key, pq.ParquetFile]] = []
        self._lock = Lock()

    @contextmanager
    def reader(
        self, path: Path, metadata: pq.FileMetaData, dictionaries: Sequence[str] = ()
    ) -> Iterator[pq.ParquetFile]:
        """Give an open file; the arguments are those of `open_reader`."""
        key = (path, tuple(dictionaries))
        reader = self._take(key) or open_reader(path, metadata, dictionaries)
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        self._keep(key, reader)

    def _take(self, key: _Key) -> pq.ParquetFile | None:
        with self._lock:
            for number, (known, reader) in enumerate(self._idle):
                if known == key:
                    del self._idle[number]
                    return reader
        return None

    def _keep(self, key: _Key, reader: pq.ParquetFile) -> None:
        with self._lock:
            self._idle.append((key, reader))
            oldest = self._idle.pop(0)[1] if len(self._idle) > _MOST_IDLE else None
        if oldest is not None:
            oldest.close()

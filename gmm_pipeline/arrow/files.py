"""Files that appear whole or not at all; tables among them, Parquet or CSV, written batch by batch."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from gmm_pipeline.arrow.ahead import ahead
from gmm_pipeline.arrow.parquet import write_rows
from gmm_pipeline.errors import SourceError

TABLES = (".parquet", ".csv")


@dataclass(frozen=True)
class WrittenFile:
    """The bytes of a file that is on the disk, and their SHA-256."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> WrittenFile:
        """Read them off a file."""
        with path.open("rb") as file:
            return cls(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())

    @classmethod
    def flushed(cls, path: Path) -> WrittenFile:
        """Bring a file's content to the disk, and say what it is."""
        flush(path)
        return cls.of(path)


WrittenFiles = Mapping[str, WrittenFile]
"""By their names."""


def flush(path: Path) -> None:
    """Bring a file's content to the disk before its name appears elsewhere."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def check_target(path: Path, inputs: Iterable[Path], endings: tuple[str, ...] = TABLES) -> None:
    """Raise SourceError if a path cannot be written to: by its ending or folder, or as it is an input."""
    if path.exists() and any(path.samefile(file) for file in inputs if file.exists()):
        raise SourceError(f"{path} is what would be read from", remedy="Give another --out")
    if path.suffix.lower() not in endings:
        raise SourceError(f"{path} is neither {' nor '.join(endings)}", remedy="Give the output one of these endings")
    if not path.absolute().parent.is_dir():
        raise SourceError(f"folder {path.absolute().parent} does not exist", remedy="Make it first")


def write_file(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write batches to a .parquet or .csv file, each while the next one is made; return the number of rows."""
    write = write_rows if path.suffix.lower() == ".parquet" else _write_csv
    with whole(path) as partial:
        return write(partial, schema, ahead(batches))


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, whose file takes the place of `path` when all went well and is removed otherwise."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_csv(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    with pa_csv.CSVWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows

"""Finds the files of a source, and tells whether they changed or are still being written."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gmm_pipeline.errors import MissingSourceError, SourceError
from gmm_pipeline.tables.folders import (
    CSV,
    PARQUET,
    PARQUET_MARK,
    TEXT,
    data_files,
    ending_of,
    matching_files,
)

QUIET_SECONDS = 10.0
"""A file without an end mark counts as complete once nobody wrote to it for this long: less than
the 30 s from one look of a sensor to the next, so that a new file waits for one look at most."""

SETTLE_SECONDS = 600.0
"""A file without its end mark is broken once nobody wrote to it for this long. Writers of Parquet
flush each row group, which takes them seconds."""


@dataclass(frozen=True)
class FileStamp:
    """What tells one version of a file from another, without reading it.

    Parameters
    ----------
    path : Path
    size : int
        In bytes.
    modified : int
        When the file was last written, in nanoseconds since 1970.
    inode : int
        Differs when another file took the place of this one; 0 where the system has none.
    """

    path: Path
    size: int
    modified: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> FileStamp:
        """Take the stamp of a file as it is now."""
        facts = path.stat()
        return cls(path, facts.st_size, facts.st_mtime_ns, facts.st_ino)

    def is_current(self) -> bool:
        """Whether the file is still as it was."""
        try:
            return FileStamp.of(self.path) == self
        except FileNotFoundError:
            return False


@dataclass(frozen=True)
class SourceFiles:
    """Files of a table, all of one format, in the order of their rows, as they were when found."""

    stamps: tuple[FileStamp, ...]

    @classmethod
    def of(cls, files: Iterable[Path]) -> SourceFiles:
        """Take the stamps of files as they are now."""
        return cls(tuple(map(FileStamp.of, files)))

    @property
    def files(self) -> tuple[Path, ...]:
        """Their paths."""
        return tuple(stamp.path for stamp in self.stamps)

    @property
    def is_csv(self) -> bool:
        """Whether they are CSV; Parquet otherwise."""
        return ending_of(self.stamps[0].path) in CSV | TEXT

    def fingerprint(self) -> str:
        """Return a digest of the files' names, sizes and times of change."""
        facts = [[str(stamp.path), stamp.size, stamp.modified] for stamp in self.stamps]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    @contextmanager
    def require_unchanged(self) -> Iterator[None]:
        """Give a context for reading the files, so that all that is read is of one version.

        Raises
        ------
        SourceError
            On entry if a file is no longer as it was found; at the end if it was changed, replaced
            or removed meanwhile, also where reading failed because of that.
        """
        self._check("since it was opened")
        try:
            yield
        except Exception:
            self._check("while it was read")
            raise
        self._check("while it was read")

    def _check(self, when: str) -> None:
        for stamp in self.stamps:
            if not stamp.is_current():
                raise SourceError(
                    f"file {stamp.path} was changed, replaced or removed {when}",
                    remedy="Run again to use the files as they are now",
                )


def find_files(source: str) -> SourceFiles:
    """Return the files of a path, a folder or a glob, sorted by path.

    Raises
    ------
    SourceError
        If there are none, or files of several formats.
    """
    path = Path(source)
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = data_files(path)
    else:
        found = matching_files(source)
    if not found:
        problem = "holds no Parquet or CSV file" if path.is_dir() else "does not exist"
        raise MissingSourceError(
            f"source {source!r} {problem}",
            remedy="Give a Parquet or CSV file, a folder of them, or a quoted glob",
        )
    formats = set(map(ending_of, found))
    if not (formats <= PARQUET or formats <= CSV | TEXT):
        raise SourceError(
            f"source {source!r} has files of several or unknown formats: "
            f"{', '.join(sorted(formats))}",
            remedy="Give files that are all .parquet or all .csv, with a glob such as "
            "'folder/*.parquet'",
        )
    return SourceFiles.of(map(_absolute, found))


def _absolute(file: Path) -> Path:
    """Return the absolute path of a file: the same for every way to name it.

    `..` after a link to a folder is resolved by the file system: it may lead out of the folder that
    the name suggests.
    """
    return file.parent.resolve() / file.name if ".." in file.parts else file.absolute()


def looks_complete(file: Path) -> bool:
    """Whether a file seems to be written to its end.

    Parquet files end in a footer; other formats have no such mark, so those files are complete once
    nobody has written to them for `QUIET_SECONDS`.
    """
    if ending_of(file) in PARQUET:
        return _ends_as_parquet(file)
    return _quiet_seconds(file) >= QUIET_SECONDS


def looks_broken(file: Path) -> bool:
    """Whether a file is not written to its end, and nobody seems to be writing to it any more."""
    try:
        return not looks_complete(file) and _quiet_seconds(file) >= SETTLE_SECONDS
    except FileNotFoundError:
        return False


def _quiet_seconds(file: Path) -> float:
    """Return how long nobody has written to a file, or put it in place."""
    facts = file.stat()
    return time.time() - max(facts.st_mtime, facts.st_ctime)


def _ends_as_parquet(file: Path) -> bool:
    """Whether a file ends as Parquet files do: footer, length of the footer (4 bytes), `PAR1`."""
    size = file.stat().st_size
    trailer = 4 + len(PARQUET_MARK)
    with file.open("rb") as opened:
        if size < trailer + len(PARQUET_MARK):
            return False
        opened.seek(-trailer, 2)
        end = opened.read(trailer)
    footer = int.from_bytes(end[:4], "little")
    return end[4:] == PARQUET_MARK and 0 < footer <= size - trailer - len(PARQUET_MARK)

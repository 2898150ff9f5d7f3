"""The files that a path, a folder or a glob stands for."""

from __future__ import annotations

import glob
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from gmm_pipeline.errors import SourceError

_PARQUET = {".parquet", ".pq"}
_CSV = {".csv"}
_PARQUET_END = b"PAR1"
SETTLING_SECONDS = 10.0
"""For how long a file has to be left alone to count as written."""


@dataclass(frozen=True)
class SourceFiles:
    """The files of a table, all of one format, in the order of their rows."""

    files: tuple[Path, ...]

    @property
    def is_csv(self) -> bool:
        """Whether they are CSV; Parquet otherwise."""
        return self.files[0].suffix.lower() in _CSV

    def fingerprint(self) -> str:
        """Return a digest of the files' names, sizes and times of change."""
        facts = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in self.files]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def find_files(source: str) -> SourceFiles:
    """Return the files that a path, a folder or a glob stands for, sorted by path.

    Raises
    ------
    SourceError
        If there are none, or files of several formats.
    """
    path = Path(source)
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if _is_data(file, path)]
    else:
        found = [
            Path(file) for file in sorted(glob.glob(source, recursive=True)) if Path(file).is_file()
        ]
    if not found:
        problem = "holds no Parquet or CSV file" if path.is_dir() else "does not exist"
        raise SourceError(
            f"source {source!r} {problem}",
            remedy="Give a Parquet or CSV file, a folder of them, or a quoted glob",
        )
    formats = {file.suffix.lower() for file in found}
    if not (formats <= _PARQUET or formats <= _CSV):
        raise SourceError(
            f"source {source!r} holds files of several or unknown formats: {', '.join(sorted(formats))}",
            remedy="Give files that are all .parquet or all .csv, with a glob such as 'folder/*.parquet'",
        )
    return SourceFiles(tuple(map(_absolute, found)))


def _absolute(file: Path) -> Path:
    """Return the absolute path of a file, the same from wherever it is named.

    Where `..` leads after a link to a folder, only the file system tells.
    """
    return file.parent.resolve() / file.name if ".." in file.parts else file.absolute()


def looks_complete(file: Path) -> bool:
    """Whether a file seems to be whole: Parquet by how it ends, others by having been left alone
    for a while.
    """
    if file.suffix.lower() in _PARQUET:
        return _ends_as_parquet(file)
    facts = file.stat()
    return time.time() - max(facts.st_mtime, facts.st_ctime) >= SETTLING_SECONDS


def _ends_as_parquet(file: Path) -> bool:
    """Whether a file ends in a Parquet footer that fits into it: its length, then four letters."""
    size = file.stat().st_size
    trailer = 4 + len(_PARQUET_END)
    with file.open("rb") as opened:
        if size < trailer + len(_PARQUET_END):
            return False
        opened.seek(-trailer, 2)
        end = opened.read(trailer)
    footer = int.from_bytes(end[:4], "little")
    return end[4:] == _PARQUET_END and 0 < footer <= size - trailer - len(_PARQUET_END)


def _is_data(file: Path, folder: Path) -> bool:
    """Tell data files from the hidden files and folders that other tools leave behind."""
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    return not hidden and file.suffix.lower() in _PARQUET | _CSV and file.is_file()

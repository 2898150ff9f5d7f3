"""The files of a table in a folder: data by ending or content, without what is not of the table.

Hidden files, and the stores in which this product keeps its results, are never part of a table.
"""

from __future__ import annotations

import glob
import os
from fnmatch import fnmatchcase
from pathlib import Path

PARQUET = {".parquet", ".pq"}
CSV = {".csv", ".tsv"}
TEXT = {".txt", ".tab", ".dat", ".data"}
"""Endings of text that may be a table: where a file is named, not where a folder is searched."""
_COMPRESSED = {".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip"}
PARQUET_MARK = b"PAR1"
"""The first and the last bytes of a Parquet file."""


def ending_of(file: Path) -> str:
    """Return the ending of a file, in lower case; that of Parquet for part files of that content.

    Spark and Hive give part files no ending, or one of their own. That of a compression is none.
    """
    ending = file.suffix.lower()
    if ending in _COMPRESSED:
        return Path(file.stem).suffix.lower()
    is_part = not ending or file.name.startswith("part-")
    if is_part and ending not in PARQUET | CSV and _begins_as_parquet(file):
        return ".parquet"
    return ending


def data_files(folder: Path) -> list[Path]:
    """Return the Parquet and CSV files in a folder and its subfolders, sorted by path."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = [name for name in folders if not _is_hidden(name) and not is_fit(here / name)]
        files = [here / name for name in names if not _is_hidden(name)]
        found += [file for file in files if file.is_file() and ending_of(file) in PARQUET | CSV]
    return sorted(found)


def matching_files(pattern: str) -> list[Path]:
    """Return the files that a glob matches, and the data files in the folders that it matches."""
    base = _fixed_part(pattern)
    # As in a shell, only a name that says so is that of a hidden file.
    names_hidden = _is_hidden(Path(pattern).name)
    found: list[Path] = []
    for match in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207 - may be absolute
        path = Path(match)
        folders = _between(base, path)
        hidden = any(_is_hidden(each.name) for each in (path, *folders)) and not names_hidden
        if hidden or any(map(is_fit, folders)):
            continue
        found += data_files(path) if path.is_dir() else [path]
    # With `**`, a folder and the files in it match.
    return list(dict.fromkeys(found))


def would_be_found(source: str, path: Path) -> bool:
    """Whether a file at a path, which need not exist, would be one of those of a source."""
    path, base = path.parent.resolve() / path.name, Path(source).resolve()
    if base.is_dir():
        inside = path.relative_to(base).parts if path.is_relative_to(base) else ()
        return bool(inside) and not any(map(_is_hidden, inside))
    fixed = _fixed_part(str(base))
    if base.exists() or not path.is_relative_to(fixed):
        return False
    if "**" in source:
        return fnmatchcase(path.name, base.name)
    # A folder that matches gives all data files in it.
    return any(each.match(str(base)) for each in (path, *_between(fixed, path)))


def is_fit(folder: Path) -> bool:
    """Whether a folder is that of a fit in a store, or one that `TableEncoder.save` wrote."""
    if not (folder / "fit.json").is_file():
        return False
    # A column has manifests before the fit has its first snapshot.
    return (folder / "snapshots").is_dir() or any(folder.glob("*/manifests"))


def _begins_as_parquet(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(PARQUET_MARK)) == PARQUET_MARK


def _is_hidden(name: str) -> bool:
    """Whether other tools hide what has this name: `.git`, `_SUCCESS`, `_temporary`."""
    return name.startswith((".", "_"))


def _fixed_part(pattern: str) -> Path:
    """Return the folders at the beginning of a glob that have no wildcards."""
    parts = Path(pattern).parts
    wild = next((n for n, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
    return Path(*parts[:wild])


def _between(base: Path, path: Path) -> list[Path]:
    """Return the folders of a path that are below a base."""
    return [folder for folder in path.parents if folder != base and folder.is_relative_to(base)]

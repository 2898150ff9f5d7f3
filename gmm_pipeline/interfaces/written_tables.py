"""Writing a table to a folder of Parquet parts by an engine."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from gmm_pipeline.arrow.rows import TableRows
from gmm_pipeline.atomic_write import flush_tree, remove_leftovers, replace_folder
from gmm_pipeline.engines.engine import Engine
from gmm_pipeline.errors import SourceError

_PART = re.compile(r"part-\d+\.parquet")


def is_folder(path: Path) -> bool:
    """Whether a path means a folder of parts: it is a folder, or has no file extension."""
    return path.is_dir() or not path.suffix


def check_folder(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise SourceError if parts cannot be written to a folder.

    That is so if it contains an input or other files, or if its parent does not exist.
    """
    if any(file.resolve().is_relative_to(path.resolve()) for file in inputs):
        raise SourceError(f"{path} contains an input of this command", remedy="Give another --out")
    if path.exists() and not all(_PART.fullmatch(entry.name) for entry in path.iterdir()):
        raise SourceError(
            f"{path} contains files that are not parts of a table",
            remedy="Give a new or empty folder",
        )
    if not path.absolute().parent.is_dir():
        raise SourceError(
            f"folder {path.absolute().parent} does not exist", remedy="Create it first"
        )


def write_parts(folder: Path, table: Callable[[Path], TableRows], engine: Engine) -> int:
    """Let an engine write a table to a folder, which appears complete; return the number of rows.

    Parameters
    ----------
    folder : Path
        Parts that it contains are replaced.
    table : callable
        Returns the table. It is given a folder for temporary files, which exists until all rows are
        written.
    engine : Engine

    Raises
    ------
    SourceError
        If the folder cannot be written to.
    """
    check_folder(folder)
    folder = folder.absolute()
    remove_leftovers(folder.parent, folder.name)
    workspace = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    parts = workspace / "parts"
    parts.mkdir(parents=True)
    try:
        rows = table(workspace)
        engine.write_table(rows, parts)
        flush_tree(parts)
        replace_folder(parts, folder)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return rows.rows

"""Files and folders that appear as a whole or not at all, whatever ends the process that writes
them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""Arguments of renameat2(2): paths relative to the current folder, and both names stay,
exchanged.
"""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a path to write to, whose file replaces `path` when all went well and is removed
    otherwise.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_durably(path: Path, text: str) -> None:
    """Replace a small file by a text in UTF-8 that survives a loss of power."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")
        flush(partial)
    flush_folder(path.parent)


def flush(path: Path) -> None:
    """Bring a file's content to the disk before its name appears elsewhere."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Bring the names in a folder to the disk, where the file system lets a folder be opened."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace_folder(folder: Path, target: Path) -> None:
    """Make `folder` the content of `target`, on one file system; remove what was there before.

    Linux exchanges the two atomically. Elsewhere the old folder moves aside first: for an instant
    there is none, but never a part of one.
    """
    if not target.exists():
        folder.rename(target)
        return
    if _exchange(folder, target):
        shutil.rmtree(folder)
        return
    aside = folder.with_name(f"{folder.name}-{uuid.uuid4().hex}")
    target.rename(aside)
    folder.rename(target)
    shutil.rmtree(aside)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths by renameat2; return whether the system could."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    outcome: int = rename(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )
    return outcome == 0

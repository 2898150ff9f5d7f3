"""Files and folders that appear complete or not at all, even if the process dies while writing."""

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
"""Arguments of renameat2(2), from Linux's fcntl.h and fs.h: paths are relative to the current
folder; the two names are exchanged.
"""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path; its file replaces `path` at the end, or is removed after an error.

    It is on the disk by then: after a power failure, `path` is the old file or the complete new
    one, where the file system keeps its promises.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        # A name may reach the disk before the bytes that it stands for.
        flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    flush_folder(path.parent)


def write_durably(path: Path, text: str) -> None:
    """Replace a small file by a text in UTF-8, and make it survive a power failure."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def flush(path: Path) -> None:
    """Flush a file's content to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def flush_tree(folder: Path) -> None:
    """Flush the files in a folder, and their names, to the disk."""
    for path in [folder, *folder.rglob("*")]:
        (flush_folder if path.is_dir() else flush)(path)


def flush_folder(path: Path) -> None:
    """Flush the names in a folder to the disk, if the file system allows opening a folder."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace_folder(folder: Path, target: Path) -> None:
    """Replace `target` by `folder`, which is on the same file system, and remove the old content.

    Linux exchanges the two atomically. On other systems the old folder is renamed first: for a
    moment there is no `target`, but never a part of one.
    """
    if not target.exists():
        folder.rename(target)
        flush_folder(target.parent)
        return
    if _exchange(folder, target):
        flush_folder(target.parent)
        shutil.rmtree(folder)
        return
    aside = folder.with_name(f"{folder.name}-{uuid.uuid4().hex}")
    target.rename(aside)
    folder.rename(target)
    flush_folder(target.parent)
    shutil.rmtree(aside)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths by renameat2; return False if the system has no such call."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    outcome: int = rename(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )
    return outcome == 0

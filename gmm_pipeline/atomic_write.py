"""Files and folders that appear complete or not at all, even if the process dies while writing."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""Arguments of renameat2(2), from Linux's fcntl.h and fs.h: paths are relative to the current
folder; the two names are exchanged.
"""
_DRAFT = re.compile(r"\.(?P<name>.+)[.-][0-9a-f]{32}")
"""The names of drafts: hidden, and nobody uses one twice."""
_A_DAY = 86_400.0
"""Seconds after which a draft that nobody writes to is left over by a process that was killed: a
write pauses for minutes at most."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path; its file replaces `path` at the end, or is removed after an error.

    It is on the disk by then: after a power failure, `path` is the old file or the complete new
    one, where the file system keeps its promises.
    """
    remove_leftovers(path.parent, path.name)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        # A name may reach the disk before the bytes that it stands for.
        flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    flush_folder(path.parent)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove drafts from a folder that killed processes left there a day ago or earlier.

    Parameters
    ----------
    folder : Path
    name : str, optional
        Of the file or folder whose drafts to remove; by default of all.
    """
    with suppress(OSError):
        for entry in list(folder.iterdir()):
            draft = _DRAFT.fullmatch(entry.name)
            is_of_name = draft is not None and name in {None, draft["name"]}
            if is_of_name and _last_write(entry) < time.time() - _A_DAY:
                _remove(entry)


def _last_write(path: Path) -> float:
    """Return when a file, or anything in a folder, was written last, in seconds since 1970."""
    return max(entry.lstat().st_mtime for entry in (path, *path.rglob("*")))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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

    Linux exchanges the two atomically. Where that cannot be, the old folder is renamed first, or
    removed if it cannot be renamed: for a moment there is no `target`, but never a part of the new
    one. If `target` is a link to a folder, the link is replaced.
    """
    if not (target.exists() or target.is_symlink()):
        folder.rename(target)
        flush_folder(target.parent)
        return
    if _exchange(folder, target):
        flush_folder(target.parent)
        _remove(folder)
        return
    aside = folder.with_name(f"{folder.name}-{uuid.uuid4().hex}")
    try:
        target.rename(aside)
    except OSError as error:
        # Folders in the lower layer of an overlay file system stay where they are.
        if error.errno != errno.EXDEV:
            raise
        shutil.rmtree(target)
    folder.rename(target)
    flush_folder(target.parent)
    _remove(aside)


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

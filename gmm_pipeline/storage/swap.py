"""Replacing a folder by another in one step."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def put_in_place(folder: Path, target: Path) -> None:
    """Make `folder` the content of `target`, on one file system; what was there before is removed.

    Linux exchanges the two atomically. Where that is not to be had, the old folder is moved aside first: for an instant
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
    outcome: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return outcome == 0

"""A lock on a file: one process at a time holds it, and the others hear what they wait for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

_SILENT_SECONDS = 3.0
"""Whoever holds such a lock normally needs it for less; who waits longer is told what for."""


@contextmanager
def hold_lock(path: Path, patience: float = -1) -> Iterator[None]:
    """Hold the lock on a file; after a few seconds of waiting, say on stderr what for.

    Parameters
    ----------
    path : Path
    patience : float
        Seconds to wait; -1 waits as long as it takes.

    Raises
    ------
    filelock.Timeout
        If another process holds it for longer.
    """
    lock = FileLock(path)
    try:
        lock.acquire(_SILENT_SECONDS if patience < 0 else min(_SILENT_SECONDS, patience))
    except Timeout:
        print(  # noqa: T201 - said while nothing else can be
            f"Waiting for the lock {path}, {holders_in_words(path)}. End that process if it hangs "
            "or is stopped; nothing that is finished is lost.",
            file=sys.stderr,
            flush=True,
        )
        lock.acquire(patience if patience < 0 else max(patience - _SILENT_SECONDS, 0))
    try:
        yield
    finally:
        lock.release()


def holders_in_words(path: Path) -> str:
    """Say which other processes have a file open, as far as they can be seen from here."""
    holders = [
        f"process {process.pid} ({process.info['name']}, {process.info['status']})"
        for process in psutil.process_iter(["name", "status"])
        if process.pid != psutil.Process().pid and _has_open(process, path)
    ]
    return f"open in {' and '.join(holders)}" if holders else "which another process holds"


def _has_open(process: psutil.Process, path: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return any(file.path == str(path.resolve()) for file in process.open_files())
    return False

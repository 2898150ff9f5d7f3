"""A lease on a fit: while somebody reads its rows, nothing that they may read is removed.

Readers share a lock on one file; who collects needs it alone, and otherwise leaves that to the next
run. The system releases the lock of a reader that dies. Where a store cannot be written to, or the
system has no such locks, readers go without; a result that is then removed is an error to them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FILE = ".readers"


@contextmanager
def reading(fit: Path) -> Iterator[None]:
    """Keep results of a fit from being removed while this lasts."""
    descriptor = _open(fit)
    try:
        if descriptor is not None:
            _lock(descriptor, alone=False)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_read(fit: Path) -> bool:
    """Whether somebody reads a fit now."""
    descriptor = _open(fit)
    if descriptor is None:
        return False
    try:
        return not _lock(descriptor, alone=True)
    finally:
        os.close(descriptor)


def _open(fit: Path) -> int | None:
    with suppress(OSError):
        return os.open(fit / _FILE, os.O_RDWR | os.O_CREAT, 0o666)
    return None


def _lock(descriptor: int, *, alone: bool) -> bool:
    """Take a lock if it is free at once; return whether it was, or the system has none."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        # Who collects holds the lock for an instant only, so that readers may wait for it.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True

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
    with _opened(fit) as descriptor:
        if descriptor is not None:
            _lock(descriptor, alone=False)
        yield


@contextmanager
def collecting(fit: Path) -> Iterator[bool]:
    """Keep readers out while this lasts; give whether that is possible now, as nobody reads."""
    with _opened(fit) as descriptor:
        unknown = descriptor is None and (fit / _FILE).exists()
        yield not unknown and (descriptor is None or _lock(descriptor, alone=True))


@contextmanager
def _opened(fit: Path) -> Iterator[int | None]:
    """Open the file of the lock, for which reading suffices; None if that cannot be."""
    descriptor = None
    for flags in (os.O_RDONLY | os.O_CREAT, os.O_RDONLY):
        with suppress(OSError):
            descriptor = os.open(fit / _FILE, flags, 0o666)
            break
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int, *, alone: bool) -> bool:
    """Take a lock; return whether it is taken, or the system has none."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        # Who collects holds the lock for moments only, so that readers may wait for it.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True

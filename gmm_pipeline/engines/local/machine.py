"""The memory of this machine, and of this process."""

from __future__ import annotations

import os
from pathlib import Path

GIGABYTE = 1 << 30
_UNKNOWN_MEMORY = 8 * GIGABYTE  # what a small laptop has: on systems that do not say
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def memory() -> int:
    """Return the bytes of memory of this machine, or of its container."""
    if os.name != "posix":
        return _UNKNOWN_MEMORY
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _MEMORY_LIMIT.read_text().strip() if _MEMORY_LIMIT.exists() else "max"
    return min(physical, int(limit)) if limit.isdigit() else physical


def peak_memory() -> int | None:
    """Return the most bytes that this process has held at once; None off Linux."""
    lines = _STATUS.read_text().splitlines() if _STATUS.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), None)


def reset_peak_memory() -> None:
    """Let `peak_memory` start again from now, on Linux."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")

"""What a command may use of the machine: threads and memory, as one value."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pydantic import ByteSize, TypeAdapter, ValidationError


@dataclass(frozen=True)
class Limits:
    """What a command may use of this machine. Results do not depend on it.

    Parameters
    ----------
    threads : int
        Threads of the local engine for each column; 0 means one per core.
    memory : int
        Bytes that all processes of the command may use together; 0 means a share of the
        machine's memory (see `fits.concurrency.memory_of_a_run`).
    """

    threads: int = 0
    memory: int = 0

    @property
    def cores(self) -> int:
        """Threads for each column, with the default filled in."""
        return self.threads or os.cpu_count() or 1


def bytes_of(size: str | None) -> int:
    """Return the bytes of a size such as 2GB, 0 for None; raise ValueError if it is not a size."""
    try:
        return 0 if size is None else int(TypeAdapter(ByteSize).validate_python(size))
    except ValidationError:
        raise ValueError(f"Invalid size {size!r}: use for example 2GB") from None

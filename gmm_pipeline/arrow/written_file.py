"""Size and digest of a file that was just written, so that nobody has to read it again for them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gmm_pipeline.atomic_write import flush


@dataclass(frozen=True)
class WrittenFile:
    """The size in bytes and the SHA-256 of a file that is on the disk."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> WrittenFile:
        """Read size and digest of a file."""
        with path.open("rb") as file:
            return cls(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())

    @classmethod
    def flushed(cls, path: Path) -> WrittenFile:
        """Flush a file to the disk, and return its size and digest."""
        flush(path)
        return cls.of(path)


WrittenFiles = Mapping[str, WrittenFile]
"""Written files by name."""

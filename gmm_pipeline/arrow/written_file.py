"""What is known of a file that was just written: its size and digest, so that nobody reads it again
for them.
"""

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
        """Read them off a file."""
        with path.open("rb") as file:
            return cls(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())

    @classmethod
    def flushed(cls, path: Path) -> WrittenFile:
        """Bring a file's content to the disk, and return its facts."""
        flush(path)
        return cls.of(path)


WrittenFiles = Mapping[str, WrittenFile]
"""By their names."""

"""Parts that tasks write, of which one attempt each is kept.

Spark may run a task again, or twice at once, and an executor that was given up may still be
writing. So every attempt writes to a name of its own in a folder beside the one that the parts are
for, and the driver moves those of the attempts that were reported. What the others write can never
be seen.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gmm_pipeline.engines.parts import part_path
from gmm_pipeline.engines.spark.tasks import SHARED_FILES_REMEDY
from gmm_pipeline.errors import StoreError


@dataclass(frozen=True)
class Attempts:
    """Attempts at the parts of a folder.

    Parameters
    ----------
    folder : Path
        Where they are written.
    target : Path
        Where the parts are moved to, on the same file system.
    """

    folder: Path
    target: Path

    @classmethod
    @contextmanager
    def beside(cls, target: Path) -> Iterator[Attempts]:
        """Give a place for attempts, for as long as parts are written; raise StoreError if it
        cannot be made.
        """
        target = target.absolute()  # the current folder of executors is another
        folder = target.with_name(f".{target.name}-attempts-{uuid.uuid4().hex}")
        folder.mkdir()
        try:
            yield cls(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def path(self, number: int, attempt: str) -> Path:
        """Return where an attempt writes a part."""
        return self.folder / f"{number}-{attempt}.parquet"

    def keep(self, number: int, attempt: str) -> None:
        """Move a part to where it belongs; raise StoreError if the driver does not see it."""
        try:
            self.path(number, attempt).rename(part_path(self.target, number))
        except FileNotFoundError as error:
            raise StoreError(
                f"an executor wrote a part that {self.folder} does not hold",
                remedy=SHARED_FILES_REMEDY,
            ) from error

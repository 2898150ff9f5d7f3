"""Parts that Spark tasks write: a task may be attempted more than once, one attempt is kept.

Spark retries tasks, may run one twice at once, and a lost executor may still be writing. So every
attempt writes under a name of its own, in a folder beside the target, and the driver moves the
files of those attempts that Spark reported. Nobody ever sees the files of the others.
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
    """The folder in which attempts write the parts of a target folder.

    Parameters
    ----------
    folder : Path
        Where attempts write.
    target : Path
        Where the kept parts are moved to, on the same file system.
    """

    folder: Path
    target: Path

    @classmethod
    @contextmanager
    def beside(cls, target: Path) -> Iterator[Attempts]:
        """Give a new folder for attempts beside a target; remove it at the end."""
        target = target.absolute()  # executors have another current folder
        folder = target.with_name(f".{target.name}-attempts-{uuid.uuid4().hex}")
        folder.mkdir()
        try:
            yield cls(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def path(self, number: int, attempt: str) -> Path:
        """Return the path under which an attempt writes a part."""
        return self.folder / f"{number}-{attempt}.parquet"

    def keep(self, number: int, attempt: str) -> None:
        """Move a part to the target; raise StoreError if the driver does not see it."""
        try:
            self.path(number, attempt).rename(part_path(self.target, number))
        except FileNotFoundError as error:
            raise StoreError(
                f"an executor wrote a part that the driver does not find in {self.folder}",
                remedy=SHARED_FILES_REMEDY,
            ) from error

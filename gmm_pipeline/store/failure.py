"""Why the last attempt at a stage of a column failed, kept beside the column's results."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gmm_pipeline.atomic_write import atomic_write

_FILE = "failure.json"
_OF_THE_MACHINE = frozenset({"MemoryError", "OSError", "StoreError", "TimeoutError"})
"""Errors that another attempt may not meet: a full disk, too little memory, a column or a fit that
another run holds."""


class Failure(BaseModel):
    """Why the last attempt at a stage failed.

    Parameters
    ----------
    stage : str
    error : str
        The name of the exception.
    message : str
    at : datetime
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    error: str
    message: str
    at: datetime

    @property
    def is_of_data(self) -> bool:
        """Whether the same data and settings fail again, rather than the machine failed."""
        return self.error not in _OF_THE_MACHINE


def write_failure(column: Path, stage: str, error: BaseException) -> None:
    """Remember why a stage failed."""
    failure = Failure(
        stage=stage, error=type(error).__name__, message=str(error), at=datetime.now(UTC)
    )
    column.mkdir(parents=True, exist_ok=True)
    with atomic_write(column / _FILE) as partial:
        partial.write_text(failure.model_dump_json(indent=2), encoding="utf-8")


def read_failure(column: Path) -> Failure | None:
    """Return why the last attempt failed; None if it did not, or the file is damaged."""
    try:
        return Failure.model_validate_json((column / _FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def remove_failure(column: Path) -> None:
    """Forget the last failure."""
    (column / _FILE).unlink(missing_ok=True)

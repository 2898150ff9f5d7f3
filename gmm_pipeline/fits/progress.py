"""What is told of the runs of columns: where they are, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gmm_pipeline.fits.stages import Stage


@dataclass(frozen=True)
class Outcome:
    """What became of a column's run; `error` is None if all its stages are done."""

    column: str
    seconds: float
    error: str | None


class Progress(Protocol):
    """Told of what is done, by several threads if several columns are in work."""

    def start(self, column: str, stages: int) -> None:
        """Note that a column's run starts, which has so many stages."""
        ...

    def stage(self, column: str, stage: Stage) -> None:
        """Note that a stage of a column is done."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Note what became of a column."""
        ...

    def stopping(self) -> None:
        """Note that no further stage begins."""
        ...


class Unwatched:
    """Progress that nobody looks at."""

    def start(self, column: str, stages: int) -> None:
        """Let it pass."""

    def stage(self, column: str, stage: Stage) -> None:
        """Let it pass."""

    def finish(self, outcome: Outcome) -> None:
        """Let it pass."""

    def stopping(self) -> None:
        """Let it pass."""

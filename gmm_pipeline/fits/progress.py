"""What a run reports while it works: columns that start and end, and the results it publishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gmm_pipeline.fits.checks import Check
    from gmm_pipeline.fits.stages import Stage
    from gmm_pipeline.fits.verdicts import Verdict
    from gmm_pipeline.store.result import Result


@dataclass(frozen=True)
class StageReport:
    """A stage of a column whose result was published.

    Parameters
    ----------
    column : str
    stage : Stage
    result : Result
    verdicts : dict of Check to Verdict
    illustrations : dict of str to str
        Pictures and tables of the result as Markdown, by name.
    undrawn : str
        Why the result could not be drawn; empty if it could.
    repaired : bool
        Whether the last attempt at this stage had failed.
    """

    column: str
    stage: Stage
    result: Result
    verdicts: Mapping[Check, Verdict]
    illustrations: Mapping[str, str]
    undrawn: str
    repaired: bool


@dataclass(frozen=True)
class Outcome:
    """How a column's run ended.

    Parameters
    ----------
    column : str
    seconds : float
    error : str or None
        What went wrong; None if all its stages are done.
    stage : Stage or None
        The stage that failed.
    traceback : str
        Where an error came from that is not one of ours; empty otherwise.
    """

    column: str
    seconds: float
    error: str | None = None
    stage: Stage | None = None
    traceback: str = ""


class Progress(Protocol):
    """Listens to a run. Several threads call it, as columns run concurrently."""

    def start(self, column: str, stages: int) -> None:
        """Note that a column starts, which has so many stages to do."""
        ...

    def stage(self, report: StageReport) -> None:
        """Note that a result was published."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Note how a column ended."""
        ...

    def stopping(self) -> None:
        """Note that no further stage begins."""
        ...

    def remark(self, message: str) -> None:
        """Note what people should know of the run."""
        ...


class SilentProgress:
    """A listener that ignores everything."""

    def start(self, column: str, stages: int) -> None:
        """Ignore it."""

    def stage(self, report: StageReport) -> None:
        """Ignore it."""

    def finish(self, outcome: Outcome) -> None:
        """Ignore it."""

    def stopping(self) -> None:
        """Ignore it."""

    def remark(self, message: str) -> None:
        """Ignore it."""

"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, track

from gmm_pipeline.interfaces.cli.display import stderr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from gmm_pipeline.orchestration.execution import Outcome
    from gmm_pipeline.orchestration.stages import Stage

T = TypeVar("T")


class RunProgress(Protocol):
    """Told of what a run does."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def start(self, column: str, stages: int) -> None:
        """Note that a column's run starts."""
        ...

    def stage(self, stage: Stage) -> None:
        """Note that a stage of the current column is done."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Note what became of the current column."""
        ...


def run_progress(columns: int, stages: int) -> RunProgress:
    """Return a display for a run over so many columns, and stages in all of them."""
    return BarProgress(stages) if stderr().is_terminal else LineProgress(columns)


def counted(items: Sequence[T], description: str) -> Iterable[T]:
    """Yield items while a bar on a terminal counts them."""
    console = stderr()
    return track(items, description, console=console, transient=True, disable=not console.is_terminal)


class LineProgress:
    """One line for each column, when it is done."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._number = 0
        self._console = stderr()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Leave nothing to tidy up."""

    def start(self, column: str, stages: int) -> None:
        """Count the column."""
        del column, stages
        self._number += 1

    def stage(self, stage: Stage) -> None:
        """Say nothing: a column's line comes when it is done."""

    def finish(self, outcome: Outcome) -> None:
        """Print the column's line."""
        verdict = "done" if outcome.error is None else "FAILED"
        position = f"[{self._number}/{self._columns}]"
        self._console.print(f"{position} {outcome.column}: {verdict} in {outcome.seconds:.1f} s", markup=False)


class BarProgress:
    """A bar over all stages, with the current column and stage."""

    def __init__(self, stages: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("stages"),
            TimeElapsedColumn(),
            console=stderr(),
        )
        self._task = self._progress.add_task("starting", total=stages)
        self._column = ""
        self._left = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._progress.stop()

    def start(self, column: str, stages: int) -> None:
        """Show the column."""
        self._column, self._left = column, stages
        self._progress.update(self._task, description=column)

    def stage(self, stage: Stage) -> None:
        """Move the bar."""
        self._left -= 1
        self._progress.update(self._task, advance=1, description=f"{self._column}: {stage.name} done")

    def finish(self, outcome: Outcome) -> None:
        """Move the bar over the stages that a failure left out."""
        self._progress.update(self._task, advance=self._left)
        if outcome.error is not None:
            self._progress.console.print(f"{outcome.column}: FAILED", markup=False)

"""Progress of a run: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from rich import progress as bars
from rich.progress import track

from gmm_pipeline.fits.progress import Progress, SilentProgress
from gmm_pipeline.interfaces.cli.display import stderr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gmm_pipeline.fits.progress import Outcome, StageReport

T = TypeVar("T")
_STOPPING = "Stopping after the stages at work; interrupt again to stop at once."


class RunProgress(Progress, Protocol):
    """Shows the progress of a run, as a context manager around it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


def run_progress(columns: int, stages: int) -> RunProgress:
    """Return a display for a run over a number of columns, with a number of stages in all."""
    return BarProgress(stages) if stderr().is_terminal else LineProgress(columns)


def count_in_bar(items: Sequence[T], description: str) -> Iterable[T]:
    """Yield items, and show a bar that counts them if stderr is a terminal."""
    console = stderr()
    return track(
        items, description, console=console, transient=True, disable=not console.is_terminal
    )


class LineProgress(SilentProgress):
    """Prints a line for each column that ends."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._finished = itertools.count(1)
        self._console = stderr()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing: printed lines stay."""

    def finish(self, outcome: Outcome) -> None:
        """Print the column's line."""
        verdict = "done" if outcome.error is None else "FAILED"
        position = f"[{next(self._finished)}/{self._columns}]"
        self._console.print(
            f"{position} {outcome.column}: {verdict} in {outcome.seconds:.1f} s", markup=False
        )

    def stopping(self) -> None:
        """Print what the run waits for."""
        self._console.print(_STOPPING)

    def remark(self, message: str) -> None:
        """Print the message."""
        self._console.print(message, markup=False)


class BarProgress:
    """Shows a bar over all stages, and one for each running column with its last stage."""

    def __init__(self, stages: int) -> None:
        self._display = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("stages"),
            bars.TimeElapsedColumn(),
            console=stderr(),
        )
        self._all = self._display.add_task("all columns", total=stages)
        self._columns: dict[str, bars.TaskID] = {}

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._display.stop()

    def start(self, column: str, stages: int) -> None:
        """Show the column."""
        self._columns[column] = self._display.add_task(column, total=stages)

    def stage(self, report: StageReport) -> None:
        """Move the bars."""
        done = f"{report.column}: {report.stage.name} done"
        self._display.update(self._columns[report.column], advance=1, description=done)
        self._display.advance(self._all)

    def finish(self, outcome: Outcome) -> None:
        """Remove the column, and count the stages that a failure left out."""
        task = self._columns.pop(outcome.column)
        left = next(shown.remaining for shown in self._display.tasks if shown.id == task)
        self._display.remove_task(task)
        self._display.advance(self._all, left or 0)
        if outcome.error is not None:
            self._display.console.print(f"{outcome.column}: FAILED", markup=False)

    def stopping(self) -> None:
        """Print what the run waits for."""
        self._display.console.print(_STOPPING)

    def remark(self, message: str) -> None:
        """Print the message above the bars."""
        self._display.console.print(message, markup=False)

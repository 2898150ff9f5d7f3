"""Errors that a user can act on: each names the problem, the column, the rows and a remedy."""

from __future__ import annotations

import difflib
import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RECOMPUTE = "`gmm-pipeline run --refit`, or in Dagster a run with the tag gmm_pipeline/refit: all"
"""How a column's results are computed again although they seem to be there."""
_FEW = 5
"""Columns that a message names, each perhaps with a reason: more are no longer read."""


class PipelineError(Exception):
    """Base class of all errors that a user can act on.

    Parameters
    ----------
    problem : str
        What is wrong, as one clause without a full stop.
    column : str, optional
        The column concerned.
    rows : int, optional
        How many rows are concerned.
    remedy : str, optional
        What the user can do about it, as an instruction.
    """

    def __init__(
        self,
        problem: str,
        *,
        column: str | None = None,
        rows: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.column = column
        self.rows = rows
        self.remedy = remedy
        # The text is an argument too: logs and tracebacks of other tools show `args`.
        super().__init__(str(self))

    def __str__(self) -> str:
        where = "" if self.column is None else f"column {self.column!r}: "
        count = (
            "" if self.rows is None else f" ({self.rows:,} {'row' if self.rows == 1 else 'rows'})"
        )
        # Messages of other libraries, quoted in a problem, may end with a full stop of their own.
        problem = self.problem if self.remedy is None else self.problem.removesuffix(".")
        next_step = "" if self.remedy is None else f". {self.remedy}"
        return f"{where}{problem}{count}{next_step}"


@contextmanager
def in_column(name: str) -> Iterator[None]:
    """Add the column's name to errors raised by code that does not know it."""
    try:
        yield
    except PipelineError as error:
        if error.column is None:
            raise type(error)(
                error.problem, column=name, rows=error.rows, remedy=error.remedy
            ) from error
        raise


class SourceError(PipelineError):
    """The source table is missing, empty, unreadable, or its column names are ambiguous."""


class MissingSourceError(SourceError):
    """The source has no files."""


class IncompleteFileError(SourceError):
    """A file of the source is still being written."""


class UnsupportedTypeError(PipelineError):
    """A column has a type that cannot be encoded."""


class ColumnDataError(PipelineError):
    """Values of a column cannot be processed."""


class OffGridError(ColumnDataError):
    """Numbers lie between the steps of the grid that the fitted rows lie on."""


class SettingsError(PipelineError):
    """A setting is unknown or has a value that is not allowed."""


class StoreError(PipelineError):
    """A result is missing from the store, damaged, or in use by another run."""


class DiskError(PipelineError):
    """Nothing can be written any more: the disk, or what may be used of it, is full."""


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_IN_WORDS = ("no space left on device", "disk is full", "disk i/o error", "os error 28")
"""How Arrow, Polars and SQLite say it, whose errors have no number of the system's."""


def disk_error(error: BaseException) -> DiskError | None:
    """Return what to tell if a full disk caused an error, in whatever library; otherwise None."""
    cause: BaseException | None = error
    while cause is not None:
        number = cause.errno if isinstance(cause, OSError) else None
        lines = [line for line in str(cause).splitlines() if _says_full(line)]
        if number in _FULL or lines:
            said = lines[0].strip() if lines else str(cause)
            return DiskError(
                f"the disk is full or cannot be written to ({said})",
                remedy="Free some space, and run again: finished results are kept, and nothing is "
                "half-written",
            )
        cause = cause.__cause__ or cause.__context__
    return None


def _says_full(line: str) -> bool:
    return any(words in line.lower() for words in _FULL_IN_WORDS)


def first_few(texts: Sequence[str], separator: str = ", ") -> str:
    """Return the first five texts in one, and how many more there are."""
    shown, more = texts[:_FEW], len(texts) - _FEW
    return separator.join(shown) + (f" and {more} more" if more > 0 else "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the known words closest to an unknown one, or with all known words."""
    options = sorted(known)
    close = difflib.get_close_matches(word, options, n=3)
    if close:
        return "Did you mean " + " or ".join(repr(option) for option in close) + "?"
    # Twenty words fit on two lines of a terminal.
    listed = ", ".join(options[:20]) + (", …" if len(options) > 20 else "")  # noqa: PLR2004
    return f"Choose from: {listed}."

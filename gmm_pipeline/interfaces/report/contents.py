"""What a report says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Pictures:
    """The pictures of a column as SVG text; empty where there is nothing to draw.

    Parameters
    ----------
    small, rows, likelihood, frequencies : str
    missing : str
        Why there is no picture of the rows, if there is none.
    """

    small: str = ""
    rows: str = ""
    likelihood: str = ""
    frequencies: str = ""
    missing: str = ""


@dataclass(frozen=True)
class ModesTable:
    """The most frequent modes of a column as text, and how many more there are."""

    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0


@dataclass(frozen=True)
class StageReport:
    """The state of a stage, and why it is so."""

    name: str
    state: str
    reason: str


@dataclass(frozen=True)
class ColumnReport:
    """What is said of one column; None where it is not known.

    Parameters
    ----------
    name, type, kind, reason : str or None
    rows, modes, exact, within_precision, changed : int or None
    mean_log_likelihood, drift : float or None
    seconds : float
        What making its results took.
    state : str
        The worst of its stages' states.
    message : str
        Why it is so; empty if all is done.
    verdict : str
        What the round trip did; empty before it.
    convergence : str
        How the fit ended; empty without one.
    settings : tuple of pairs
        Those that differ from the defaults.
    stages : tuple of StageReport
    pictures : Pictures
    table : ModesTable
    """

    name: str
    type: str | None
    kind: str | None
    reason: str | None
    rows: int | None
    modes: int | None
    mean_log_likelihood: float | None
    exact: int | None
    within_precision: int | None
    changed: int | None
    drift: float | None
    seconds: float
    state: str
    message: str
    verdict: str
    convergence: str
    settings: tuple[tuple[str, str], ...]
    stages: tuple[StageReport, ...]
    pictures: Pictures
    table: ModesTable


@dataclass(frozen=True)
class FitReport:
    """What is said of a fit.

    Parameters
    ----------
    fit, source : str
    rows : int or None
        None while no column is read.
    newest : datetime or None
        When the newest result was made.
    written : datetime
        When the report was.
    version : str
        Of the package that wrote it.
    columns : tuple of ColumnReport
    """

    fit: str
    source: str
    rows: int | None
    newest: datetime | None
    written: datetime
    version: str
    columns: tuple[ColumnReport, ...]

    def count(self, state: str) -> int:
        """Return how many columns are in a state."""
        return sum(column.state == state for column in self.columns)

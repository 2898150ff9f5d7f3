"""The contents of a report, as its page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gmm_pipeline.fits.plan import StageStatus


@dataclass(frozen=True)
class ModesShown:
    """A column's pictures as SVG and its table of modes; empty where there is nothing to show.

    Parameters
    ----------
    small, rows, frequencies : str
    missing : str
        Why there is no picture of the rows, if there is none.
    table : tuple of tuples of str
        The most frequent modes, by the headings of `pictures.markdown.HEADINGS`.
    more : int
        How many modes are not in the table.
    """

    small: str = ""
    rows: str = ""
    frequencies: str = ""
    missing: str = ""
    table: tuple[tuple[str, ...], ...] = ()
    more: int = 0


@dataclass(frozen=True)
class ColumnReport:
    """What the page says of one column; None where that is not known.

    Parameters
    ----------
    name, type, kind, reason : str or None
        `reason` says why the column is of this kind.
    rows, modes, exact, within_precision, changed : int or None
        The last three are rows, by how they come back from encoding.
    mean_log_likelihood, drift : float or None
    seconds : float
        The time that its results took.
    state, message : str
        The worst state of its stages, and why it is so; no message if all are done.
    verdict, convergence : str
        How the round trip and the fit ended, in words; empty before that.
    settings : tuple of pairs of str
        Names and values of the settings that differ from the defaults.
    stages : tuple of StageStatus
    shown : ModesShown
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
    stages: tuple[StageStatus, ...]
    shown: ModesShown


@dataclass(frozen=True)
class FitReport:
    """What the page says of a fit.

    Parameters
    ----------
    fit, source : str
    rows : int or None
        None before a column is read.
    newest : datetime or None
        When its newest result was published.
    written : datetime
        When the report was written.
    version : str
        The version of gmm-pipeline that wrote it.
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

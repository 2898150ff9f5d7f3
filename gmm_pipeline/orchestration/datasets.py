"""A dataset: a fit that Dagster operates, and how its source is watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gmm_pipeline.fits.spec import FitSpec


@dataclass(frozen=True)
class Dataset:
    """A fit that Dagster operates.

    Parameters
    ----------
    name : str
        The name of its fit, which is the prefix of its asset keys.
    spec : callable
        Returns the spec of the fit, with the columns that its source had at the last look.
    discover : callable
        Opens the source, and returns the spec with the columns that it has now.
    watch : bool or str
        Whether new and changed files start runs. A glob names other files, whose changes start
        runs instead. If False, columns are only registered.
    watch_seconds : int
        Seconds between two looks at the source.
    schedule : str or None
        When to refit, as a cron expression.
    description : str
    owners : tuple of str
        E-mail addresses, or teams as `team:name`.
    blocking : tuple of str
        The checks whose failure ends a column's run: later stages do not begin.
    """

    name: str
    spec: Callable[[], FitSpec]
    discover: Callable[[], FitSpec]
    watch: bool | str = False
    watch_seconds: int = 30
    schedule: str | None = None
    description: str = ""
    owners: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()

"""A dataset: a fit that Dagster operates, with when and how it is looked at."""

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
        Returns what the fit is made from, as it was when its source was last looked at.
    discover : callable
        Looks at the source now, and returns the same with the columns as they are.
    watch : bool or str
        Whether new and changed files start runs; a glob: files whose change does, instead of the
        source's own. Without, columns are registered and nothing is started.
    watch_seconds : int
        How long after a look at the source the next one comes.
    schedule : str or None
        When to refit, as a cron expression.
    description : str
    owners : tuple of str
        E-mail addresses, or teams as `team:name`.
    blocking : tuple of str
        The checks that keep what comes after from being made when they fail.
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

"""A dataset: a fit that Dagster operates, and how its source is watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gmm_pipeline.fits.settings import EngineName
from gmm_pipeline.fits.spec import FitSpec

RETRIES = 5
"""With the pauses of the sensor, they outlast an outage of five hours."""
_MAX_RETRIES_TAG = "dagster/max_retries"
_RETRY_ON_FAILURE_TAG = "dagster/retry_on_asset_or_op_failure"


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
    source : str
        A file, a folder or a glob; empty if it is not known yet.
    engine : str
        Where rows are processed.
    watch : bool or str
        Whether new and changed files start runs. A glob names other files, whose changes start
        runs instead. If False, columns are only registered.
    watch_seconds : int
        Seconds between two looks at the source.
    schedule : str or None
        When to refit, as a cron expression.
    timezone : str
        Of the schedule, such as `Europe/Berlin`.
    description : str
    owners : tuple of str
        E-mail addresses, or teams as `team:name`.
    blocking : tuple of str
        The checks whose failure ends a column's run: later stages do not begin.
    tags : dict of str to JSON value
        Tags of its runs.
    pool : str or None
        The concurrency pool that its runs take a slot of.
    retries : int
        How often a run is started again that died for no reason in the data.
    """

    name: str
    spec: Callable[[], FitSpec]
    discover: Callable[[], FitSpec]
    source: str = ""
    engine: EngineName = "local"
    watch: bool | str = False
    watch_seconds: int = 30
    schedule: str | None = None
    timezone: str = "UTC"
    description: str = ""
    owners: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()
    tags: Mapping[str, Any] = field(default_factory=dict)
    pool: str | None = None
    retries: int = RETRIES

    @property
    def run_tags(self) -> dict[str, Any]:
        """Tags of its runs: Dagster starts those again that died, if its instance has retries on.

        A column that fails is a failure of an op, which fails again until its data change.
        """
        retried = {_MAX_RETRIES_TAG: str(self.retries), _RETRY_ON_FAILURE_TAG: "false"}
        return {**retried, **self.tags}

    @property
    def sensor_tags(self) -> dict[str, str]:
        """Tags of the runs of its sensor, which starts them again itself, with pauses."""
        return {_MAX_RETRIES_TAG: "0"}

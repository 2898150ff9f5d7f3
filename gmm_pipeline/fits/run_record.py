"""What the last run of a fit had to do, so that it can be continued after it failed or was
ended.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.errors import StoreError
from gmm_pipeline.fits.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gmm_pipeline.fits.plan import ColumnStatus, StageStatus
    from gmm_pipeline.fits.stages import Stage
    from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store


class RunRecord(BaseModel):
    """A run of the command line.

    Parameters
    ----------
    started : datetime
    columns : tuple of str
        Those that it had something to do for.
    refit : bool
        Whether everything was to be made anew.
    """

    model_config = ConfigDict(frozen=True)

    started: datetime
    columns: tuple[str, ...]
    refit: bool

    @classmethod
    def now(cls, columns: Sequence[str], *, refit: bool) -> RunRecord:
        """Return the record of a run that starts now."""
        return cls(started=datetime.now(UTC), columns=tuple(columns), refit=refit)

    def write(self, folder: FitFolder) -> None:
        """Keep the record with its fit."""
        with atomic_write(folder.run_path) as partial:
            partial.write_text(self.model_dump_json(indent=2))

    @classmethod
    def read(cls, folder: FitFolder) -> RunRecord:
        """Read the record of a fit; raise StoreError if there is none."""
        try:
            return cls.model_validate_json(folder.run_path.read_text())
        except (FileNotFoundError, ValidationError) as error:
            raise StoreError(
                f"{folder.path} has no run to continue",
                remedy="Start one with `gmm-pipeline run SOURCE`",
            ) from error

    def left(self, status: ColumnStatus) -> tuple[Stage, ...]:
        """Return the stages of a column that the run has not done."""
        if status.column not in self.columns:
            return ()
        pending = [
            entry.stage
            for entry in status.stages
            if entry.stage in status.to_do or self._older(entry)
        ]
        return STAGES[STAGES.index(pending[0]) :] if pending and self.refit else tuple(pending)

    def _older(self, entry: StageStatus) -> bool:
        """Whether a result that was to be made anew is still that from before the run."""
        return self.refit and (entry.manifest is None or entry.manifest.last_made < self.started)


def last_run(store: Store) -> str:
    """Return the name of the fit that was run last; raise StoreError if there is none."""
    written = {fit: store.fit(fit).run_path for fit in store.fits()}
    times = {fit: path.stat().st_mtime_ns for fit, path in written.items() if path.exists()}
    if not times:
        raise StoreError(
            f"store {store.path} knows of no run", remedy="Start one with `gmm-pipeline run SOURCE`"
        )
    return max(times, key=lambda fit: times[fit])

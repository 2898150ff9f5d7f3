"""What the last run of a fit had to do, so that `retry` can continue it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.errors import StoreError
from gmm_pipeline.fits.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gmm_pipeline.fits.plan import ColumnStatus, StageStatus
    from gmm_pipeline.fits.stages import Stage
    from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store


class RunRecord(BaseModel):
    """A run of the command line.

    Parameters
    ----------
    started : datetime
        For people; nothing is decided by it.
    columns : tuple of str
        The columns that it had something to do for.
    refit : bool
        Whether it was to recompute everything.
    before : frozenset of str
        The names of the manifests that were there when it started, if it was to recompute them.
    number : int
        Counts the runs of a store, so that no clock tells which one was the last. 0 in records of
        earlier versions.
    """

    model_config = ConfigDict(frozen=True)

    started: datetime
    columns: tuple[str, ...]
    refit: bool
    before: frozenset[str] = frozenset()
    number: int = 0

    @classmethod
    def of(cls, statuses: Iterable[ColumnStatus], *, refit: bool) -> RunRecord:
        """Return the record of a run that starts now, over columns in these states."""
        concerned = [status for status in statuses if refit or not status.done]
        manifests = [stage.manifest for status in concerned for stage in status.stages]
        return cls(
            started=datetime.now(UTC),
            columns=tuple(status.column for status in concerned),
            refit=refit,
            before=frozenset(each.file_name for each in manifests if each and refit),
        )

    def write(self, folder: FitFolder) -> None:
        """Write the record into the folder of its fit, as that of the store's last run."""
        last = max((number for number, _, _ in _runs(Store(folder.path.parent))), default=0)
        record = self.model_copy(update={"number": last + 1})
        with atomic_write(folder.run_path) as partial:
            partial.write_text(record.model_dump_json(indent=2), encoding="utf-8")

    @classmethod
    def read(cls, folder: FitFolder) -> RunRecord:
        """Read the record of a fit; raise StoreError if there is none, or it is damaged."""
        try:
            return cls.model_validate_json(folder.run_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError) as error:
            raise StoreError(
                f"{folder.path} has no run to continue",
                remedy="Start one with `gmm-pipeline run SOURCE`",
            ) from error

    def remaining(self, status: ColumnStatus) -> tuple[Stage, ...]:
        """Return the stages of a column that the run has not done yet."""
        if status.column not in self.columns:
            return ()
        pending = [
            entry.stage
            for entry in status.stages
            if entry.stage in status.to_do or self._is_older(entry)
        ]
        return STAGES[STAGES.index(pending[0]) :] if pending and self.refit else tuple(pending)

    def _is_older(self, entry: StageStatus) -> bool:
        """Whether a result that the run was to recompute is still the one from before the run."""
        return self.refit and (entry.manifest is None or entry.manifest.file_name in self.before)


def last_run(store: Store) -> str:
    """Return the name of the fit that ran last; raise StoreError if none did."""
    runs = _runs(store)
    if not runs:
        raise StoreError(
            f"no fit in store {store.path} ran yet",
            remedy="Start one with `gmm-pipeline run SOURCE`",
        )
    return max(runs)[-1]


def _runs(store: Store) -> list[tuple[int, int, str]]:
    """Return the last run of each fit: its number, the time of its file, and the fit.

    The time orders runs of versions that did not number them.
    """
    found = []
    for fit in store.fits():
        folder = store.fit(fit)
        with suppress(StoreError, FileNotFoundError):
            written = folder.run_path.stat().st_mtime_ns
            found.append((RunRecord.read(folder).number, written, fit))
    return found

"""Looks at a dataset's source: what is new in it, and which columns have something to do."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.fits.plan import State, column_statuses
from gmm_pipeline.fits.source_ledger import (
    SourceFile,
    add_hashes,
    current_ledger,
    incomplete_file_error,
    incomplete_files,
    save_ledger,
    skipped_files,
)
from gmm_pipeline.fits.stages import RAW
from gmm_pipeline.store.manifest import digest
from gmm_pipeline.tables.files import FileStamp, looks_complete

if TYPE_CHECKING:
    from gmm_pipeline.fits.plan import ColumnStatus
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.orchestration.datasets import Dataset
    from gmm_pipeline.store.fit_folder import FitFolder
    from gmm_pipeline.tables.local_table import LocalTable


@dataclass(frozen=True)
class Sighting:
    """What a look at a dataset's source found.

    Parameters
    ----------
    state : str
        A digest of the files and the settings. If it is the same as before, nothing is to be done.
    columns : tuple of str
        All columns of the fit.
    to_do : tuple of ColumnStatus
        The columns that have something to do.
    remarks : tuple of str
        What people should know: files that are still being written, columns that are gone or
        changed their type.
    """

    state: str
    columns: tuple[str, ...]
    to_do: tuple[ColumnStatus, ...]
    remarks: tuple[str, ...]


def look(dataset: Dataset, folder: FitFolder, last_state: str | None) -> Sighting | None:
    """Look at a dataset's source; return None if it is as it was at the last look.

    Raises
    ------
    SourceError
        If there is no source, or a file that was read before is being written to.
    """
    spec = dataset.spec()
    files = _watched(dataset, spec, folder)
    if _state(files, spec) == last_state:
        return None
    spec = dataset.discover()
    ledger = current_ledger(spec.source, folder, looks_complete)
    waiting = [
        f"file {path} is not taken yet: it is still being written"
        for path in skipped_files(spec.source, ledger)
    ]
    return Sighting(
        # By the files as they were first: what came meanwhile is seen at the next look.
        state=_state(files, spec),
        columns=spec.columns,
        to_do=tuple(status for status in column_statuses(spec, folder, ledger) if not status.done),
        remarks=(*waiting, *_remarks(spec, folder, spec.open(ledger, folder.staging))),
    )


def reason_of(status: ColumnStatus) -> str:
    """Say why there is something to do for a column."""
    first = next(stage for stage in status.stages if stage.state is not State.DONE)
    return f"{first.stage.name} {first.state.value}: {first.reason}"


def nothing_new(dataset: Dataset, folder: FitFolder) -> str:
    """Say that a source is as it was at the last look, and which files are not taken yet."""
    source = dataset.spec().source
    waiting = skipped_files(source, current_ledger(source, folder, looks_complete))
    return "nothing is new" + "".join(f"; file {path} is still being written" for path in waiting)


def _watched(dataset: Dataset, spec: FitSpec, folder: FitFolder) -> str:
    """Return a digest of the files whose change calls for a closer look."""
    if isinstance(dataset.watch, str):
        return digest([file.model_dump_json() for file in _watched_files(dataset.watch)])
    ledger = current_ledger(spec.source, folder, looks_complete)
    _refuse(incomplete_files(ledger, folder))
    save_ledger(add_hashes(ledger), folder)
    return ledger.digests(spec.csv_nulls)[-1]


def _state(files: str, spec: FitSpec) -> str:
    """Return a digest of what runs depend on: the watched files, the columns, their settings."""
    return digest([files, spec.model_dump(mode="json")])


def _watched_files(pattern: str) -> list[SourceFile]:
    # A pattern may be absolute, which `Path.glob` refuses.
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    found = [Path(file) for file in matches if Path(file).is_file()]
    _refuse([str(file) for file in found if not looks_complete(file)])
    return [SourceFile.of(FileStamp.of(file)) for file in found]


def _refuse(unsettled: list[str]) -> None:
    if unsettled:
        raise incomplete_file_error(unsettled[0])


def _remarks(spec: FitSpec, folder: FitFolder, table: LocalTable) -> list[str]:
    """Say which columns are gone, not agreed on by the files, or of another type than before."""
    remarks: list[str] = []
    for name in spec.columns:
        if name not in table.schema.names:
            remarks.append(
                f"column {name!r} is gone from the source; "
                f"leave it out with '!{name}' if that is meant"
            )
        elif name in table.conflicts:
            remarks.append(str(table.conflicts[name]))
        else:
            copy, kind = folder.column(name).result(RAW.name), str(table.schema.field(name).type)
            if copy is not None and copy.manifest.summary["type"] != kind:
                remarks.append(
                    f"column {name!r} changed its type "
                    f"from {copy.manifest.summary['type']} to {kind}"
                )
    return remarks

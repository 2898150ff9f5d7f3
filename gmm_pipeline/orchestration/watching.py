"""Looks at a dataset's source: what is new in it, and which columns have something to do."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.fits.obstacles import find_obstacles
from gmm_pipeline.fits.plan import State, column_status, column_statuses
from gmm_pipeline.fits.source_ledger import (
    SourceFile,
    add_hashes,
    complete_ledger,
    current_ledger,
    files_not_taken,
    incomplete_file_error,
    incomplete_files,
    save_ledger,
)
from gmm_pipeline.fits.stages import RAW
from gmm_pipeline.store.manifest import digest
from gmm_pipeline.tables.files import FileStamp, looks_complete

if TYPE_CHECKING:
    import pyarrow as pa

    from gmm_pipeline.errors import PipelineError
    from gmm_pipeline.fits.plan import ColumnStatus
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.orchestration.datasets import Dataset
    from gmm_pipeline.store.failure import Failure
    from gmm_pipeline.store.fit_folder import FitFolder


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
    obstacles : dict of str to PipelineError
        What keeps other columns from being computed.
    remarks : tuple of str
        What people should know: files that are not taken, columns that changed their type.
    """

    state: str
    columns: tuple[str, ...]
    to_do: tuple[ColumnStatus, ...]
    obstacles: Mapping[str, PipelineError]
    remarks: tuple[str, ...]


def look(dataset: Dataset, folder: FitFolder, last_state: str | None) -> Sighting | None:
    """Look at a dataset's source; return None if it is as it was at the last look.

    Raises
    ------
    MissingSourceError
        If there is no source.
    IncompleteFileError
        If a file that was read before is being written to.
    SourceError
        If the source cannot be read.
    """
    spec = dataset.spec()
    files = _watched(dataset, spec, folder)
    if _state(files, spec) == last_state:
        return None
    spec = dataset.discover()
    ledger = current_ledger(spec.source, folder, looks_complete)
    table = spec.open(ledger, folder.staging)
    obstacles = find_obstacles(spec.columns, spec.settings, table)
    computable = [name for name in spec.columns if name not in obstacles]
    statuses = column_statuses(spec, folder, ledger)
    return Sighting(
        # By the files as they were first: what came meanwhile is seen at the next look.
        state=_state(files, spec),
        columns=spec.columns,
        to_do=tuple(each for each in statuses if not (each.done or each.column in obstacles)),
        obstacles=obstacles,
        remarks=(
            *(f"not taken: {error}" for error in files_not_taken(spec.source, folder)),
            *_changed_types(folder, [table.schema.field(name) for name in computable]),
        ),
    )


def statuses_of(
    dataset: Dataset, folder: FitFolder, columns: Collection[str]
) -> list[ColumnStatus]:
    """Return the state of columns by the files as they are now."""
    if not columns:
        return []
    spec = dataset.spec()
    digests = complete_ledger(spec.source, folder).digests(spec.csv)
    return [
        column_status(name, folder.column(name), spec.settings.of(name), digests)
        for name in spec.columns
        if name in columns
    ]


def failures(dataset: Dataset, folder: FitFolder) -> dict[str, Failure]:
    """Return the failures of columns that are not repaired."""
    recorded = {
        name: failure
        for name in dataset.spec().columns
        if (failure := folder.column(name).failure())
    }
    statuses = statuses_of(dataset, folder, recorded)
    return {each.column: recorded[each.column] for each in statuses if not each.done}


def reason_of(status: ColumnStatus) -> str:
    """Say why there is something to do for a column."""
    first = next(stage for stage in status.stages if stage.state is not State.DONE)
    return f"{first.stage.name} {first.state.value}: {first.reason}"


def _watched(dataset: Dataset, spec: FitSpec, folder: FitFolder) -> str:
    """Return a digest of the files whose change calls for a closer look."""
    if isinstance(dataset.watch, str):
        return digest([file.model_dump_json() for file in _watched_files(dataset.watch)])
    ledger = current_ledger(spec.source, folder, looks_complete)
    _refuse(incomplete_files(ledger, folder))
    save_ledger(add_hashes(ledger), folder)
    return ledger.digests(spec.csv)[-1]


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


def _changed_types(folder: FitFolder, fields: Iterable[pa.Field]) -> list[str]:
    """Say which columns have another type than their copies."""
    remarks: list[str] = []
    for field in fields:
        copy, kind = folder.column(field.name).result(RAW.name), str(field.type)
        if copy is not None and copy.manifest.summary["type"] != kind:
            remarks.append(
                f"column {field.name!r} changed its type "
                f"from {copy.manifest.summary['type']} to {kind}"
            )
    return remarks

"""Columns that no run can compute, as their source is now: what keeps them from it, told once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.column_types import reading_of
from gmm_pipeline.errors import PipelineError, SourceError
from gmm_pipeline.fits.stages import RAW

if TYPE_CHECKING:
    from gmm_pipeline.fits.settings import TableSettings
    from gmm_pipeline.store.fit_folder import FitFolder
    from gmm_pipeline.tables.local_table import LocalTable


def find_obstacles(
    columns: Iterable[str], settings: TableSettings, table: LocalTable
) -> dict[str, PipelineError]:
    """Return what keeps columns of a fit from being computed; no row is read.

    The source has no such column any more, its files do not agree on the column's type, or the type
    cannot be encoded as the settings ask for it.
    """
    names, found = set(table.schema.names), {}
    for name in columns:
        try:
            if name not in names:
                raise gone(name)
            reading_of(table.column(name).field, settings.of(name).kind)
        except PipelineError as error:
            found[name] = error
    return found


def note_obstacles(folder: FitFolder, obstacles: Mapping[str, PipelineError]) -> dict[str, str]:
    """Record obstacles as failures of the columns, and return those that were not recorded yet.

    Returns
    -------
    dict of str to str
        Messages by column.
    """
    news: dict[str, str] = {}
    for name, error in obstacles.items():
        column = folder.column(name)
        known = column.failure()
        if known is None or known.message != str(error):
            column.record_failure(RAW.name, error)
            news[name] = str(error)
    return news


def gone(name: str) -> SourceError:
    """Return the error for a column of a fit that its source no longer has."""
    return SourceError(
        "it is gone from the source",
        column=name,
        remedy=f"Its results stay; leave it out with '!{name}' if that is meant",
    )

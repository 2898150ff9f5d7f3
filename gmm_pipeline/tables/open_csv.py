"""Opens tables of CSV files by their Parquet form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from gmm_pipeline.arrow.parquet_rows import Footers
from gmm_pipeline.tables.column_names import check_names
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.csv.report import CsvReport
from gmm_pipeline.tables.csv.rows import open_known
from gmm_pipeline.tables.csv.staging import CsvStaging
from gmm_pipeline.tables.files import SourceFiles
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.open_parquet import (
    open_parquet,
    read_table_footer,
    refuse_encoded_among_others,
)


def open_csv(
    source: str, batches: Sequence[SourceFiles], staging: Path, known: Known
) -> LocalTable:
    """Open a table whose CSV files came in batches; rows are in the order of batches and files.

    Each batch is converted on its own, so that files that were added do not cause the earlier ones
    to be converted again. Later batches are read in the dialect and the types of the first. Where
    that fails, all files are converted together, to types that suit all of them; files with other
    columns than the rest are always converted on their own.

    Raises
    ------
    SourceError
        If the files cannot be read as CSV, hold no rows, or have duplicate or empty column names.
    SettingsError
        If the type of a column that is not there is told.
    """
    staged = CsvStaging(staging)
    together = SourceFiles(tuple(stamp for batch in batches for stamp in batch.stamps))
    headers = _headers(together.files, known)
    for names in headers.values():
        check_names(f"source {source!r}", names)
    refuse_encoded_among_others(headers)
    known.told.check_columns([name for names in headers.values() for name in names])
    groups = [
        SourceFiles(tuple(group))
        for batch in batches
        for _, group in groupby(batch.stamps, key=lambda stamp: headers[stamp.path])
    ]
    if len(groups) > 1:
        table = _open_groups(source, groups, staged, known)
        if len(set(headers.values())) > 1 or not table.conflicts:
            return table
    parquet = [staged.parquet_of(together, known)]
    return _open(source, parquet, [together.files[0].name])


def _headers(files: Sequence[Path], known: Known) -> dict[Path, tuple[str, ...]]:
    """Return the columns of each file; those after the first are looked at in its dialect."""
    first = open_known(files[0], known)
    types = dict.fromkeys(first.names, "string")
    later = replace(known, found=first.dialect.model_copy(update={"types": types}))
    return {files[0]: first.names, **{file: open_known(file, later).names for file in files[1:]}}


def _open_groups(
    source: str, groups: Sequence[SourceFiles], staged: CsvStaging, known: Known
) -> LocalTable:
    """Open groups of files as one table; later groups are read as the first was."""
    first = staged.parquet_of(groups[0], known)
    schema = read_table_footer(Footers(), first).schema.remove_metadata()
    later = replace(known, found=CsvReport.in_file(first).dialect, schema=schema)
    parquet = [first, *(staged.parquet_of(group, later) for group in groups[1:])]
    return _open(source, parquet, [group.files[0].name for group in groups])


def _open(source: str, parquet: Sequence[Path], names: Sequence[str]) -> LocalTable:
    """Open the Parquet forms of groups of files, which messages call by some names."""
    table = open_parquet(source, SourceFiles.of(parquet), names)
    reports = [CsvReport.in_file(path) for path in parquet]
    misfits = [report.conflicts(name) for report, name in zip(reports, names, strict=True)]
    conflicts = {column: error for each in reversed(misfits) for column, error in each.items()}
    return replace(table, conflicts={**table.conflicts, **conflicts}, csv=reports[0])

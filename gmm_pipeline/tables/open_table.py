"""Opens tables: a Parquet or CSV file, a folder of them, or a glob."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gmm_pipeline.tables.csv.known import NOTHING_KNOWN, Known
from gmm_pipeline.tables.files import SourceFiles, find_files
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.open_parquet import open_parquet


def open_table(source: str, staging: Path, csv: Known = NOTHING_KNOWN) -> LocalTable:
    """Open a table; CSV is converted to Parquet first, once.

    Parameters
    ----------
    source : str
        A file, a folder or a glob.
    staging : Path
        A folder for the Parquet form of CSV files; it need not exist yet.
    csv : Known, optional
        What is known of CSV files: how they are written, and types of columns.

    Raises
    ------
    SourceError
        If the table is missing, unreadable or without rows, or has duplicate or empty column names.
    """
    return open_batches(source, [find_files(source)], staging, csv)


def open_batches(
    source: str, batches: Sequence[SourceFiles], staging: Path, csv: Known = NOTHING_KNOWN
) -> LocalTable:
    """Open a table whose files came in batches; rows are in the order of batches and files.

    See `open_table` for the other parameters, and `open_csv` for batches of CSV.
    """
    if batches[0].is_csv:
        # Loads Polars.
        from gmm_pipeline.tables.open_csv import open_csv

        return open_csv(source, batches, staging, csv)
    together = SourceFiles(tuple(stamp for batch in batches for stamp in batch.stamps))
    return open_parquet(source, together, [file.name for file in together.files])

"""What is known of CSV files before they are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from gmm_pipeline.tables.csv.dialect import CsvDialect


@dataclass(frozen=True)
class Known:
    """What is known of files before they are looked at.

    Parameters
    ----------
    told : CsvDialect
        What the user says.
    found : CsvDialect, optional
        What was found from earlier files of the table.
    schema : pyarrow.Schema, optional
        Types of columns.
    """

    told: CsvDialect = field(default_factory=CsvDialect)
    found: CsvDialect | None = None
    schema: pa.Schema | None = None


NOTHING_KNOWN = Known()
"""Of files that are looked at for the first time."""

"""What the column names of a table have to be like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from gmm_pipeline.errors import SourceError, did_you_mean


def require_column(name: str, schema: pa.Schema) -> None:
    """Raise SourceError if a table has no column of a name."""
    # A schema makes the list of its names anew each time that it is asked for them.
    if schema.get_field_index(name) < 0:
        raise SourceError(
            f"the table has no column {name!r}", remedy=did_you_mean(name, schema.names)
        )


def check_names(table: str, names: Sequence[str]) -> None:
    """Raise SourceError if column names of a table, named by `table`, are empty or not unique."""
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    if duplicates:
        raise SourceError(
            f"{table} has several columns of the same name: {', '.join(map(repr, duplicates))}",
            remedy="Rename them: results are found by the names of columns",
        )
    if "" in names:
        raise SourceError(
            f"{table} has a column without a name at position {names.index('') + 1}",
            remedy="Name it",
        )

"""What the column names of a table have to be like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gmm_pipeline.errors import SourceError, did_you_mean


def require_column(name: str, names: Sequence[str]) -> None:
    """Raise SourceError if a table has no column of a name."""
    if name not in names:
        raise SourceError(f"the table has no column {name!r}", remedy=did_you_mean(name, names))


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

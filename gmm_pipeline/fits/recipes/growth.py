"""Whether a column's last result can be continued: rows were added, and all else is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_pipeline.engines.engine import NO_PARTS, ExistingParts
from gmm_pipeline.fits.stages import RAW, SOURCE
from gmm_pipeline.fits.stored_columns import original_field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gmm_pipeline.arrow.parquet_column import ParquetColumn
    from gmm_pipeline.fits.settings import ColumnSettings
    from gmm_pipeline.fits.stages import Stage
    from gmm_pipeline.store.result import Result

_LISTED_CONTENTS = 32
"""Earlier contents that a manifest lists. A sketch that was extended more often between two
decisions on its model counts as one of other rows; each run decides, so once is usual.
"""


def holds_first_rows(
    copy: Result, column: ParquetColumn, source_digests: Sequence[str], settings: ColumnSettings
) -> bool:
    """Whether a copy holds the first rows of a column, from before files were added."""
    before = copy.manifest.origin.inputs.get(SOURCE, "")
    same = RAW.origin({SOURCE: before}, settings) == copy.manifest.origin
    return same and before in source_digests[:-1] and original_field(copy) == column.field


def is_of_first_parts(
    result: Result,
    stage: Stage,
    raw: Result,
    contents: Mapping[str, str],
    settings: ColumnSettings,
) -> bool:
    """Whether a result was made from the first parts of a column's copy, before others were added.

    `contents` holds the content digests of the inputs that a new result would have.
    """
    before = result.manifest.origin.inputs.get(RAW.name, "")
    same = stage.origin({**contents, RAW.name: before}, settings) == result.manifest.origin
    return same and before != contents[RAW.name] and raw.manifest.leading_files(before) is not None


def existing_parts(last: Result | None) -> ExistingParts:
    """Return the parts of a result that others are written beside; none without a result."""
    return NO_PARTS if last is None else ExistingParts(last.manifest.rows, len(last.tables()))


def continued_contents(last: Result | None) -> tuple[str, ...]:
    """Return the contents that a continuation of a result grows from, the newest last."""
    if last is None:
        return ()
    return (*last.manifest.continues, last.manifest.content)[-_LISTED_CONTENTS:]

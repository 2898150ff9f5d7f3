"""Finds the kind of a column without fitting it: continuous, mixed or categorical, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gmm_pipeline.errors import in_column
from gmm_pipeline.fits.fitting import atom_choice, sketch_request
from gmm_pipeline.tables.sampled_column import SampledColumn

if TYPE_CHECKING:
    from gmm_pipeline.arrow.rows import ColumnRows
    from gmm_pipeline.engines.engine import Engine
    from gmm_pipeline.fits.settings import ColumnSettings


@dataclass(frozen=True)
class Preview:
    """The kind of a column, and why."""

    kind: str
    reason: str


def preview(column: ColumnRows, settings: ColumnSettings, engine: Engine) -> Preview:
    """Return the kind of a column, by all rows or by a sample of a long column.

    Raises
    ------
    UnsupportedTypeError, SettingsError, ColumnDataError
    """
    sample = SampledColumn(column)
    with in_column(column.field.name):
        choice = atom_choice(
            engine.sketch(sample, sketch_request(settings)), column.field, settings
        )
    scope = "" if sample.rows == column.rows else f" (in a sample of {sample.rows:,} rows)"
    return Preview(choice.kind, choice.reason + scope)

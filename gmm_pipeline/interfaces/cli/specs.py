"""The fit that a command line asks for, and the state that it is in."""

from __future__ import annotations

from pathlib import Path

from gmm_pipeline.engines.local.source import LocalTable
from gmm_pipeline.errors import SourceError
from gmm_pipeline.interfaces.cli.options import given_patterns, given_settings
from gmm_pipeline.orchestration.fit_spec import FitSpec, select_columns
from gmm_pipeline.orchestration.planning import ColumnStatus, column_status
from gmm_pipeline.storage.store import FitFolder


def given_spec(
    name: str,
    source: str,
    table: LocalTable,
    patterns: str,
    csv_nulls: tuple[str, ...],
    config: Path | None,
    assignments: tuple[str, ...],
) -> FitSpec:
    """Return the fit that the options of a command stand for; raise SettingsError or SourceError if they are wrong."""
    columns = select_columns(table.schema.names, given_patterns(patterns))
    settings = given_settings(config, assignments)
    settings.check(columns)
    return FitSpec(
        name=name, source=str(Path(source).absolute()), columns=columns, csv_nulls=csv_nulls, settings=settings
    )


def statuses_of(spec: FitSpec, folder: FitFolder) -> list[ColumnStatus]:
    """Return the state of each column of a fit."""
    try:
        digest = spec.source_digest()
    except SourceError:
        digest = None
    return [column_status(name, folder.column(name), spec.settings.of(name), digest) for name in spec.columns]

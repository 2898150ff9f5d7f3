"""The fit that a command line asks for."""

from __future__ import annotations

from pathlib import Path

from gmm_pipeline.engines.local.files import find_files
from gmm_pipeline.engines.local.source import LocalTable
from gmm_pipeline.errors import SourceError
from gmm_pipeline.interfaces.cli.options import given_patterns, given_settings
from gmm_pipeline.orchestration.fit_spec import FitSpec, load_spec, select_columns
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
    selected_by = given_patterns(patterns)
    columns = select_columns(table.schema.names, selected_by)
    settings = given_settings(config, assignments)
    settings.check(columns)
    return FitSpec(
        name=name,
        source=str(Path(source).absolute()),
        columns=columns,
        patterns=tuple(selected_by),
        csv_nulls=csv_nulls,
        settings=settings,
    )


def source_files(folder: FitFolder) -> tuple[Path, ...]:
    """Return the files that a fit was made from, as far as they are there."""
    try:
        return find_files(load_spec(folder).source).files
    except SourceError:
        return ()

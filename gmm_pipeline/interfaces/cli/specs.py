"""The fit that a command line asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gmm_pipeline.errors import SettingsError, SourceError
from gmm_pipeline.fits.settings import EngineName, TableSettings
from gmm_pipeline.fits.spec import FitSpec, load_spec, select_columns
from gmm_pipeline.interfaces.cli.options import given_patterns, given_settings
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.tables.files import find_files
from gmm_pipeline.tables.open_table import LocalTable


def given_spec(
    name: str,
    source: str,
    table: LocalTable,
    patterns: str,
    csv_nulls: tuple[str, ...],
    config: Path | None,
    assignments: tuple[str, ...],
) -> FitSpec:
    """Return the fit that the options of a command stand for; raise SettingsError or SourceError if
    they are wrong.
    """
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


def on_engine(spec: FitSpec, engine: EngineName, spark_config: tuple[str, ...]) -> FitSpec:
    """Return a fit that is processed where the options of a command say; raise SettingsError if
    they are wrong.
    """
    return spec.model_copy(
        update={"engine": engine, "spark_config": spark_settings(engine, spark_config)}
    )


def spark_settings(engine: EngineName, spark_config: tuple[str, ...]) -> dict[str, str]:
    """Return the settings of Spark that the options of a command give; raise SettingsError if they
    are wrong.
    """
    if spark_config and engine != "spark":
        raise SettingsError("--spark-config is given without Spark", remedy="Add --engine spark")
    pairs = [assignment.partition("=") for assignment in spark_config]
    for key, equals, _ in pairs:
        if not equals or not key.startswith("spark."):
            raise SettingsError(
                f"{key!r} is no setting of Spark",
                remedy="Write --spark-config KEY=VALUE, with a key such as spark.master",
            )
    return {key: value for key, _, value in pairs}


def with_adopted(spec: FitSpec, folder: FitFolder) -> FitSpec:
    """Return a fit in which columns keep the mixtures that they have adopted, unless they are given
    others.
    """
    if not folder.spec_path.exists():
        return spec
    known = load_spec(folder).settings.columns
    kept = {
        name: _of_adoption(known.get(name, {}))
        for name in spec.columns
        if known.get(name, {}).get("components")
    }
    return spec.model_copy(update={"settings": TableSettings(columns=kept).merged(spec.settings)})


def _of_adoption(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in ("kind", "components") if name in settings}


def source_files(folder: FitFolder) -> tuple[Path, ...]:
    """Return the files that a fit was made from, as far as they are there."""
    try:
        return find_files(load_spec(folder).source).files
    except SourceError:
        return ()

"""The file of datasets that Dagster operates; the descriptions here are its documentation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from gmm_pipeline.fits.config_text.documents import Document, read_document
from gmm_pipeline.fits.config_text.validation import validate_document
from gmm_pipeline.fits.limits import bytes_of
from gmm_pipeline.fits.settings import ColumnSettings, EngineName, SparkValue, TableSettings
from gmm_pipeline.orchestration.datasets import RETRIES
from gmm_pipeline.tables.csv.dialect import CsvDialect

STORE_VARIABLE = "GMM_PIPELINE_STORE"
CONFIG_VARIABLE = "GMM_PIPELINE_CONFIG"
DEFAULT_STORE = "gmm_store"

DatasetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
CheckName = Literal["round_trip", "mode_frequencies", "converged", "drift", "schema_unchanged"]


class DatasetSettings(BaseModel):
    """A table, how its columns are fitted and encoded, and when that is done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(
        min_length=1,
        description="a Parquet or CSV file, a folder of them, or a glob; relative to the folder of "
        "this file",
    )
    columns: tuple[str, ...] = Field(
        (),
        description="names or globs of the columns to encode, ! in front leaves out; all by "
        "default (settings of single columns stand in column_settings)",
    )
    csv: CsvDialect = Field(
        default_factory=CsvDialect,
        description="how CSV files are written, where it is not found from their first bytes",
    )
    engine: EngineName = Field(
        "local", description="where rows are processed; results do not depend on it"
    )
    spark_config: dict[str, SparkValue] = Field(
        {},
        description="with engine = spark: Spark's settings by name; spark.master selects the "
        "cluster",
    )
    settings: ColumnSettings = Field(
        default_factory=ColumnSettings, description="settings of all columns"
    )
    column_settings: dict[str, ColumnSettings] = Field(
        {}, description="settings that differ for single columns, by their names"
    )
    watch: bool | str = Field(
        True,
        description="whether new and changed files start runs; a glob: those files do, instead of "
        "the source's own",
    )
    watch_seconds: int = Field(
        30, ge=1, description="seconds between two checks of the source for changes"
    )
    schedule: str | None = Field(
        None,
        description="when to refit all columns: a cron expression of five fields, such as "
        "'0 3 * * 1'",
    )
    timezone: str = Field("UTC", description="the time zone of the schedule, such as Europe/Berlin")
    description: str = Field("", description="what the table is, shown in Dagster's web UI")
    owners: tuple[str, ...] = Field((), description="e-mail addresses, or teams as team:name")
    blocking_checks: tuple[CheckName, ...] = Field(
        (),
        description="checks that stop the following stages when they fail; none by default",
    )
    tags: dict[str, str | dict[str, Any]] = Field(
        {},
        description="tags of the dataset's runs; launchers read some of them, such as "
        "dagster-k8s/config",
    )
    pool: str | None = Field(
        None,
        pattern=r"^\S+$",
        description="Dagster's concurrency pool that each run of the dataset takes a slot of",
    )
    retries: int = Field(
        RETRIES,
        ge=0,
        description="how often a run is started again that died for no reason in the data",
    )

    @field_validator("watch")
    @classmethod
    def _watches_something(cls, watch: bool | str) -> bool | str:  # noqa: FBT001
        if watch == "":
            raise ValueError("an empty glob matches no file")
        return watch

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError("it is not a time zone such as Europe/Berlin") from None
        return timezone

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, schedule: str | None) -> str | None:
        # Checked by Dagster itself: what it refuses later would break all definitions.
        import dagster as dg

        if schedule is not None:
            try:
                dg.ScheduleDefinition(name="checked", job_name="checked", cron_schedule=schedule)
            except dg.DagsterInvalidDefinitionError:
                raise ValueError("it is not a cron expression") from None
        return schedule

    @field_validator("owners")
    @classmethod
    def _are_owners(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        import dagster as dg

        for owner in owners:
            try:
                dg.AssetSpec("checked", owners=[owner])
            except dg.DagsterInvalidDefinitionError:
                raise ValueError(f"{owner!r} is neither an e-mail address nor team:name") from None
        return owners

    def table_settings(self) -> TableSettings:
        """Return the settings that the file has, without defaults, which a preset may change."""
        return TableSettings.from_models(self.settings, self.column_settings)

    def placed(self, folder: Path) -> DatasetSettings:
        """Return the same with absolute paths; relative ones start in `folder`."""
        watch = _placed(self.watch, folder) if isinstance(self.watch, str) else self.watch
        return self.model_copy(update={"source": _placed(self.source, folder), "watch": watch})


class Configuration(BaseModel):
    """The datasets that Dagster operates, and the folder of all results."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="gmm_pipeline datasets")

    store: str = Field(
        DEFAULT_STORE,
        min_length=1,
        description="folder of all results, relative to the folder of this file; "
        "the environment variable GMM_PIPELINE_STORE takes precedence",
    )
    memory: str | None = Field(
        None,
        description="memory of a run, such as 2GB or 500MB; by default half of the machine's "
        "memory, divided by the number of concurrent runs",
    )
    datasets: dict[DatasetName, DatasetSettings] = Field(
        {},
        description="the datasets by name, also the name of the fit: letters, digits and "
        "underscores",
    )

    @field_validator("memory")
    @classmethod
    def _is_size(cls, memory: str | None) -> str | None:
        bytes_of(memory)
        return memory

    def placed(self, folder: Path) -> Configuration:
        """Return the same with absolute paths; relative ones start in `folder`."""
        datasets = {name: dataset.placed(folder) for name, dataset in self.datasets.items()}
        return Configuration(
            store=_placed(self.store, folder), memory=self.memory, datasets=datasets
        )


def read_configuration(path: Path) -> Configuration:
    """Read a YAML or TOML file of datasets; raise SettingsError that lists every mistake."""
    configuration = validate_document(read_document(path), Configuration)
    return configuration.placed(path.absolute().parent)


def configuration_of(content: Mapping[str, Any]) -> Configuration:
    """Return plain data as a configuration; raise SettingsError that lists every mistake."""
    return validate_document(Document(dict(content)), Configuration)


def store_of(configuration: Configuration | None) -> Path:
    """Return the store: that of the environment, of a (placed) configuration, or the default."""
    configured = DEFAULT_STORE if configuration is None else configuration.store
    return Path(os.environ.get(STORE_VARIABLE) or configured).absolute()


def _placed(path: str, folder: Path) -> str:
    return str(folder / path)

"""Settings of a column, and where they come from: defaults, a file, the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gmm_pipeline.core.modes.column_model import (
    Extremes,
    ModeChoice,
    OutOfRange,
    Unseen,
    ValueDtype,
)
from gmm_pipeline.errors import SettingsError, did_you_mean
from gmm_pipeline.fits.config_text.documents import read_document
from gmm_pipeline.fits.config_text.plain_values import without_numpy
from gmm_pipeline.fits.config_text.validation import validate_document
from gmm_pipeline.fits.presets import PRESETS

_ASSIGNMENT = re.compile(r"(?:(?P<column>.+)\.)?(?P<setting>\w+)=(?P<value>.*)", re.DOTALL)

EngineName = Literal["local", "spark"]
SparkValue = bool | int | float | str
"""Types of the values of Spark's own settings."""


class ColumnSettings(BaseModel):
    """How one column is fitted and encoded; the defaults suit most columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["none", "ctgan", "ctab-gan+"] = Field(
        "none", description="defaults for the other settings: the conventions of that encoder"
    )
    kind: Literal["auto", "continuous", "mixed", "categorical", "general"] = Field(
        "auto",
        description="auto: found from the values; continuous: a mixture; mixed: mixture and atoms; "
        "categorical: every value an atom; general: one range from −1 to 1, without a mixture",
    )
    atoms: tuple[float | int | str, ...] = Field(
        (), description="numbers, or dates as text, that are modes of their own"
    )
    find_atoms: bool = Field(
        True,
        description="with kind = auto or mixed: find point masses; with auto also: "
        "make every number an atom where few are distinct",
    )
    max_modes: int = Field(
        10,
        ge=1,
        le=1000,
        description="the most Gaussian modes of a column, the most point masses, and the most "
        "frequent values that the mixture would spend a component on",
    )
    n_components: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="exactly this many Gaussian modes, instead of as many as the data call for",
    )
    min_weight: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="Gaussian modes of a smaller weight are dropped; em keeps all that it needs",
    )
    method: Literal["em", "dpgmm", "spark_ml", "spark_ml_full"] = Field(
        "em",
        description="how the mixture is fitted: expectation-maximisation, variational Dirichlet "
        "process, Spark ML, or for comparison Spark ML on all rows instead of their sketch, which "
        "needs engine = spark",
    )
    components: tuple[tuple[float, float, float], ...] | None = Field(
        None,
        min_length=1,
        description="weight, mean and std of each Gaussian mode, in units of the column; no "
        "mixture is fitted then (see `gmm-pipeline adopt`)",
    )
    drop_never_likeliest: bool = Field(
        False,
        description="unless method = em: drop Gaussian modes that are nowhere the likeliest",
    )
    transform: Literal["none", "log"] = Field(
        "none", description="log: fit the logarithms, for long tails"
    )
    mode_choice: ModeChoice = Field(
        "sample",
        description="sample: draw a row's mode by its probabilities; argmax: the likeliest",
    )
    probability_floor: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="added to the probability of every mode; with extremes = clip only",
    )
    extremes: Extremes = Field(
        "keep",
        description="values beyond ±0.99 of every mode: keep them in tail modes, or clip them",
    )
    infinities: Literal["keep", "error"] = Field(
        "keep", description="keep: +inf and −inf are atoms; error: they are refused"
    )
    max_categories: int | None = Field(
        None,
        ge=2,
        description="the most modes of a categorical column; the rarest categories share one",
    )
    rest_value: bool | int | float | str | None = Field(
        None,
        description="the value that the shared mode decodes to; by default one of its categories, "
        "as often as each occurs",
    )
    unseen: Unseen = Field(
        "error",
        description="categories, nulls and NaN that the fitted rows did not hold: error, or write "
        "them as the most frequent mode, or as the shared mode of the rare ones (rest)",
    )
    out_of_range: OutOfRange = Field(
        "error",
        description="new numbers beyond those fitted, beside atoms, or between their steps: error; "
        "clip: write the nearest fitted number; keep: write those beyond as values beyond ±0.99",
    )
    value_dtype: ValueDtype | None = Field(
        None, description="float32 or float64; by default as precise as the column's values need"
    )
    seed: int = Field(0, ge=0, description="seed of the random starts and of the draws")
    refit: Literal["drift", "schedule", "never"] = Field(
        "drift",
        description="when a column with added rows is fitted again: once it has drifted by "
        "drift_threshold, at the times of the schedule, or only on demand",
    )
    drift_threshold: float = Field(
        0.02,
        ge=0,
        le=1,
        description="share of the rows that may change place before the column is fitted again",
    )

    @field_validator("components")
    @classmethod
    def _are_a_mixture(
        cls, components: tuple[tuple[float, float, float], ...] | None
    ) -> tuple[tuple[float, float, float], ...] | None:
        if not all(
            weight > 0 and std > 0 and isfinite(mean) for weight, mean, std in components or ()
        ):
            raise ValueError("weights and stds must be positive, means finite")
        return components

    @field_validator("atoms", mode="before")
    @classmethod
    def _listed(cls, atoms: Any) -> Any:
        return atoms if isinstance(atoms, list | tuple) else [atoms]


class TableSettings(BaseModel):
    """Settings of all columns, and those that differ for single columns.

    Parameters
    ----------
    settings : dict
        Settings that hold for all columns.
    columns : dict of str to dict
        Settings that hold for one column, by its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, Any] = {}
    columns: dict[str, dict[str, Any]] = {}

    @field_validator("settings", "columns", mode="before")
    @classmethod
    def _of_python(cls, values: Any) -> Any:
        return without_numpy(values)

    @classmethod
    def from_models(
        cls, settings: ColumnSettings, columns: Mapping[str, ColumnSettings]
    ) -> TableSettings:
        """Take only the settings that were set: for the rest, a preset may have other defaults."""
        return cls(
            settings=_explicit(settings),
            columns={name: _explicit(each) for name, each in columns.items()},
        )

    def of(self, column: str) -> ColumnSettings:
        """Return the resolved settings of a column; raise SettingsError if one is invalid."""
        return validate_settings({**self.settings, **self.columns.get(column, {})}, column)

    def check(self, columns: Sequence[str]) -> None:
        """Raise SettingsError if a setting is invalid, or names a column that does not exist."""
        validate_settings(self.settings, None)
        for column in self.columns:
            if column not in columns:
                raise SettingsError(
                    f"settings are given for a column {column!r} that does not exist",
                    remedy=did_you_mean(column, columns),
                )
            self.of(column)

    def merged(self, other: TableSettings) -> TableSettings:
        """Return the settings of both; the other's take precedence."""
        names = dict.fromkeys([*self.columns, *other.columns])
        columns = {
            name: {**self.columns.get(name, {}), **other.columns.get(name, {})} for name in names
        }
        return TableSettings(settings={**self.settings, **other.settings}, columns=columns)


class SettingsFile(BaseModel):
    """The content of a file that `--config` reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: ColumnSettings = Field(
        default_factory=ColumnSettings, description="settings of all columns"
    )
    columns: dict[str, ColumnSettings] = Field(
        {}, description="settings that differ for single columns, by their names"
    )


def validate_settings(settings: Mapping[str, Any], column: str | None) -> ColumnSettings:
    """Return checked settings; raise SettingsError with a suggestion for the first wrong one."""
    for name in settings:
        if name not in ColumnSettings.model_fields:
            raise SettingsError(
                f"unknown setting {name!r}",
                column=column,
                remedy=did_you_mean(name, ColumnSettings.model_fields),
            )
    try:
        return ColumnSettings(
            **{**PRESETS.get(str(settings.get("preset", "none")), {}), **settings}
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise SettingsError(
            f"setting {name} = {first['input']!r} is not allowed: {first['msg']}",
            column=column,
            remedy=f"Its description: {ColumnSettings.model_fields[name].description}",
        ) from error


def parse_assignments(assignments: Sequence[str]) -> TableSettings:
    """Read `SETTING=VALUE` and `COLUMN.SETTING=VALUE`; a value that is not JSON is text."""
    parsed = TableSettings()
    for assignment in assignments:
        match = _ASSIGNMENT.fullmatch(assignment)
        if match is None:
            raise SettingsError(
                f"{assignment!r} is not a setting",
                remedy="Write SETTING=VALUE, or COLUMN.SETTING=VALUE for one column",
            )
        value = {match["setting"]: _value(match["value"])}
        column = match["column"]
        parsed = parsed.merged(
            TableSettings(columns={column: value}) if column else TableSettings(settings=value)
        )
    return parsed


def read_settings(path: Path) -> TableSettings:
    """Read a TOML or YAML file with `settings` of all columns and `columns` by name.

    Raises
    ------
    SettingsError
        With every mistake of the file, each with its key path, and in YAML its line.
    """
    content = validate_document(read_document(path), SettingsFile)
    return TableSettings.from_models(content.settings, content.columns)


def _explicit(settings: ColumnSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude_unset=True)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

"""How CSV files are written: what a user says of it, completed by what their first bytes show."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gmm_pipeline.errors import SettingsError, did_you_mean

_NAMES = {"tab": "\t", "\\t": "\t", "bar": "|", "comma": ",", "semicolon": ";", "space": " "}
"""Words for marks that are hard to type in a shell."""
_LISTS = {"nulls"}
_TYPE = "types."


class CsvDialect(BaseModel):
    """How CSV files are written. What is None is found from the first bytes of the first file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: str | None = Field(None, description="the character between cells, or tab")
    quote: str | None = Field(
        None, description="the character around cells that hold delimiters; none: there is none"
    )
    decimal: Literal[".", ","] | None = Field(None, description="the decimal mark of numbers")
    thousands: str | None = Field(
        None, description="the mark between groups of three digits; none: there is none"
    )
    comment: str | None = Field(
        None, description="what lines start with that are no rows; none: all lines are rows"
    )
    header: bool | None = Field(
        None, description="whether the first line names the columns; else they are column_1, …"
    )
    skip: int | None = Field(None, ge=0, description="lines before the header that are left out")
    nulls: tuple[str, ...] = Field(
        (), description="texts that stand for null, besides the empty cell"
    )
    encoding: str | None = Field(
        None, description="of the text, such as cp1252; UTF-8 or what the first bytes mark"
    )
    blanks: Literal["keep", "strip"] | None = Field(
        None, description="strip: blanks around cells are no part of them, unless quoted"
    )
    quoted: Literal["some", "all"] | None = Field(
        None, description="all: every cell is quoted, so that quotes say nothing of a cell"
    )
    types: dict[str, str] = Field(
        {},
        description="by column: string, integer, number, boolean, date, datetime, time, a format "
        "such as %d.%m.%Y, a number in its dress such as $number, or two words such as yes/no",
    )

    @field_validator("delimiter", "quote", "thousands", "comment", mode="before")
    @classmethod
    def _mark(cls, mark: Any) -> Any:
        return _NAMES.get(mark, mark) if isinstance(mark, str) else mark

    @field_validator("delimiter", "quote", "thousands")
    @classmethod
    def _is_a_character(cls, mark: str | None) -> str | None:
        if mark not in {None, "none"} and len(mark or "") != 1:
            raise ValueError("it should be one character")
        return mark

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str | None) -> str | None:
        try:
            return encoding and codecs.lookup(encoding).name
        except LookupError:
            raise ValueError("no encoding has this name") from None

    @field_validator("header", mode="before")
    @classmethod
    def _is_there(cls, header: Any) -> Any:
        return False if header == "none" else header

    def over(self, other: CsvDialect | None) -> CsvDialect:
        """Return this dialect, completed by another where it says nothing."""
        if other is None:
            return self
        said = self.model_dump(exclude_defaults=True)
        types = {**other.types, **self.types}
        return other.model_copy(update={**said, "types": types})

    def mark(self, name: Literal["quote", "thousands", "comment"]) -> str | None:
        """Return a mark; None if there is none."""
        value: str | None = getattr(self, name)
        return None if value == "none" else value

    @classmethod
    def of(cls, options: Any) -> Self:
        """Check options by name; raise SettingsError with a description of the first wrong one."""
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            raise _refusal(error) from None

    @classmethod
    def parse(cls, assignments: Sequence[str]) -> Self:
        """Read `KEY=VALUE`, several of `nulls`; a key that is no option is a column with its type.

        Raises
        ------
        SettingsError
            If an assignment has no `=`, or a value is not allowed.
        """
        options: dict[str, Any] = {}
        for assignment in assignments:
            key, equals, value = assignment.partition("=")
            if not equals:
                raise SettingsError(
                    f"{assignment!r} does not say how CSV is written",
                    remedy="Write --csv KEY=VALUE, such as --csv delimiter=tab or --csv zip=string",
                )
            if key in _LISTS:
                options.setdefault(key, []).append(value)
            elif key in cls.model_fields:
                options[key] = value
            else:
                options.setdefault("types", {})[key.removeprefix(_TYPE)] = value
        return cls.of(options)

    def check_columns(self, names: Sequence[str]) -> None:
        """Raise SettingsError if a type is given for a column that is not there."""
        for name in self.types:
            if name not in names:
                raise SettingsError(
                    f"the CSV has no column {name!r}, whose type is given",
                    remedy=did_you_mean(name, [*names, *type(self).model_fields]),
                )


def _refusal(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    fields = CsvDialect.model_fields
    if name not in fields:
        return SettingsError(f"unknown CSV option {name!r}", remedy=did_you_mean(name, fields))
    return SettingsError(
        f"CSV option {name} = {first['input']!r} is not allowed: "
        f"{first['msg'].removeprefix('Value error, ')}",
        remedy=f"Its description: {fields[name].description}",
    )

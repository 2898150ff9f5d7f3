"""Cells as values of a type that is known: that of an earlier file, or of a fitted column."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.types as pat

from gmm_pipeline.arrow.column_types import is_text, value_type
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.find_forms import BOOLEANS
from gmm_pipeline.tables.csv.forms import FORMATS, Form, TextForm, TimeForm, WordsForm
from gmm_pipeline.tables.csv.number_forms import NumberForm

_EXACT_INTEGERS = 1 << 53
"""Up to here, float64 holds every integer."""


def needs_form(field: pa.Field) -> bool:
    """Whether values of a type can be written in forms that the type does not tell."""
    return not is_text(value_type(field.type)) and not pat.is_boolean(value_type(field.type))


def form_for(field: pa.Field, found: Form | None, dialect: CsvDialect) -> Form:
    """Return the form to read a field by: the one that was found if it gives such values."""
    kind = value_type(field.type)
    if is_text(kind):
        return TextForm()
    if pat.is_boolean(kind):
        return found if isinstance(found, WordsForm) else BOOLEANS[0]
    if pat.is_temporal(kind) and not pat.is_duration(kind):
        return found if isinstance(found, TimeForm) else TimeForm(_format(kind))
    if isinstance(found, NumberForm):
        return found
    return NumberForm(
        whole=pat.is_integer(kind) or pat.is_duration(kind),
        decimal=dialect.decimal or ".",
        thousands=dialect.mark("thousands") or ",",
    )


def read_as(cell: pl.Expr, form: Form, field: pa.Field) -> pl.Expr:
    """Return cells as values of a field's type; null where they are none."""
    kind = value_type(field.type)
    if isinstance(form, WordsForm):
        return _booleans(cell, form)
    if not isinstance(form, NumberForm):
        return form.read(cell)
    if pat.is_decimal(kind):
        # Polars rounds digits beyond the scale away.
        fits = cell.str.contains(rf"^[^.eE]*(\.[0-9]{{0,{kind.scale}}}0*)?$")
        return pl.when(fits).then(cell.cast(_polars_type(kind), strict=False))
    if not pat.is_integer(kind) and not pat.is_duration(kind):
        return form.read(cell).cast(pl.Float32 if pat.is_float32(kind) else pl.Float64)
    return _integers(cell, form, pl.UInt64 if pat.is_uint64(kind) else pl.Int64)


def _integers(cell: pl.Expr, form: NumberForm, dtype: type[pl.DataType]) -> pl.Expr:
    """Return integers, also those that are written as 1.0 or 1e3."""
    integer = replace(form, whole=True, places=None)
    whole = cell.cast(dtype, strict=False) if integer.plain else integer.read(cell).cast(dtype)
    number = replace(form, whole=False, places=None).read(cell)
    exact = (number == number.floor()) & (number.abs() <= _EXACT_INTEGERS)
    return pl.coalesce(whole, pl.when(exact).then(number).cast(dtype, strict=False))


def _booleans(cell: pl.Expr, form: WordsForm) -> pl.Expr:
    """Return booleans, also those that are written in other letters or as 1 and 0."""
    word = cell.str.to_lowercase()
    true = pl.when(word.is_in(["true", "1", "1.0"])).then(pl.lit(True))
    false = pl.when(word.is_in(["false", "0", "0.0"])).then(pl.lit(False))
    return pl.coalesce(form.read(cell), true, false)


def _polars_type(kind: pa.DataType) -> pl.DataType:
    empty = pa.schema([pa.field("x", kind)]).empty_table()
    return cast("pl.DataFrame", pl.from_arrow(empty)).schema["x"]


def _format(kind: pa.DataType) -> str:
    if pat.is_time(kind):
        return "%H:%M:%S%.f"
    if pat.is_date(kind):
        return FORMATS["date"]
    return "%Y-%m-%d %H:%M:%S%.f" + ("Z" if kind.tz else "")

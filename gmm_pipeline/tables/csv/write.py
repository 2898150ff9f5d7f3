"""Writes rows to a CSV file as the files were written that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from gmm_pipeline.arrow.column_types import is_text
from gmm_pipeline.arrow.prefetch import prefetch
from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.find_forms import form_of
from gmm_pipeline.tables.csv.forms import Form, TextForm
from gmm_pipeline.tables.csv.number_forms import NumberForm

_QUOTE = '"'
_TEXT = pa.large_string()
"""Offsets of 64 bits: the cells of a batch may hold more than 2 GB."""


def write_csv(
    path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], dialect: CsvDialect
) -> int:
    """Write batches to a CSV file in a dialect; return the number of rows.

    Numbers, dates and words have the forms that they were read in. Text is quoted, so that digits
    in it stay text. The file is UTF-8. It appears complete or not at all.

    Parameters
    ----------
    path : Path
    schema : pyarrow.Schema
    batches : iterable of pyarrow.RecordBatch
    dialect : CsvDialect
        Complete.
    """
    delimiter = dialect.delimiter or ","
    forms = {
        name: form_of(text, dialect, name)
        for name, text in dialect.types.items()
        if name in schema.names
    }
    rows = 0
    with atomic_write(path) as partial, partial.open("wb") as file:
        if dialect.header:
            file.write(_lines([_quoted(pa.array([name])) for name in schema.names], delimiter))
        for batch in prefetch(batches):
            cells = [
                _cells(column, forms.get(name), delimiter)
                for name, column in zip(schema.names, batch.columns, strict=True)
            ]
            file.write(_lines(cells, delimiter))
            rows += batch.num_rows
    return rows


def _cells(column: pa.Array, form: Form | None, delimiter: str) -> pa.Array:
    """Return the text of a column's cells; null stays null."""
    if is_text(column.type):
        return _quoted(column)
    if form is None or isinstance(form, TextForm) or _is_plain(form):
        return column.cast(_TEXT)
    series = cast("pl.Series", pl.from_arrow(column)).alias("x")
    cells = series.to_frame().select(form.write(pl.col("x"))).to_series().to_arrow()
    text = cells.cast(_TEXT)
    marked = pc.match_substring(text, delimiter)
    return pc.if_else(marked, _quoted(text), text)


def _is_plain(form: Form) -> bool:
    return isinstance(form, NumberForm) and form.plain


def _quoted(text: pa.Array) -> pa.Array:
    doubled = pc.replace_substring(text.cast(_TEXT), _QUOTE, _QUOTE * 2)
    return _joined([_scalar(_QUOTE), doubled, _scalar(_QUOTE)], "")


def _lines(cells: Sequence[pa.Array], delimiter: str) -> pa.Buffer:
    """Return cells side by side as the bytes of lines; null is an empty cell."""
    joined = _joined(cells, delimiter, null_handling="replace", null_replacement="")
    # The third buffer of an array of text holds the characters of all of its values.
    return _joined([joined, _scalar("\n")], "").buffers()[2]


def _joined(parts: Sequence[pa.Array | pa.Scalar], between: str, **nulls: str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, _scalar(between), **nulls)


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text, _TEXT)

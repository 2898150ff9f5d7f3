"""The forms that some cells of a column may be written in, and the form of a name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.forms import FORMATS, Form, TextForm, TimeForm, WordsForm
from gmm_pipeline.tables.csv.number_forms import NumberForm

_PREFIX = r"[$€£¥₹]\s?"
_SUFFIX = r"\s?[%$€£¥₹]"
_AROUND = r"[^\w,.+\-/]*"
_NAME = re.compile(
    rf"(?P<prefix>{_AROUND})(?P<kind>integer|number)(?P<grouped>,?)(\.(?P<places>\d+))?"
    rf"(?P<suffix>{_AROUND})"
)
_WORDS = re.compile(r"([^/%]+)/([^/%]+)")
BOOLEANS = (WordsForm("true", "false"), WordsForm("True", "False"), WordsForm("TRUE", "FALSE"))
_INTEGER = re.compile(r"[-+]?\d+")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf(inity)?|nan", re.IGNORECASE)
_BARE_EXPONENT = re.compile(r"-?\d+[eE]\d+")
_COMPACT_DATE = re.compile(r"(19|20)\d{6}")
_DATE_SHAPES = {
    "9-9-9": ("%Y-%m-%d", "%m-%d-%Y", "%d-%m-%Y"),
    "9/9/9": ("%Y/%m/%d", "%m/%d/%Y", "%-m/%-d/%Y", "%d/%m/%Y", "%-d/%-m/%Y"),
    "9.9.9": ("%d.%m.%Y", "%-d.%-m.%Y", "%Y.%m.%d"),
    "9-a-9": ("%d-%b-%Y", "%-d-%b-%Y"),
    "9 a 9": ("%d %b %Y", "%-d %b %Y", "%d %B %Y", "%-d %B %Y"),
    "a 9, 9": ("%b %d, %Y", "%b %-d, %Y", "%B %d, %Y", "%B %-d, %Y"),
}
"""Formats of dates by their shape: 9 for digits, a for letters."""
_TIME_SHAPES = {
    "9:9": ("%H:%M", "%-H:%M"),
    "9:9:9": ("%H:%M:%S", "%-H:%M:%S"),
    "9:9:9.9": ("%H:%M:%S%.f", "%H:%M:%S%.9f"),
    "9:9 a": ("%I:%M %p", "%-I:%M %p"),
    "9:9:9 a": ("%I:%M:%S %p", "%-I:%M:%S %p"),
}
_ZONE_SHAPES = {"": "", "a": "Z", "+9:9": "%z", "-9:9": "%z", "+9": "%z", "-9": "%z"}
_MOMENT = re.compile(
    r"(?P<date>9([-/.])9\2?9|9-a-9|9 a 9|a 9, 9)(?P<between> |a)(?P<time>9:9(:9(\.9)?)?( a)?)"
    r"(?P<zone>a|[+-]9(:9)?)?"
)


def form_of(name: str, dialect: CsvDialect, column: str) -> Form:
    """Return the form of a name; raise SettingsError if no form has it."""
    if name == "string":
        return TextForm()
    if name == "boolean":
        return BOOLEANS[0]
    if name in FORMATS or "%" in name.rstrip("%"):
        return TimeForm(name)
    if match := _NAME.fullmatch(name):
        return NumberForm(
            match["kind"] == "integer",
            match["prefix"],
            match["suffix"],
            bool(match["grouped"]),
            None if match["places"] is None else int(match["places"]),
            dialect.decimal or ".",
            dialect.mark("thousands") or ",",
        )
    if match := _WORDS.fullmatch(name):
        return WordsForm(match[1], match[2])
    raise SettingsError(
        f"{name!r} is no type of CSV cells",
        column=column,
        remedy="Use string, integer, number, boolean, date, datetime, time, a format such as "
        "%d.%m.%Y, a number in its dress such as $number, or two words such as yes/no",
    )


def possible_forms(cells: Sequence[str], dialect: CsvDialect) -> list[Form]:
    """Return the forms that most of some cells may have, the most special first; none for text."""
    if not cells:
        return []
    found = [
        form
        for cell in dict.fromkeys([cells[0], cells[-1]])
        for form in _forms_of(cell, cells, dialect)
    ]
    return list(dict.fromkeys(found))


def _forms_of(cell: str, cells: Sequence[str], dialect: CsvDialect) -> list[Form]:
    if dialect.decimal == "." and _NUMBER.fullmatch(cell):
        return _plain_numbers(cells)
    words: list[Form] = [form for form in BOOLEANS if cell in {form.true, form.false}]
    return words or _dates(cell) or _dressed_numbers(cell, cells, dialect)


def _plain_numbers(cells: Sequence[str]) -> list[Form]:
    """Return the plain forms; none for codes.

    A cell such as 3e7 among integers is a code, unless a point shows that there are other numbers.
    """
    compact: list[Form] = [TimeForm("%Y%m%d")] if all(map(_COMPACT_DATE.fullmatch, cells)) else []
    whole = [cell for cell in cells if _INTEGER.fullmatch(cell)]
    bare = [cell for cell in cells if _BARE_EXPONENT.fullmatch(cell)]
    if bare and whole and not any("." in cell for cell in cells):
        return []
    return [*compact, NumberForm(whole=True), NumberForm(whole=False)]


def _dates(cell: str) -> list[Form]:
    shape = re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "9", cell))
    if shape in _DATE_SHAPES:
        return [TimeForm(format_) for format_ in _DATE_SHAPES[shape]]
    if shape in _TIME_SHAPES:
        return [TimeForm(format_) for format_ in _TIME_SHAPES[shape]]
    match = _MOMENT.fullmatch(shape)
    if match is None:
        return []
    iso = match["between"] == "a"
    dates, zone = _DATE_SHAPES[match["date"]], _ZONE_SHAPES[match["zone"] or ""]
    return [
        TimeForm(f"{date}{'T' if iso else ' '}{time}{zone}")
        for date in (dates[:1] if iso else dates)
        for time in _TIME_SHAPES[match["time"]]
    ]


def _dressed_numbers(cell: str, cells: Sequence[str], dialect: CsvDialect) -> list[Form]:
    """Return the forms of numbers with a sign around them, groups of digits or a decimal comma."""
    point = re.escape(dialect.decimal or ".")
    mark = dialect.mark("thousands")
    digits = r"\d+" if mark is None else rf"\d+(?:{re.escape(mark)}\d{{3}})*"
    pattern = re.compile(rf"-?({_PREFIX})?(?:{digits})(?:{point}(\d+))?({_SUFFIX})?")
    match = pattern.fullmatch(cell)
    if match is None:
        return []
    matches = [found for found in map(pattern.fullmatch, cells) if found]
    places = {len(found[2] or "") for found in matches}
    form = NumberForm(
        whole=places == {0},
        prefix=match[1] or "",
        suffix=match[3] or "",
        grouped=mark is not None and any(mark in found[0] for found in matches),
        decimal=dialect.decimal or ".",
        thousands=mark or ",",
    )
    return _with_places(form, places)


def _with_places(form: NumberForm, places: set[int]) -> list[Form]:
    general = replace(form, whole=False)
    if form.whole:
        return [form, general]
    if len(places) == 1:
        return [replace(form, places=places.pop()), general]
    return [general]

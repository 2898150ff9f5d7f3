"""Finds in which form the cells of each column are written, why, and what is doubtful."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.find_forms import form_of, possible_forms
from gmm_pipeline.tables.csv.forms import Form, TextForm, TimeForm
from gmm_pipeline.tables.csv.report import ColumnReading
from gmm_pipeline.tables.csv.survey import Fit, measure

_SAMPLE_ROWS = 1000
"""Rows by which the forms to measure are found."""
_FEW = 0.1
"""Up to this share of other cells, it is doubted that a column is text."""
_NULL_WORDS = frozenset(
    [
        "NA",
        "N/A",
        "n/a",
        "na",
        "NaN",
        "nan",
        "NaT",
        "NULL",
        "Null",
        "null",
        "NONE",
        "None",
        "none",
        "nil",
        "?",
        "-",
        "--",
        ".",
        "#N/A",
        "<NA>",
    ]
)
"""What other programs write for null."""
_CODE = re.compile(r"(\+|-?0\d).*")
_GROUPS_OR_DECIMALS = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}")
_INTEGER = re.compile(r"-?\d+")
_BARE_EXPONENT = re.compile(r"-?\d+[eE]\d+")
_TEXT = TextForm().text


@dataclass(frozen=True)
class TypeSearch:
    """A search for the forms of the columns of some rows.

    Parameters
    ----------
    dialect : CsvDialect
        Complete. Its types are forms of earlier files: those of numbers and dates hold here if all
        cells are written so.
    quoted_digits : frozenset of str
        Columns whose numbers are quoted where those of others are not.
    batches : callable
        Returns all rows, from the first on.
    """

    dialect: CsvDialect
    quoted_digits: frozenset[str]
    batches: Callable[[], Iterable[pl.DataFrame]]

    def readings(self, names: Sequence[str]) -> dict[str, ColumnReading]:
        """Return how each column is read."""
        sample = next(iter(self.batches()), pl.DataFrame()).head(_SAMPLE_ROWS)
        sampled = sample.to_dict(as_series=False)
        cells = {name: [cell for cell in sampled.get(name, []) if cell] for name in names}
        fits = measure(self.batches(), self._likely(names, cells, sample))
        others = {name: each for name, each in fits.items() if _found(each) is None}
        seen = {
            name: [*cells[name], *(cell for fit in each for cell in fit.examples)]
            for name, each in others.items()
        }
        again = {name: possible_forms(_words(seen[name]), self.dialect) for name in seen}
        fits |= measure(self.batches(), {name: each for name, each in again.items() if each})
        readings = {
            name: self._reading(name, fits.get(name, ()), seen.get(name, cells[name]))
            for name in names
        }
        return _with_order_of_days(readings, fits)

    def _likely(
        self, names: Sequence[str], cells: Mapping[str, Sequence[str]], sample: pl.DataFrame
    ) -> dict[str, list[Form]]:
        """Return the forms to measure on all rows; nothing is measured of text, by the sample."""
        # Text may have been repaired: it is looked at again.
        types = {name: form for name, form in self.dialect.types.items() if form != _TEXT}
        kept = {name: [form_of(types[name], self.dialect, name)] for name in names if name in types}
        found = [name for name in names if name not in kept and name not in self.quoted_digits]
        possible = {name: possible_forms(_words(cells[name]), self.dialect) for name in found}
        fits = measure([sample], {name: forms for name, forms in possible.items() if forms})
        likely = {name: _first_and_twins(each) for name, each in fits.items()}
        without_cells: dict[str, list[Form]] = {name: [] for name in found if not cells[name]}
        return {**kept, **likely, **without_cells}

    def _reading(self, name: str, fits: Sequence[Fit], cells: Sequence[str]) -> ColumnReading:
        if name in self.quoted_digits:
            return ColumnReading(form=_TEXT, why="its digits are quoted, those of others are not")
        found = _found(fits)
        if found is not None:
            kept = name in self.dialect.types
            why, doubt = ("as in earlier files", "") if kept else ("all cells", self._doubt(cells))
            return ColumnReading(form=found.text, why=why, doubt=doubt)
        measured = [fit for fit in fits if fit.form]
        if not measured:
            doubt = (
                self._doubt(cells) or self._doubt_of_blanks(cells) or self._doubt_of_nulls(cells)
            )
            return _text_by_sample(cells, doubt)
        return _text_by_others(measured)

    def _doubt(self, cells: Sequence[str]) -> str:
        """Say that the mark of numbers such as 1.234 may be the decimal or the thousands mark.

        With commas between cells, decimal commas are rare; elsewhere both are usual.
        """
        marked = [cell for cell in cells if not _INTEGER.fullmatch(cell)]
        if self.dialect.delimiter == "," or self.dialect.thousands != "none":
            return ""
        if not marked or not all(map(_GROUPS_OR_DECIMALS.fullmatch, marked)):
            return ""
        mark = "," if "," in marked[0] else "."
        other = "." if mark == "," else ","
        return (
            f"numbers such as {'1' + mark + '234'} have a decimal or a thousands mark; use "
            f"--csv decimal={mark} or --csv decimal={other} --csv thousands={mark}"
        )

    def _doubt_of_blanks(self, cells: Sequence[str]) -> str:
        """Say that cells would be numbers or dates without the blanks around them."""
        stripped = [cell.strip() for cell in cells]
        if stripped == list(cells) or not possible_forms(stripped, self.dialect):
            return ""
        return "blanks surround numbers or dates; use --csv blanks=strip"

    def _doubt_of_nulls(self, cells: Sequence[str]) -> str:
        """Say that cells of text hold what others write for null; what is told is no doubt."""
        words = sorted(set(cells) & _NULL_WORDS - set(self.dialect.nulls))
        return f"cells hold {' and '.join(words)}; {_nulls(words)}" if words else ""


def _first_and_twins(fits: Sequence[Fit]) -> list[Form]:
    """Return the first form that fits, with those that differ by the order of day and month.

    If none fits, all are returned, to see how many cells are written in another form.
    """
    fitting = [fit.form for fit in fits if fit.form and not fit.others]
    if not fitting:
        return [fit.form for fit in fits if fit.form]
    first = fitting[0]
    return [first, *(form for form in fitting[1:] if _order(form) not in {None, _order(first)})]


def _found(fits: Sequence[Fit]) -> Form | None:
    """Return the first form in which all cells are written; None if there are no cells."""
    return next((fit.form for fit in fits if fit.form and fit.cells and not fit.others), None)


def _text_by_sample(cells: Sequence[str], doubt: str) -> ColumnReading:
    """Return the reading of a column without a form that any of its cells could have."""
    if not cells:
        return ColumnReading(form=_TEXT, why="no cell holds anything")
    if any(map(_BARE_EXPONENT.fullmatch, cells)):
        return ColumnReading(form=_TEXT, why="codes: cells such as 3e7 among integers")
    return ColumnReading(form=_TEXT, why="text", doubt=doubt)


def _text_by_others(fits: Sequence[Fit]) -> ColumnReading:
    """Return the reading of a column of which some cells do not have any of the forms."""
    for fit in fits:
        share = f"{fit.others:,} of {fit.cells:,} cells"
        if all(map(_CODE.fullmatch, fit.examples)):
            return ColumnReading(form=_TEXT, why=f"codes: {share} start with 0 or +")
        if all(map(_INTEGER.fullmatch, fit.examples)):
            return ColumnReading(form=_TEXT, why=f"{share} have more digits than numbers hold")
    best = min(fits, key=lambda fit: fit.others)
    share = f"{best.others:,} of {best.cells:,} cells"
    words = sorted(set(best.examples)) if set(best.examples) <= _NULL_WORDS else []
    if not words and best.others > _FEW * best.cells:
        return ColumnReading(form=_TEXT, why="text")
    form = best.form.text if best.form else ""
    doubt = (
        f"{share} are not written as {form}, the first in row {best.first:,}; "
        f"{_nulls(words)}, or repair them"
    )
    return ColumnReading(form=_TEXT, why=f"not all cells are written as {form}", doubt=doubt)


def _nulls(words: Sequence[str]) -> str:
    options = " ".join(f"--csv nulls={word}" for word in words or ["TEXT"])
    return f"if they stand for null, use {options}"


def _with_order_of_days(
    readings: Mapping[str, ColumnReading], fits: Mapping[str, Sequence[Fit]]
) -> dict[str, ColumnReading]:
    """Decide dates such as 01/02/2023 by other columns of the table, or leave them as text."""
    twins = {
        name: [fit.form for fit in fits.get(name, ()) if fit.form and not fit.others]
        for name in readings
    }
    unsure = {name: forms for name, forms in twins.items() if len(set(map(_order, forms))) > 1}
    orders = {_order(forms[0]) for name, forms in twins.items() if forms and name not in unsure} - {
        None
    }
    decided = dict(readings)
    for name, forms in unsure.items():
        agreed = [form for form in forms if orders == {_order(form)}]
        decided[name] = _by_other_columns(agreed[0]) if agreed else _ambiguous(name, forms)
    return decided


def _by_other_columns(form: Form) -> ColumnReading:
    return ColumnReading(form=form.text, why="all cells; day and month as in other columns")


def _ambiguous(name: str, forms: Sequence[Form]) -> ColumnReading:
    ways = " or ".join(f"--csv '{name}={form.text}'" for form in forms)
    return ColumnReading(
        form=_TEXT,
        why="dates whose day and month cannot be told apart",
        doubt=f"every cell may be read with the day or the month first; use {ways}",
    )


def _order(form: Form | None) -> str | None:
    """Return which of day and month comes first in a form, `d` or `m`; None if that is clear."""
    if not isinstance(form, TimeForm) or form.format.startswith("%Y"):
        return None
    marks = form.format.replace("%-", "%")
    day, month = marks.find("%d"), marks.find("%m")
    # Points are written between day and month in this order alone.
    if min(day, month) < 0 or "%d.%m" in marks:
        return None
    return "d" if day < month else "m"


def _words(cells: Sequence[str]) -> list[str]:
    """Return the cells that do not look like nulls, if there are any."""
    return [cell for cell in cells if cell not in _NULL_WORDS] or list(cells)

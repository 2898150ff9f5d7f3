"""How many cells of a column are written in each of some forms: one pass over all rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from gmm_pipeline.tables.csv.forms import Form

_EXAMPLES = 8
"""Cells of another form that are kept, to find out which."""

Forms = Mapping[str, Sequence[Form]]
"""Forms by column. A column without any is counted, and all of its cells are taken for others."""


@dataclass
class Fit:
    """How a column fits a form.

    Parameters
    ----------
    form : Form or None
    cells : int
        Cells that are not empty.
    others : int
        Cells among them that are written in another form.
    first : int
        The row of the first of them, counted from 1; 0 if there is none.
    examples : list of str
        Some of them, the first ones.
    """

    form: Form | None
    cells: int = 0
    others: int = 0
    first: int = 0
    examples: list[str] = field(default_factory=list)


def measure(batches: Iterable[pl.DataFrame], forms: Forms) -> dict[str, list[Fit]]:
    """Return how the columns of some rows fit forms: for each column its forms, in their order."""
    fits = {name: [*map(Fit, each)] or [Fit(None)] for name, each in forms.items()}
    if not fits:
        return {}
    expressions = [
        mask.alias(_mask_name(name, number))
        for name, each in fits.items()
        for number, mask in enumerate(
            [filled(pl.col(name)), *(_is_other(pl.col(name), fit.form) for fit in each)]
        )
    ]
    rows = 0
    for frame in batches:
        masks = frame.select(expressions)
        totals = masks.sum().row(0, named=True)
        for name, each in fits.items():
            for number, fit in enumerate(each, start=1):
                fit.cells += totals[_mask_name(name, 0)] or 0
                mask = _mask_name(name, number)
                if totals[mask]:
                    _add_others(fit, frame[name], masks[mask], rows)
        rows += frame.height
    return fits


def filled(cell: pl.Expr) -> pl.Expr:
    """Whether a cell is neither null nor the empty text."""
    return (cell != "").fill_null(value=False)


def _is_other(cell: pl.Expr, form: Form | None) -> pl.Expr:
    if form is None:
        return filled(cell)
    fits = form.read(cell).is_not_null() & form.restores(cell)
    return filled(cell) & ~fits.fill_null(value=False)


def _add_others(fit: Fit, cells: pl.Series, mask: pl.Series, rows_before: int) -> None:
    if not fit.others:
        fit.first = rows_before + int(mask.arg_max() or 0) + 1
    fit.others += int(mask.sum())
    room = _EXAMPLES - len(fit.examples)
    if room:
        fit.examples += cells.filter(mask).head(room).to_list()


def _mask_name(name: str, number: int) -> str:
    # A column's name cannot end in a line end and a number: the pairs are unique.
    return f"{name}\n{number}"

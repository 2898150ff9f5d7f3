"""Numbers as cells: plain, or with marks around and within them, such as $1,234.50."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

_CODE = r"^(\+|-?0[0-9])"
"""What codes and telephone numbers start with, and numbers of programs do not."""
_EXACT_DIGITS = 15
"""Decimal digits that float64 holds whatever they are."""
_DECIMAL_DIGITS = 38
"""The most digits of Polars' decimals."""


@dataclass(frozen=True)
class NumberForm:
    """Numbers, integers if `whole`.

    Parameters
    ----------
    whole : bool
    prefix, suffix : str
        A currency or percent sign. The number is what stands between them: 4.5% is 4.5.
    grouped : bool
        Whether the thousands mark groups digits.
    places : int, optional
        Digits after the decimal mark, if all cells have as many.
    decimal, thousands : str
        The marks.
    """

    whole: bool
    prefix: str = ""
    suffix: str = ""
    grouped: bool = False
    places: int | None = None
    decimal: str = "."
    thousands: str = ","

    @property
    def text(self) -> str:
        """The form's name, such as `integer` or `$number,.2`."""
        kind = "integer" if self.whole else "number"
        places = "" if self.places is None else f".{self.places}"
        return f"{self.prefix}{kind}{',' * self.grouped}{places}{self.suffix}"

    @property
    def plain(self) -> bool:
        """Whether cells are numbers as programs write them."""
        dressed = self.prefix or self.suffix or self.grouped or self.places is not None
        return not dressed and (self.whole or self.decimal == ".")

    def read(self, cell: pl.Expr) -> pl.Expr:
        """Return int64 or float64 numbers."""
        digits = cell if self.plain else self._undressed(cell)
        return digits.cast(pl.Int64 if self.whole else pl.Float64, strict=False)

    def restores(self, cell: pl.Expr) -> pl.Expr:
        """Whether a cell is no code, and its type holds it: all of its digits, and its size."""
        if not self.plain:
            return cell.is_not_null()
        code = cell.str.contains(_CODE)
        if self.whole:
            return ~code
        long = (cell.str.len_bytes() > _EXACT_DIGITS) & ~cell.str.contains(".", literal=True)
        beyond = self.read(cell).is_infinite() & cell.str.contains("[0-9]")
        return ~(code | long | beyond)

    def write(self, value: pl.Expr) -> pl.Expr:
        """Return numbers with their marks."""
        digits = self._digits(value)
        if self.grouped:
            digits = _with_groups(digits, self.thousands)
        sign = pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        return pl.concat_str([sign, pl.lit(self.prefix), digits, pl.lit(self.suffix)])

    def _digits(self, value: pl.Expr) -> pl.Expr:
        """Return numbers without sign and groups as text."""
        positive = value.abs()
        if self.whole:
            return positive.cast(pl.String)
        if self.places is None:
            text = positive.cast(pl.String).str.strip_suffix(".0")
        else:
            rounded = positive.round(self.places)
            text = rounded.cast(pl.Decimal(_DECIMAL_DIGITS, self.places)).cast(pl.String)
        return text.str.replace(".", self.decimal, literal=True)

    def _undressed(self, cell: pl.Expr) -> pl.Expr:
        """Return cells as programs write numbers; null where they do not fit the pattern."""
        bare = cell
        for mark in filter(None, [self.prefix, self.suffix, self.thousands * self.grouped]):
            bare = bare.str.replace_all(mark, "", literal=True)
        if self.decimal != ".":
            bare = bare.str.replace(self.decimal, ".", literal=True)
        return pl.when(cell.str.contains(self._pattern())).then(bare)

    def _pattern(self) -> str:
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        groups = rf"[1-9][0-9]{{0,2}}({mark}[0-9]{{3}})+|" if self.grouped else ""
        # Once digits are grouped, a number of four has a mark.
        digits = "[1-9][0-9]{0,2}" if self.grouped else "[1-9][0-9]*"
        decimals = rf"({point}[0-9]+)?([eE][+-]?[0-9]+)?"
        if self.places is not None:
            decimals = rf"{point}[0-9]{{{self.places}}}"
        body = rf"({groups}{digits}|0){'' if self.whole else decimals}"
        return rf"^-?{re.escape(self.prefix)}{body}{re.escape(self.suffix)}$"


def _with_groups(digits: pl.Expr, mark: str) -> pl.Expr:
    """Return digits with a mark between groups of three, from the last before the decimal mark."""
    whole = digits.str.extract(r"^([0-9]+)")
    rest = digits.str.replace(r"^[0-9]+", "")
    groups = whole.str.reverse().str.replace_all(r"([0-9]{3})", "${1}" + mark)
    return groups.str.strip_suffix(mark).str.reverse() + rest

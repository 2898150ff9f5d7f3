"""The forms that cells of a column are written in: text, words for true and false, dates, times.

A form is named by a text, which users write and stores keep: `integer`, `$number,.2`, `%m/%d/%Y`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import polars as pl

_FIRST_YEAR = 1000
"""Years of fewer digits lack their century."""
FORMATS = {"date": "%Y-%m-%d", "datetime": "%Y-%m-%d %H:%M:%S", "time": "%H:%M:%S"}
"""Formats of the names that need none."""
_HOURS = ("%H", "%-H", "%I", "%-I", "%T", "%R")
_DAYS = ("%Y", "%y", "%F", "%D")
_NANOSECONDS = "%.9f"
_MICROSECONDS = len("2023-01-01T00:00:00.123456")


class Form(Protocol):
    """How the cells of a column are written."""

    @property
    def text(self) -> str:
        """The form's name."""
        ...

    def read(self, cell: pl.Expr) -> pl.Expr:
        """Return the values of cells; null where a cell is not written in this form."""
        ...

    def restores(self, cell: pl.Expr) -> pl.Expr:
        """Whether the value of a cell that is read tells the cell: 7 does not tell the code 007."""
        ...

    def write(self, value: pl.Expr) -> pl.Expr:
        """Return values as the text of cells."""
        ...


@dataclass(frozen=True)
class TextForm:
    """Text, as it stands."""

    text: str = "string"

    def read(self, cell: pl.Expr) -> pl.Expr:
        """Return the cells."""
        return cell

    def restores(self, cell: pl.Expr) -> pl.Expr:
        """Return true for each cell."""
        return cell.is_not_null()

    def write(self, value: pl.Expr) -> pl.Expr:
        """Return the values."""
        return value.cast(pl.String)


@dataclass(frozen=True)
class WordsForm:
    """Two words for true and false."""

    true: str
    false: str

    @property
    def text(self) -> str:
        """The words, `true/false`."""
        return f"{self.true}/{self.false}"

    def read(self, cell: pl.Expr) -> pl.Expr:
        """Return booleans."""
        found = pl.when(cell == self.true).then(pl.lit(True))
        return found.when(cell == self.false).then(pl.lit(False))

    def restores(self, cell: pl.Expr) -> pl.Expr:
        """Return true for each cell."""
        return cell.is_not_null()

    def write(self, value: pl.Expr) -> pl.Expr:
        """Return the words."""
        return pl.when(value).then(pl.lit(self.true)).when(~value).then(pl.lit(self.false))


@dataclass(frozen=True)
class TimeForm:
    """Dates, times, or both, by a format of strftime.

    Parameters
    ----------
    text : str
        A format, or `date`, `datetime` or `time` for those of ISO 8601.
    """

    text: str

    @property
    def format(self) -> str:
        """The format."""
        return FORMATS.get(self.text, self.text)

    @property
    def dtype(self) -> pl.Date | pl.Time | pl.Datetime:
        """The type of the values."""
        hours = any(part in self.format for part in _HOURS)
        if hours and not any(part in self.format for part in _DAYS):
            return pl.Time()
        if not hours:
            return pl.Date()
        zone = "UTC" if self.format.endswith(("Z", "%z")) else None
        return pl.Datetime("ns" if _NANOSECONDS in self.format else "us", zone)

    def read(self, cell: pl.Expr) -> pl.Expr:
        """Return dates, times or datetimes."""
        dtype = self.dtype
        if not isinstance(dtype, pl.Datetime):
            value = cell.str.strptime(dtype, self._read_format, strict=False)
        elif self.format.endswith("%z"):
            value = cell.str.to_datetime(self._read_format, time_unit=dtype.time_unit, strict=False)
        else:
            naive = cell.str.to_datetime(self._read_format, time_unit=dtype.time_unit, strict=False)
            value = naive if dtype.time_zone is None else naive.dt.replace_time_zone("UTC")
        return value if dtype == pl.Time else self._with_century(value)

    def restores(self, cell: pl.Expr) -> pl.Expr:
        """Whether the format writes the cell as it was, apart from zeros after the seconds."""
        if self.format.endswith("%z") or _NANOSECONDS in self.format:
            return cell.is_not_null()
        if "%.f" in self.format:
            return cell.str.len_bytes() <= _MICROSECONDS + self.format.endswith("Z")
        return self.write(self.read(cell)) == cell

    def write(self, value: pl.Expr) -> pl.Expr:
        """Return values by the format."""
        return value.dt.to_string(self.format)

    @property
    def _read_format(self) -> str:
        # Fewer digits than a format asks for are read as well, a hyphen in it only writes fewer.
        return self.format.replace("%-", "%").replace(_NANOSECONDS, "%.f")

    def _with_century(self, value: pl.Expr) -> pl.Expr:
        if "%Y" not in self.format or self.text in FORMATS:
            return value
        return pl.when(value.dt.year() >= _FIRST_YEAR).then(value)

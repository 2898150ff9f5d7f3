"""Finds how a CSV file is written from its first lines."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from gmm_pipeline.tables.csv.cells import CellSplitter, without_comments
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.layout import has_header

_DELIMITERS = ",;\t|"
_COMMENT = "#"
_ROWS = 1000
"""Rows that are looked at: enough to see what most rows have in common."""
_REGULAR = 0.5
"""A delimiter gives at least this share of the rows one number of cells."""
_PADDED = 0.9
"""Blanks around cells belong to the dialect if at least this share of the cells has them."""
_MANY = 20
"""So many cells with blanks around them are no chance."""
_POINT_COMMA = re.compile(r"-?\d+,\d+")
_COMMA_DECIMALS = re.compile(r"-?(\d+,\d{1,2}|\d+,\d{4,}|\d{1,3}(\.\d{3})+,\d+|0,\d+)%?")
_COMMA_GROUPS = re.compile(r"-?[$€£¥]?\d{1,3}(,\d{3})+(\.\d+|,\d{3})%?")
_GROUPED = re.compile(
    r"-?[$€£¥]?\s?(\d{1,3})(?:([,.' \u00a0\u202f’])\d{3})+(?:[.,]\d+)?\s?[%$€£¥]?"
)
_SEPARATOR = re.compile(r"sep=(.)\r?\n")
"""The first line by which spreadsheets are told the delimiter."""


@dataclass(frozen=True)
class Start:
    """The first lines of a file, by a complete dialect.

    Parameters
    ----------
    dialect : CsvDialect
    rows : sequence of list of str
        Raw cells of the header, if there is one, and of the rows.
    """

    dialect: CsvDialect
    rows: Sequence[list[str]]

    @property
    def splitter(self) -> CellSplitter:
        """What splits lines into cells."""
        return splitter_of(self.dialect)

    @property
    def body(self) -> Sequence[list[str]]:
        """The rows without the header."""
        return self.rows[1:] if self.dialect.header else self.rows


def splitter_of(dialect: CsvDialect) -> CellSplitter:
    """Return what splits lines into cells by a dialect that has a delimiter."""
    return CellSplitter(dialect.delimiter or ",", dialect.mark("quote"))


def find_dialect(text: str, told: CsvDialect) -> Start:
    """Complete what is told of a dialect by the first lines of a file; all marks are set then."""
    said = _SEPARATOR.match(text)
    if said and told.skip is None and told.delimiter in {None, said[1]}:
        told = told.model_copy(update={"delimiter": said[1], "skip": 1})
    dialect = _with_marks(text, told)
    lines = list(io.StringIO(without_comments(text, dialect.mark("comment")), newline=""))
    splitter = splitter_of(dialect)
    skip = _lines_before_header(lines, splitter) if told.skip is None else told.skip
    rows = _rows("".join(lines[skip:]), splitter)
    dialect = _with_cells(rows, dialect)
    header = has_header(rows, dialect) if told.header is None else told.header
    return Start(dialect.model_copy(update={"skip": skip, "header": header}), rows)


def _rows(text: str, splitter: CellSplitter) -> list[list[str]]:
    return list(islice(splitter.rows(text), _ROWS))


def _with_marks(text: str, told: CsvDialect) -> CsvDialect:
    """Find quote, delimiter and comment."""
    quote = told.quote or '"'
    mark = None if quote == "none" else quote
    comment = told.comment
    plain = without_comments(text, _COMMENT if comment is None else told.mark("comment"))
    delimiter = told.delimiter or _find_delimiter(plain, mark)
    if comment is None:
        comment = _COMMENT if _has_comments(text, CellSplitter(delimiter, mark)) else "none"
    return told.model_copy(update={"quote": quote, "delimiter": delimiter, "comment": comment})


def _find_delimiter(text: str, quote: str | None) -> str:
    """Return what splits most rows into one number of cells, more than one; else a comma."""
    best, most = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        sizes = [len(row) for row in _rows(text, CellSplitter(delimiter, quote))]
        usual, times = Counter(sizes).most_common(1)[0] if sizes else (1, 0)
        score = (times / max(len(sizes), 1), usual)
        if usual > 1 and score[0] >= _REGULAR and score > most:
            best, most = delimiter, score
    return best


def _has_comments(text: str, splitter: CellSplitter) -> bool:
    """Whether the first lines are comments: they start like one, and are not split like rows."""
    first = text.lstrip("\r\n")
    if not first.startswith(_COMMENT):
        return False
    rows = _rows(text, splitter)
    marked = [len(row) for row in rows if row[0].startswith(_COMMENT)]
    others = [len(row) for row in rows if not row[0].startswith(_COMMENT)]
    # A header may start with the mark, as in `#chrom,start,end`.
    return not others or marked[0] != others[0] or len(marked) > 1


def _lines_before_header(lines: Sequence[str], splitter: CellSplitter) -> int:
    """Return how many lines are blank, or hold a title: a single cell where rows have several."""
    sizes = Counter(len(row) for row in _rows("".join(lines), splitter))
    usual = sizes.most_common(1)[0][0] if sizes else 1
    for number, line in enumerate(lines):
        row = next(splitter.rows(line), [])
        # A header of one cell may belong to rows of two, whose first column has no name.
        if row and (len(row) > 1 or usual <= 2):  # noqa: PLR2004
            return number
    return 0


def _with_cells(rows: Sequence[list[str]], dialect: CsvDialect) -> CsvDialect:
    """Find what cells have in common: blanks around them, quotes, marks of numbers."""
    splitter = splitter_of(dialect)
    body = [cell for row in rows[1:] for cell in row if cell.strip()]
    plain = [cell for cell in body if not splitter.is_quoted(cell)]
    blanks = dialect.blanks or ("strip" if _is_padded(rows, splitter) else "keep")
    quoted = dialect.quoted or ("all" if body and not plain else "some")
    values = [splitter.value(cell).strip() for cell in body]
    decimal = dialect.decimal or _find_decimal(values, dialect)
    thousands = dialect.thousands or _find_thousands(values, decimal, dialect.delimiter)
    return dialect.model_copy(
        update={"blanks": blanks, "quoted": quoted, "decimal": decimal, "thousands": thousands}
    )


def _is_padded(rows: Sequence[list[str]], splitter: CellSplitter) -> bool:
    """Whether blanks surround cells everywhere, not only where some text has them.

    A few cells of text are not enough, unless the first row has the blanks as well.
    """
    cells = [cell for row in rows[1:] for cell in row[1:] if cell.strip()]
    padded = [cell for cell in cells if _has_blanks(cell, splitter)]
    if not cells or len(padded) < _PADDED * len(cells):
        return False
    first = [_has_blanks(cell, splitter) for cell in rows[0][1:]]
    return all(first) or len(padded) >= _MANY


def _has_blanks(cell: str, splitter: CellSplitter) -> bool:
    inside_quotes = splitter.is_quoted(cell) and cell[:1] not in {" ", "\t"}
    return cell != cell.strip(" \t") and not inside_quotes


def _find_decimal(values: Sequence[str], dialect: CsvDialect) -> str:
    """Return the decimal mark; a comma only where a number shows that it is not a thousands mark.

    With commas between cells, decimal commas would need quotes, and then nobody writes them.
    """
    if dialect.thousands == "," or not any(map(_POINT_COMMA.search, values)):
        return "."
    if dialect.thousands == "." and dialect.delimiter != ",":
        return ","
    points = any(map(_COMMA_GROUPS.fullmatch, values))
    commas = sum(1 for value in values if _COMMA_DECIMALS.fullmatch(value))
    return "," if commas and not points else "."


def _find_thousands(values: Sequence[str], decimal: str, delimiter: str | None) -> str:
    """Return the mark between groups of three digits; `none` if no number has one.

    A comma that could as well be the decimal mark is none, unless it has to be quoted.
    """
    sure = delimiter == "," or any(map(_COMMA_GROUPS.fullmatch, values))
    found: Counter[str] = Counter()
    for value in values:
        match = _GROUPED.fullmatch(value)
        if match and match[2] != decimal:
            found[match[2]] += 1
    if not sure:
        del found[","]
    return found.most_common(1)[0][0] if found else "none"

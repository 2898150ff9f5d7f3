"""Whatever table is written as CSV, its values come back, or stay text as they were written."""

import csv
import datetime as dt
import io
import math
import pathlib
import tempfile
from typing import Any

from csv_files import Read, read
from hypothesis import given, settings
from hypothesis import strategies as st

from gmm_pipeline.arrow.parquet import batches
from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.write import write_csv

WORDS = st.sampled_from(
    (
        *(
            "",
            " ",
            "a",
            " b ",
            "x,y",
            "x;y",
            'say "hi"',
            "two\nlines",
            "é",
            "007",
            "1",
            "1.5",
            "1,5",
        ),
        *("NA", "?", "3e7", "#1", "# no", "true", "2023-01-05", "01/02/2023", "$5", "-", "'", "\t"),
    )
)
TEXT = WORDS | st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=4)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "integer": st.integers(-(10**20), 10**20),
    "small": st.integers(0, 9),
    "float": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "date": st.dates(),
    "time": st.datetimes(),
}
FORMS = {
    "date": ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%b-%Y", "%Y%m%d"),
    "time": ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%m/%d/%Y %I:%M:%S %p"),
}


def cell_of(value: Any, form: str, mark: str) -> str:
    """Write a value as programs do; null is empty."""
    if value is None:
        return ""
    if isinstance(value, dt.date):
        # `strftime` of some systems writes years before 1000 with fewer digits.
        return value.replace(year=max(value.year, 1000)).strftime(form)
    return repr(value).replace(".", mark) if isinstance(value, float) else str(value)


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, list[str]], str]:
    """Draw the cells of a table, and the text of its file."""
    delimiter = draw(st.sampled_from(",;\t|"))
    mark = "," if delimiter == ";" and draw(st.booleans()) else "."
    rows = draw(st.integers(1, 6))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=4))
    cells = {}
    for number, kind in enumerate(kinds):
        form = draw(st.sampled_from(FORMS.get(kind, ("",))))
        values = draw(st.lists(st.none() | KINDS[kind], min_size=rows, max_size=rows))
        cells[f"{kind} {number}"] = [cell_of(value, form, mark) for value in values]
    file = io.StringIO()
    writer = csv.writer(
        file,
        delimiter=delimiter,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    writer.writerow(cells)
    writer.writerows(zip(*cells.values(), strict=True))
    return cells, file.getvalue()


def same(before: str, after: str, mark: str) -> bool:
    """Whether a cell says the same, be it with another number of zeros at its end."""
    if before == after:
        return True
    try:
        one, other = (float(cell.replace(mark, ".")) for cell in (before, after))
        return math.isclose(one, other, rel_tol=1e-15)
    except ValueError:
        pass
    try:
        return dt.datetime.fromisoformat(before) == dt.datetime.fromisoformat(after)
    except ValueError:
        return False


def written(found: Read, file: pathlib.Path, dialect: CsvDialect) -> list[list[str]]:
    """Write a table as its files are written, and return the cells of that."""
    write_csv(file, found.table.schema, batches(found.table.files), dialect)
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.reader(opened, delimiter=dialect.delimiter or ","))


@given(tables())
@settings(deadline=None)
def test_cells_come_back_from_their_values(table: tuple[dict[str, list[str]], str]) -> None:
    cells, text = table
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = read(pathlib.Path(folder), text)
        except SourceError as refused:
            assert refused.remedy  # noqa: PT017 - to refuse by name is right as well
            return
        dialect = found.table.dialect
        assert dialect is not None
        after = written(found, pathlib.Path(folder) / "again.csv", dialect)

    if found.remarks and not found.remarks.startswith("every cell is quoted"):
        return
    before = [[*cells], *map(list, zip(*cells.values(), strict=True))]
    for one, other in zip(before, after, strict=True):
        for cell, again in zip(one, other, strict=True):
            assert same(cell, again, dialect.decimal or "."), f"{cell!r} came back as {again!r}"

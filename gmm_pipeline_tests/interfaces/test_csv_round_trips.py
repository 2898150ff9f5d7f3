"""CSV as programs write it is fitted, encoded, decoded, and comes back as it was."""

import csv
import io
import itertools
import pathlib
import random
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pytest
from workplace import Workplace

from gmm_pipeline import TableEncoder
from gmm_pipeline.errors import ColumnDataError, SourceError
from gmm_pipeline.fits.spec import FitSpec, load_spec
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.tables.csv.dialect import CsvDialect

ROWS = 60


@dataclass(frozen=True)
class Source:
    """A file as a program writes it: its text and encoding, and what has to be told of it."""

    text: str
    encoding: str = "utf-8"
    told: tuple[str, ...] = ()

    @property
    def content(self) -> bytes:
        return self.text.encode(self.encoding)

    def cells(self, text: str, dialect: CsvDialect) -> list[list[str]]:
        """Return the cells of a text, without blank lines and blanks around cells; null is empty."""
        rows = csv.reader(
            io.StringIO(text), delimiter=dialect.delimiter or ",", skipinitialspace=True
        )
        return [["" if cell in dialect.nulls else cell for cell in row] for row in rows if row]


def _draw() -> random.Random:
    return random.Random(0)  # noqa: S311 - not for secrets


def _adult() -> Source:
    """Blanks after commas, no header, question marks, a blank line at the end."""
    draw = _draw()
    rows = [
        f"{draw.randint(17, 90)}, {draw.choice(['Private', 'State-gov', '?'])}, "
        f"{draw.randint(12_000, 900_000)}, {draw.choice([0, 0, 0, 2174])}, "
        f"{draw.choice(['<=50K', '>50K'])}"
        for _ in range(ROWS)
    ]
    return Source("\n".join(rows) + "\n\n", told=("nulls=?",))


def _german_bank() -> Source:
    """Semicolons, decimal commas, groups of digits by points, dates by points, latin-1."""
    draw = _draw()
    rows = ["Buchungstag;Konto;Betrag;Währung;Verwendungszweck"]
    for day in range(1, ROWS + 1):
        amount = f"{draw.gauss(0, 3000):,.2f}".translate(str.maketrans(",.", ".,"))
        purpose = draw.choice(['"Miete; Haus"', "Überweisung", ""])
        rows.append(
            f"{1 + day % 28:02}.{1 + day % 12:02}.2023;0{day % 5}4711;{amount};EUR;{purpose}"
        )
    return Source("\r\n".join(rows), "latin-1", ("encoding=latin-1",))


def _pandas_index() -> Source:
    """A first column without a name, True and False, ISO times."""
    draw = _draw()
    rows = [",x,flag,when,city"]
    rows += [
        f"{row},{draw.gauss(0, 1)!r},{draw.choice(['True', 'False'])},"
        f"2023-01-{1 + row % 28:02} 10:{row % 60:02}:00,{draw.choice(['Rome', 'Paris', ''])}"
        for row in range(ROWS)
    ]
    return Source("\n".join(rows))


def _spreadsheet() -> Source:
    """Unicode text: UTF-16 with a byte order mark and tabs; US dates, dollars, per cent."""
    draw = _draw()
    rows = ["Date\tPrice\tShare\tUnits\tZip"]
    rows += [
        f"{1 + row % 12}/{1 + row % 28}/2023\t${draw.uniform(1, 5000):,.2f}\t"
        f"{draw.randint(1, 99)}%\t{draw.randint(1, 90_000):,}\t{draw.randint(501, 99_999):05}"
        for row in range(ROWS)
    ]
    return Source("\r\n".join(rows), "utf-16")


def _r() -> Source:
    """R's write.csv: text is quoted, row names are too, NA is not, TRUE and FALSE."""
    draw = _draw()
    rows = ['"","x","id","ok","name"']
    rows += [
        f'"{row}",{draw.choice(["NA", "1.5", "2.25"])},"{row % 7:03}",'
        f"{draw.choice(['TRUE', 'FALSE', 'NA'])},{draw.choice([chr(34) + 'NA' + chr(34), 'NA'])}"
        for row in range(1, ROWS + 1)
    ]
    return Source("\n".join(rows), told=("nulls=NA",))


FILES: list[Callable[[], Source]] = [_adult, _german_bank, _pandas_index, _spreadsheet, _r]


@pytest.mark.parametrize("make", FILES)
def test_files_of_other_programs_come_back_as_they_were(
    workplace: Workplace, make: Callable[[], Source]
) -> None:
    source = make()
    (workplace.path / "t.csv").write_bytes(source.content)
    told = CsvDialect.parse(source.told)
    TableEncoder(csv=told).fit(workplace.path / "t.csv").save(workplace.store / "t")

    for ending in ("parquet", "csv"):
        out = f"e.{ending}"
        transform = workplace.call("transform", "t.csv", "--fit", "t", "--out", out)
        assert transform.status == 0, transform.err
        back = f"from_{ending}.csv"
        inverse = workplace.call("inverse", out, "--fit", "t", "--generated", "--out", back)
        assert inverse.status == 0, inverse.err

    first = (workplace.path / "from_parquet.csv").read_text()
    assert first == (workplace.path / "from_csv.csv").read_text()
    dialect = load_spec(FitFolder(workplace.store / "t")).csv_found
    assert dialect is not None
    wanted, found = source.cells(source.text, dialect), source.cells(first, dialect)
    if dialect.header:
        wanted[0][0] = wanted[0][0] or "index"
    for before, after in itertools.zip_longest(wanted, found):
        assert [_number(cell) for cell in before] == [_number(cell) for cell in after]


def _number(cell: str) -> object:
    """Return plain floats as they are after their round trip, other cells as they stand."""
    try:
        return pytest.approx(float(cell), abs=1e-5) if "." in cell else cell
    except ValueError:
        return cell


def test_whatever_export_writes_inverse_reads(workplace: Workplace) -> None:
    frame = pl.DataFrame(
        {"late": [0.0] * 150 + [0.1 * row for row in range(50)], "k": ["a", "b"] * 100}
    )
    encoder = TableEncoder(columns={"late": {"kind": "mixed", "atoms": [0]}}).fit(frame)
    encoder.save(workplace.store / "t")
    encoded = encoder.transform(frame).collect()
    encoded.write_csv(workplace.path / "e.csv")
    encoded.write_parquet(workplace.path / "e.parquet")

    for name in ("csv", "parquet"):
        inverse = workplace.call(
            "inverse", f"e.{name}", "--fit", "t", "--generated", "--out", f"back_{name}.parquet"
        )
        assert inverse.status == 0, inverse.err

    by_csv, by_parquet = (
        pl.read_parquet(workplace.path / f"back_{name}.parquet") for name in ("csv", "parquet")
    )
    assert by_csv.equals(by_parquet)


def test_new_csv_rows_of_another_spelling_are_taken_as_from_parquet(tmp_path: pathlib.Path) -> None:
    frame = pl.DataFrame({"n": [1, 2, 3, 4] * 10, "b": [True, False] * 20})
    encoder = TableEncoder().fit(frame)
    (tmp_path / "new.csv").write_text("n,b\n1.0,1\n3.0,0\n")

    encoded = encoder.transform(tmp_path / "new.csv").collect()

    new = pl.DataFrame({"n": [1, 3], "b": [True, False]})
    assert encoded.equals(encoder.transform(new).collect())


def test_a_new_cell_of_another_type_is_refused_by_column_and_row(tmp_path: pathlib.Path) -> None:
    encoder = TableEncoder().fit(pl.DataFrame({"n": [1, 2, 3, 4] * 10}))
    (tmp_path / "new.csv").write_text("n,x\n1,a\n2.5,b\n")

    with pytest.raises(
        (SourceError, ColumnDataError, pl.exceptions.ComputeError),
        match=r"column 'n': cells of new.csv are not int64, the first in row 2",
    ):
        encoder.transform(tmp_path / "new.csv").collect()


def test_plan_and_run_say_how_csv_is_read_and_what_is_doubtful(workplace: Workplace) -> None:
    (workplace.path / "t.csv").write_text(
        "day;zip;price;n\n" + "09/01/2023;00501;$1.50;1\n" * 50 + "10/02/2023;10001;$2.25;oops\n"
    )

    plan = workplace.call("plan", "t.csv")
    found = workplace.call("plan", "t.csv", "--json").json()["csv"]
    run = workplace.call("run", "t.csv", "--columns", "zip,n")

    assert "CSV: delimiter ;" in plan.out
    assert found["dialect"]["delimiter"] == ";"
    assert found["columns"]["price"] == {"form": "$number.2", "why": "all cells", "doubt": ""}
    assert found["columns"]["zip"]["form"] == "string"
    for output in (plan.out, run.err):
        words = " ".join(output.split())
        assert "1 of 51 cells are not written as integer" in words
        assert "%m/%d/%Y" in words
    assert run.status == 0


def test_what_is_told_in_the_command_or_in_python_is_kept_with_the_fit(
    workplace: Workplace,
) -> None:
    (workplace.path / "t.csv").write_text("zip,n\n501,-\n10001,2\n")
    told = ["--csv", "zip=string", "--csv", "nulls=-"]
    assert workplace.call("run", "t.csv", *told).status == 0
    by_hand = TableEncoder(csv={"types": {"zip": "string"}, "nulls": ["-"]})
    by_hand.fit(workplace.path / "t.csv").save(workplace.path / "by_hand")

    for folder in (workplace.store / "t", workplace.path / "by_hand"):
        encoder = TableEncoder.load(folder)
        decoded = encoder.inverse_transform(encoder.transform(workplace.path / "t.csv").collect())
        assert decoded.collect().to_dict(as_series=False) == {
            "zip": ["501", "10001"],
            "n": [None, 2],
        }
        assert FitFolder(folder).spec_path.exists()


def test_python_is_warned_of_what_is_doubtful(tmp_path: pathlib.Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "1,2\n" * 20 + "oops,3\n")

    with pytest.warns(UserWarning, match="column 'x': 1 of 21 cells are not written as integer"):
        TableEncoder().fit(tmp_path / "t.csv")


def test_a_fit_of_before_keeps_its_words_for_null() -> None:
    spec = FitSpec.model_validate(
        {"name": "t", "source": "t.csv", "columns": ["x"], "csv_nulls": ["NA"]}
    )

    assert spec.csv.nulls == ("NA",)

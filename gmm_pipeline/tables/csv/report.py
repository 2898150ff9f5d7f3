"""What was found of CSV files: kept in the metadata of their Parquet form, shown by `plan`."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from gmm_pipeline.errors import SourceError
from gmm_pipeline.tables.csv.dialect import CsvDialect

_KEY = "gmm_pipeline.csv"


class ColumnReading(BaseModel):
    """How a column is read.

    Parameters
    ----------
    form : str
        The name of the form.
    why : str
    doubt : str
        What may be wrong with that, and what to do; empty if nothing is.
    """

    model_config = ConfigDict(frozen=True)

    form: str
    why: str
    doubt: str = ""


class Misfits(BaseModel):
    """Cells of a column that are no values of its type.

    Parameters
    ----------
    rows : int
    first : int
        The row of the first of them, counted from 1.
    kind : str
        The type.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    first: int
    kind: str


class CsvReport(BaseModel):
    """How CSV files were read.

    Parameters
    ----------
    dialect : CsvDialect
        Complete, with the form of each column.
    readings : dict of str to ColumnReading
        Why each column is read as it is.
    misfits : dict of str to Misfits
        Columns that cannot be read, as some of their cells are no values of the type.
    remarks : tuple of str
        What is unusual about the file.
    """

    model_config = ConfigDict(frozen=True)

    dialect: CsvDialect
    readings: dict[str, ColumnReading] = {}
    misfits: dict[str, Misfits] = {}
    remarks: tuple[str, ...] = ()

    @property
    def doubts(self) -> dict[str, str]:
        """What is doubtful, by column."""
        return {name: each.doubt for name, each in self.readings.items() if each.doubt}

    def conflicts(self, file: str) -> dict[str, SourceError]:
        """Return why columns cannot be read, by name."""
        return {
            name: SourceError(
                f"cells of {file} are not {misfit.kind}, the first in row {misfit.first:,}",
                column=name,
                rows=misfit.rows,
                remedy="If they stand for null, use --csv nulls=TEXT; otherwise repair them, say "
                f"how they are written (--csv '{name}=FORM'), or leave the column out",
            )
            for name, misfit in self.misfits.items()
        }

    def add_to(self, writer: pq.ParquetWriter) -> None:
        """Write the report into the metadata of a Parquet file."""
        writer.add_key_value_metadata({_KEY: self.model_dump_json()})

    @classmethod
    def in_file(cls, path: Path) -> CsvReport:
        """Read the report of a Parquet file that CSV was converted to."""
        return cls.model_validate_json(pq.read_metadata(path).metadata[_KEY.encode()])

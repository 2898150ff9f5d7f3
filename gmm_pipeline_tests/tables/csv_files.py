"""CSV files for tests, and what is read of them."""

import pathlib
from dataclasses import dataclass
from typing import Any

from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.csv.known import Known
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.open_table import open_table


@dataclass(frozen=True)
class Read:
    """A table of CSV that is open."""

    table: LocalTable

    @property
    def values(self) -> dict[str, list[Any]]:
        """The values of the columns that can be read."""
        return {
            name: [
                value
                for array in self.table.column(name).arrays(range(self.table.rows))
                for value in array.to_pylist()
            ]
            for name in self.table.schema.names
            if name not in self.table.conflicts
        }

    @property
    def types(self) -> dict[str, str]:
        """The types of all columns."""
        return {field.name: str(field.type) for field in self.table.schema}

    def doubt(self, column: str) -> str:
        """What is said to be doubtful of a column."""
        return "" if self.table.csv is None else self.table.csv.readings[column].doubt

    def why(self, column: str) -> str:
        """Why a column is read as it is."""
        return "" if self.table.csv is None else self.table.csv.readings[column].why

    @property
    def remarks(self) -> str:
        """What is unusual of the file."""
        return "" if self.table.csv is None else " ".join(self.table.csv.remarks)


def read(folder: pathlib.Path, text: str | bytes, *told: str, name: str = "t.csv") -> Read:
    """Write a file into a folder and open it, with what `--csv` tells."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    known = [Known(CsvDialect.parse(told))] if told else []
    return Read(open_table(str(file), folder / "staging", *known))

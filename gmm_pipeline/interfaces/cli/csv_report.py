"""Prints how CSV files were read: in full for `plan`, what is doubtful for other commands."""

from __future__ import annotations

from typing import Any

from gmm_pipeline.interfaces.cli.display import print_table, stderr, stdout
from gmm_pipeline.tables.csv.report import CsvReport

_SHOWN = 20
"""Doubts that a run prints at most: `plan` shows all."""
_NAMES = {"\t": "tab", " ": "blank"}


def csv_entry(report: CsvReport | None) -> dict[str, Any] | None:
    """Return how CSV files were read, for `--json`."""
    if report is None:
        return None
    return {
        "dialect": report.dialect.model_dump(mode="json", exclude={"types"}),
        "remarks": list(report.remarks),
        "columns": {name: each.model_dump() for name, each in report.readings.items()},
    }


def print_csv(report: CsvReport) -> None:
    """Print the dialect, and for each column in which form its cells are read, and why."""
    dialect = report.dialect
    marks = {
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "decimal": dialect.decimal,
        "thousands": dialect.mark("thousands"),
        "comment": dialect.mark("comment"),
        "header": "yes" if dialect.header else "none",
        "encoding": dialect.encoding,
        "nulls": " ".join(["empty", *dialect.nulls]),
    }
    found = ", ".join(f"{key} {_NAMES.get(mark, mark)}" for key, mark in marks.items() if mark)
    stdout().print(f"CSV: {found}. Change it by --csv KEY=VALUE.", markup=False)
    for remark in report.remarks:
        stdout().print(f"CSV: {remark}.", markup=False)
    print_table(
        ["column", "read as", "why", "doubtful"],
        [[name, each.form, each.why, each.doubt or "–"] for name, each in report.readings.items()],
    )


def warn_of_csv(report: CsvReport | None) -> None:
    """Print what is unusual or doubtful in the CSV files of a table, if it is one of CSV."""
    if report is None:
        return
    for remark in report.remarks:
        stderr().print(f"CSV: {remark}.", markup=False)
    doubts = list(report.doubts.items())
    for name, doubt in doubts[:_SHOWN]:
        stderr().print(f"column {name!r}: {doubt}", markup=False)
    if len(doubts) > _SHOWN:
        stderr().print(
            f"{len(doubts) - _SHOWN} more columns are doubtful: `gmm-pipeline plan` shows them.",
            markup=False,
        )

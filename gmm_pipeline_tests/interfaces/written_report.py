"""The report of a fit with columns of every kind.

One column cannot be processed, one has a name that is HTML.
"""

import pathlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from workplace import Workplace

ROWS = 4000
HOSTILE = "<img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class WrittenReport:
    workplace: Workplace
    page: pathlib.Path

    @property
    def text(self) -> str:
        return self.page.read_text(encoding="utf-8")


def table_of(rows: int) -> pa.Table:
    rng = np.random.default_rng(0)
    zeros = np.where(rng.random(rows) < 0.9, 0.0, rng.lognormal(8, 1, rows))
    return pa.table(
        {
            "amount": rng.lognormal(3, 2, rows),
            "gain": zeros,
            "day": pa.array(rng.integers(15_000, 17_000, rows), pa.int32()).cast(pa.date32()),
            "colour": pa.array(rng.choice(["red", "blue", HOSTILE], rows)),
            "nothing": pa.nulls(rows, pa.float64()),
            HOSTILE: rng.normal(size=rows),
            "lists": pa.array([[1]] * rows),
        }
    )


def write_report(workplace: Workplace) -> WrittenReport:
    pq.write_table(table_of(ROWS), workplace.path / "t.parquet")
    ran = workplace.call("run", "t.parquet", "--set", "amount.max_modes=4")
    assert ran.status == 1
    written = workplace.call("report", "--fit", "t", "--out", "report.html")
    assert written.status == 0, written.err
    return WrittenReport(workplace, workplace.path / "report.html")

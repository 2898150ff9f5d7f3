"""Overhead of orchestration: seconds a column by the command line, and by the stages alone.

    uv run --group test python benchmarks/overhead.py

Both make all five results of every column of the same table, each time in a new store and a new
process. The command line is `gmm-pipeline run`, which goes through Dagster and keeps its history.
The stages alone are their recipes and the store's publishing. The seconds of a column are the time
of the whole table minus the time of a table of its first column, divided by the number of the other
columns. So they do not contain the start of the process, most of which is loading Dagster; the
report shows it separately, as the time of the table of the first column.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from jobs import without_dagster
from measuring import Figures, conclude, in_new_process, markdown, parser_of

from gmm_pipeline.fits.spec import FitSpec

PROGRAM = Path(sys.executable).with_name("gmm-pipeline")
FIT = "overhead"
SHARE_OF_ZEROS = 0.9
"""About that of Adult's capital-gain (91.7 %)."""


@dataclass(frozen=True)
class Repetition:
    """Seconds of both ways, measured one right after the other.

    Parameters
    ----------
    start : float
        The command line with the first column alone.
    command, bare : float
        Both ways, for each of the other columns.
    """

    start: float
    command: float
    bare: float


def table(columns: int, rows: int) -> pl.DataFrame:
    """Return a table with as many columns of each kind as possible."""
    rng = np.random.default_rng(0)
    started = np.datetime64("2025-01-01", "us")
    kinds = {
        "normal": lambda: rng.normal(size=rows),
        "cents": lambda: np.round(rng.lognormal(3, 1, rows), 2),
        "integers": lambda: rng.integers(0, 10**6, rows),
        "gains": lambda: np.where(
            rng.random(rows) < SHARE_OF_ZEROS, 0, rng.integers(1, 10**5, rows)
        ),
        "few": lambda: rng.integers(0, 5, rows),
        "text": lambda: rng.choice(["red", "green", "blue"], rows),
        "times": lambda: started + rng.integers(0, 10**6, rows).astype("timedelta64[s]"),
        "heavy": lambda: rng.standard_t(2, rows),
    }
    names = list(kinds)
    return pl.DataFrame(
        {f"{names[i % len(names)]}_{i}": kinds[names[i % len(names)]]() for i in range(columns)}
    )


def measure(frame: pl.DataFrame, folder: Path) -> Repetition:
    """Run a table both ways in a new folder."""
    all_columns, first = folder / "all.parquet", folder / "first.parquet"
    frame.write_parquet(all_columns)
    frame.select(frame.columns[0]).write_parquet(first)
    start = run_command(first, folder / "first")
    command = run_command(all_columns, folder / "all")
    alone = in_new_process(run_without_dagster, all_columns, folder / "bare")
    others = frame.width - 1
    return Repetition(start, (command - start) / others, alone / others)


def run_command(source: Path, store: Path) -> float:
    """Run the command line with a Dagster instance of its own; return its seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [str(PROGRAM), "run", str(source), "--store", str(store)]
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def run_without_dagster(source: Path, store: Path) -> float:
    """Compute a table without Dagster; return the seconds of all columns but the first."""
    first, *others = pl.read_parquet_schema(source)
    spec = FitSpec(name=FIT, source=str(source), columns=(first, *others))
    make = without_dagster(spec, store)
    make([first])
    started = time.perf_counter()
    make(others)
    return time.perf_counter() - started


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    found = figures.results
    cells = [f"{found['median'][name]:.2f}" for name in ("command", "bare")]
    headings = [
        "seconds a column",
        "command line",
        "stages alone",
        "overhead",
        "start and first column",
    ]
    row = ["median", *cells, f"{found['overhead']:.2f}", f"{found['median']['start']:.1f}"]
    options = figures.options
    size = f"{options['columns']} columns of {options['rows']:,} rows"
    size = f"{size}; {options['repetitions']} repetitions."
    return f"{markdown(headings, [row])}\n\n{size}"


def summary(repetitions: list[Repetition]) -> dict[str, Any]:
    """Return the repetitions, their medians, and the median overhead in seconds a column."""
    found = [asdict(repetition) for repetition in repetitions]
    medians = {name: median(each[name] for each in found) for name in found[0]}
    overhead = median(each.command - each.bare for each in repetitions)
    return {"median": medians, "overhead": overhead, "repetitions": found}


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args(arguments)
    if options.quick:
        options.columns, options.rows, options.repetitions = 3, 500, 1
    if options.columns <= 1:
        parser.error("--columns has to be 2 or more, as the first counts as part of the start")
    frame = table(options.columns, options.rows)
    repetitions = []
    for _ in range(options.repetitions):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            repetitions.append(measure(frame, Path(folder)))
    conclude(Figures.here(options, summary(repetitions), ["sqlalchemy"]), report, options.json)


if __name__ == "__main__":
    main()

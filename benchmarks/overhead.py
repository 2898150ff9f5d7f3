"""Overhead of orchestration: what a column of a table takes from the command line, beside the bare functions.

    uv run --group test python benchmarks/overhead.py

Both make all five results of every column of the same table, each time in a new store and a new process. The command
line is `gmm-pipeline run`, which goes through Dagster and keeps its history; bare are the recipes of the stages and
the store's publishing. What a column takes is what a table of all columns takes more than a table of its first
column, divided by the number of the others. So the start of the process, of which loading Dagster is the most, is no
part of it; it is told separately, as the command line with the first column alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from jobs import make_column

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.orchestration.fit_spec import FitSpec
from gmm_pipeline.storage.store import Store

PROGRAM = Path(sys.executable).with_name("gmm-pipeline")
FIT = "overhead"
SHARE_OF_ZEROS = 0.9
PACKAGES = ("gmm-pipeline", "dagster", "polars", "pyarrow", "numba", "numpy", "sqlalchemy")


@dataclass(frozen=True)
class Repetition:
    """Seconds of both ways, in the same minute.

    Parameters
    ----------
    start : float
        The process of the command line with the first column alone.
    command, bare : float
        Both ways, for each further column.
    """

    start: float
    command: float
    bare: float


@dataclass(frozen=True)
class Figures:
    """What was measured, and where."""

    columns: int
    rows: int
    repetitions: tuple[Repetition, ...]
    machine: str
    versions: dict[str, str]

    @property
    def median(self) -> Repetition:
        """The medians over the repetitions."""
        found = [asdict(repetition) for repetition in self.repetitions]
        return Repetition(**{name: statistics.median(each[name] for each in found) for name in found[0]})

    @property
    def overhead(self) -> float:
        """The median seconds a column of orchestration."""
        return statistics.median(repetition.command - repetition.bare for repetition in self.repetitions)


def table(columns: int, rows: int) -> pl.DataFrame:
    """Return a table with as many columns of each kind as possible."""
    rng = np.random.default_rng(0)
    started = np.datetime64("2025-01-01", "us")
    kinds = {
        "normal": lambda: rng.normal(size=rows),
        "cents": lambda: np.round(rng.lognormal(3, 1, rows), 2),
        "integers": lambda: rng.integers(0, 10**6, rows),
        "gains": lambda: np.where(rng.random(rows) < SHARE_OF_ZEROS, 0, rng.integers(1, 10**5, rows)),
        "few": lambda: rng.integers(0, 5, rows),
        "text": lambda: rng.choice(["red", "green", "blue"], rows),
        "times": lambda: started + rng.integers(0, 10**6, rows).astype("timedelta64[s]"),
        "heavy": lambda: rng.standard_t(2, rows),
    }
    names = list(kinds)
    return pl.DataFrame({f"{names[i % len(names)]}_{i}": kinds[names[i % len(names)]]() for i in range(columns)})


def measure(frame: pl.DataFrame, folder: Path) -> Repetition:
    """Take both ways through a table in a new folder."""
    all_columns, first = folder / "all.parquet", folder / "first.parquet"
    frame.write_parquet(all_columns)
    frame.select(frame.columns[0]).write_parquet(first)
    start = run_command(first, folder / "first")
    command = run_command(all_columns, folder / "all")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        bare = process.submit(make_bare, all_columns, folder / "bare").result()
    others = frame.width - 1
    return Repetition(start, (command - start) / others, bare / others)


def run_command(source: Path, store: Path) -> float:
    """Run the command line with a Dagster instance of its own; return its seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [str(PROGRAM), "run", str(source), "--store", str(store)]
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def make_bare(source: Path, store: Path) -> float:
    """Make all results of a table without Dagster; return the seconds of all columns but the first."""
    folder, engine = Store(store).fit(FIT), LocalEngine()
    first, *others = pl.read_parquet_schema(source)
    spec = FitSpec(name=FIT, source=str(source), columns=(first, *others))
    make_column(spec, folder, first, engine)
    started = time.perf_counter()
    for column in others:
        make_column(spec, folder, column, engine)
    return time.perf_counter() - started


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    lines = ["| seconds | command line, a column | bare, a column | overhead, a column | start and first column |"]
    lines.append("|---|--:|--:|--:|--:|")
    for number, each in enumerate(figures.repetitions, start=1):
        lines.append(_row(f"repetition {number}", each, each.command - each.bare))
    lines.append(_row("median", figures.median, figures.overhead))
    versions = ", ".join(f"{name} {number}" for name, number in figures.versions.items())
    lines += ["", f"{figures.columns} columns of {figures.rows:,} rows; {figures.machine}; {versions}."]
    return "\n".join(lines)


def _row(title: str, each: Repetition, overhead: float) -> str:
    return f"| {title} | {each.command:.2f} | {each.bare:.2f} | {overhead:.2f} | {each.start:.1f} |"


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Overhead of orchestration, as a table in Markdown.")
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="three columns of a few rows, once")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args(arguments)
    if options.quick:
        options.columns, options.rows, options.repetitions = 3, 500, 1
    if options.columns <= 1:
        parser.error("--columns has to be 2 or more: the first is counted as part of the start")

    frame = table(options.columns, options.rows)
    repetitions = []
    for _ in range(options.repetitions):
        with tempfile.TemporaryDirectory() as folder:
            repetitions.append(measure(frame, Path(folder)))
    machine = f"{platform.platform(terse=True)}, {os.cpu_count()} cores, Python {platform.python_version()}"
    versions = {name: version(name) for name in PACKAGES}
    figures = Figures(options.columns, options.rows, tuple(repetitions), machine, versions)
    print(report(figures))
    if options.json:
        measured = {"median": asdict(figures.median), "overhead": figures.overhead, **asdict(figures)}
        options.json.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()

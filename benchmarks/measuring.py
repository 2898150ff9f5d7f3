"""What all benchmarks share: rounds in which ways take turns, medians, the machine, tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from math import log
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from gmm_pipeline.engines.local.machine import GIGABYTE, memory

T = TypeVar("T")
Way = Callable[[Path], object]
"""One way of doing a job; it may write into the empty folder that it is given."""

PACKAGES = ("gmm-pipeline", "dagster", "polars", "pyarrow", "numba", "numpy")


def parser_of(description: str | None, *, repetitions: int = 5) -> argparse.ArgumentParser:
    """Return a parser with the options of all benchmarks; the first paragraph describes it."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n\n")[0])
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--quick", action="store_true", help="few rows, to check that it runs")
    parser.add_argument("--folder", type=Path, help="where to write temporary data")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser


def in_turns(
    ways: Mapping[str, Way], repetitions: int, folder: Path | None, uncounted: int = 1
) -> dict[str, Any]:
    """Run all ways in turn and return the seconds of each; the first rounds do not count.

    So kernels are compiled, files are in the page cache, and what slows the machine for a while
    slows all ways alike.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(-uncounted, repetitions):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory(dir=folder) as emptied:
                elapsed = seconds(way, Path(emptied))
            if round_number >= 0:
                times[name].append(elapsed)
    return times


def seconds(call: Callable[..., object], *arguments: Any) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - started


def repeat(call: Callable[[], T], repetitions: int, minutes: float) -> list[T]:
    """Return the results of repeated calls: at least one, and none that starts too late.

    The last one starts before `minutes` are over.
    """
    ending = time.perf_counter() + 60 * minutes
    outcomes = [call()]
    while len(outcomes) < repetitions and time.perf_counter() < ending:
        outcomes.append(call())
    return outcomes


def median_ratio(of: Sequence[float], to: Sequence[float]) -> float:
    """Return the median over the rounds of one way's time divided by the other's."""
    return statistics.median(one / other for one, other in zip(of, to, strict=True))


def in_new_process(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function of a module in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the power of size by which time grows: the slope of a line through the logarithms."""
    return statistics.linear_regression(
        [log(size) for size in sizes], [log(each) for each in seconds]
    ).slope


@dataclass(frozen=True)
class Figures:
    """What a benchmark measured, with what, and where.

    Parameters
    ----------
    options : dict
        The options of the benchmark.
    results : list or dict
        The figures, as JSON holds them.
    place : dict
        Machine, Python and versions.
    """

    options: Mapping[str, Any]
    results: Any
    place: Mapping[str, Any]

    @classmethod
    def here(
        cls, options: argparse.Namespace, results: Any, packages: Iterable[str] = ()
    ) -> Figures:
        """Return results as measured here; `packages` are further ones whose versions matter."""
        paths = {"folder", "json"} | {
            name for name, value in vars(options).items() if isinstance(value, Path)
        }
        given = {name: value for name, value in vars(options).items() if name not in paths}
        return cls(given, results, place(packages))

    @classmethod
    def read(cls, path: Path) -> Figures:
        """Read what `conclude` wrote."""
        return cls(**json.loads(path.read_text()))

    @property
    def where(self) -> str:
        """Machine and versions in words."""
        versions = ", ".join(f"{name} {number}" for name, number in self.place["versions"].items())
        return f"{self.place['machine']}, Python {self.place['python']}; {versions}"


def place(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Return the machine, the day, and the versions of what is measured."""
    names = (platform.system(), platform.machine(), _processor(), f"{os.cpu_count()} cores")
    return {
        "machine": ", ".join(filter(None, [*names, f"{memory() / GIGABYTE:.0f} GB"])),
        "python": platform.python_version(),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": {name: version(name) for name in (*PACKAGES, *packages)},
    }


def conclude(figures: Figures, report: Callable[[Figures], str], path: Path | None) -> None:
    """Print the report of figures and where they were measured; write the figures to a file."""
    print(f"{report(figures)}\n\n{figures.where}.")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(figures), indent=1) + "\n")


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a table in Markdown; all but the first `left` columns are aligned right."""
    alignment = ["---"] * left + ["--:"] * (len(headings) - left)
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, alignment, *rows])


def rows_in_words(rows: int) -> str:
    """Return a number of rows in words, in millions if it is that large."""
    return f"{rows / 10**6:,g}M" if rows >= 10**6 else f"{rows:,}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )

"""What a file that is added to a table costs, beside the first run.

`uv run --group test python benchmarks/growing.py` adds 1 % of the rows to columns of 20 million, and prints the seconds
of the stages by themselves and of whole runs through Dagster, in one process whose kernels are compiled.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from jobs import make_column

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.orchestration.execution import DagsterRunner
from gmm_pipeline.orchestration.fit_spec import FitSpec, save_spec
from gmm_pipeline.orchestration.source_ledger import take_stock
from gmm_pipeline.orchestration.stages import STAGES
from gmm_pipeline.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = ("heavy-tailed", "cents", "categories")
_FARTHEST = 1e6


@dataclass(frozen=True)
class Growth:
    """Seconds of the first run of a column and of one after rows were added, and their ratio in percent."""

    column: str
    way: str
    first: float
    added: float

    @property
    def percent(self) -> float:
        """How much of the first run the second one takes."""
        return 100 * self.added / self.first


def rows_of(rng: np.random.Generator, rows: int) -> pl.DataFrame:
    """Return rows within fixed extremes, which are always there: so later rows call for no new fit."""
    heavy = np.clip(rng.standard_t(2, rows), -_FARTHEST, _FARTHEST)
    heavy[:2] = -_FARTHEST, _FARTHEST
    cents = np.round(rng.lognormal(3.0, 0.7, rows), 2).clip(0.5, 2000.0)
    cents[:2] = 0.5, 2000.0
    categories = np.array([f"category {number}" for number in range(1000)])
    chosen = rng.zipf(1.5, rows) % 1000
    chosen[:1000] = range(min(rows, 1000))
    return pl.DataFrame({"heavy-tailed": heavy, "cents": cents, "categories": categories[chosen]})


def measure(rows: int, added: int, repetitions: int) -> list[Growth]:
    """Time both ways of both runs; the medians of the repetitions."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rng = np.random.default_rng(0)
        (folder / "table").mkdir()
        rows_of(rng, rows).write_parquet(folder / "table" / "0.parquet")
        rows_of(rng, added).write_parquet(folder / "1.parquet")
        spec = FitSpec(name="table", source=str(folder / "table"), columns=COLUMNS)
        _warm_up(folder)
        growths = []
        for way, prepare in (("stages alone", _bare), ("through Dagster", _through_dagster)):
            times = [_first_and_added(folder, spec, prepare) for _ in range(repetitions)]
            for column in COLUMNS:
                first, second = (statistics.median(run[moment][column] for run in times) for moment in (0, 1))
                growths.append(Growth(column, way, first, second))
        return growths


def _first_and_added(
    folder: Path, spec: FitSpec, prepare: Callable[[FitSpec, Path], Callable[[str], None]]
) -> list[dict[str, float]]:
    """Return the seconds of each column, first for the one file, then with the other beside it."""
    store = folder / "store"
    second = folder / "table" / "1.parquet"
    second.unlink(missing_ok=True)
    shutil.rmtree(store, ignore_errors=True)
    save_spec(spec, Store(store).fit(spec.name))
    make = prepare(spec, store)
    first = {column: _seconds(make, column) for column in COLUMNS}
    shutil.copy(folder / "1.parquet", second)
    return [first, {column: _seconds(make, column) for column in COLUMNS}]


def _seconds(make: Callable[[str], None], column: str) -> float:
    started = time.perf_counter()
    make(column)
    return time.perf_counter() - started


def _bare(spec: FitSpec, store: Path) -> Callable[[str], None]:
    return lambda column: make_column(spec, Store(store).fit(spec.name), column, LocalEngine())


def _through_dagster(spec: FitSpec, store: Path) -> Callable[[str], None]:
    runner = DagsterRunner(spec, store)

    def make(column: str) -> None:
        take_stock(spec.source, Store(store).fit(spec.name), accept=lambda _: True)
        outcome = runner.run(column, STAGES, lambda _: None, {})
        if outcome.error:
            raise RuntimeError(outcome.error)

    return make


def _warm_up(folder: Path) -> None:
    """Compile the kernels, and let Dagster import what it needs."""
    warm = folder / "warm"
    (warm / "table").mkdir(parents=True)
    rows_of(np.random.default_rng(1), 40_000).write_parquet(warm / "table" / "0.parquet")
    rows_of(np.random.default_rng(2), 1_000).write_parquet(warm / "1.parquet")
    spec = FitSpec(name="table", source=str(warm / "table"), columns=COLUMNS)
    for prepare in (_bare, _through_dagster):
        _first_and_added(warm, spec, prepare)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--added", type=int, help="1 % of the rows by default")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path, help="Write the figures to a file as well.")
    arguments = parser.parse_args()
    added = arguments.added or arguments.rows // 100
    growths = measure(arguments.rows, added, arguments.repetitions)
    print(f"\n{added:,} rows added to {arguments.rows:,}; seconds, medians of {arguments.repetitions}\n")
    print("| column | way | first run | rows added | of the first run |\n|---|---|--:|--:|--:|")
    for growth in growths:
        print(f"| {growth.column} | {growth.way} | {growth.first:.2f} | {growth.added:.3f} | {growth.percent:.1f} % |")
    if arguments.json:
        figures = [{**asdict(growth), "percent": growth.percent} for growth in growths]
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

"""How long a run takes after a file was added to a table, compared with the first run.

    uv run --group test python benchmarks/growing.py

It adds 1 % of rows to columns of 20 million and prints the seconds of the stages alone, one column
after another, and of runs over all columns through Dagster, in one process with compiled kernels.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from jobs import through_dagster, without_dagster
from measuring import Figures, conclude, markdown, parser_of, rows_in_words, seconds

from gmm_pipeline.fits.spec import FitSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobs import Make

COLUMNS = ("heavy-tailed", "cents", "categories")
ALL = "all three"
_FARTHEST = 1e6
"""Beyond all but about one in 10¹² rows of a Student t(2), so hardly any row is moved."""


@dataclass(frozen=True)
class Growth:
    """Seconds of the first run of a column, or of all, and of the run after rows were added."""

    column: str
    way: str
    first: float
    added: float

    @property
    def percent(self) -> float:
        """The second run in percent of the first."""
        return 100 * self.added / self.first


def rows_of(rng: np.random.Generator, rows: int) -> pl.DataFrame:
    """Return rows that include fixed extremes, so that later rows need no new fit."""
    heavy = np.clip(rng.standard_t(2, rows), -_FARTHEST, _FARTHEST)
    heavy[:2] = -_FARTHEST, _FARTHEST
    cents = np.round(rng.lognormal(3.0, 0.7, rows), 2).clip(0.5, 2000.0)
    cents[:2] = 0.5, 2000.0
    categories = np.array([f"category {number}" for number in range(1000)])
    chosen = rng.zipf(1.5, rows) % 1000
    chosen[:1000] = range(min(rows, 1000))
    return pl.DataFrame({"heavy-tailed": heavy, "cents": cents, "categories": categories[chosen]})


def measure(rows: int, added: int, repetitions: int, parent: Path | None) -> list[Growth]:
    """Time both ways of both runs; the medians of the repetitions."""
    with tempfile.TemporaryDirectory(dir=parent) as temporary:
        folder = Path(temporary)
        rng = np.random.default_rng(0)
        (folder / "table").mkdir()
        rows_of(rng, rows).write_parquet(folder / "table" / "0.parquet")
        rows_of(rng, added).write_parquet(folder / "1.parquet")
        spec = FitSpec(name="table", source=str(folder / "table"), columns=COLUMNS)
        _warm_up(folder)
        growths = []
        one_by_one = [(column,) for column in COLUMNS]
        for way, prepare, runs in (
            ("stages alone", without_dagster, [*one_by_one, COLUMNS]),
            ("through Dagster", through_dagster, [COLUMNS]),
        ):
            for columns in runs:
                times = [
                    _first_and_added(folder, spec, prepare, columns) for _ in range(repetitions)
                ]
                first, second = (statistics.median(moment) for moment in zip(*times, strict=True))
                name = columns[0] if len(columns) == 1 else ALL
                growths.append(Growth(name, way, first, second))
        return growths


def _first_and_added(
    folder: Path,
    spec: FitSpec,
    prepare: Callable[[FitSpec, Path], Make],
    columns: Sequence[str],
) -> tuple[float, float]:
    """Return the seconds of a run over columns with one file, and then with the second file."""
    store = folder / "store"
    second = folder / "table" / "1.parquet"
    second.unlink(missing_ok=True)
    shutil.rmtree(store, ignore_errors=True)
    make = prepare(spec, store)
    first = seconds(make, columns)
    shutil.copy(folder / "1.parquet", second)
    return first, seconds(make, columns)


def _warm_up(folder: Path) -> None:
    """Compile the kernels, and let Dagster do its imports."""
    warm = folder / "warm"
    (warm / "table").mkdir(parents=True)
    rows_of(np.random.default_rng(1), 40_000).write_parquet(warm / "table" / "0.parquet")
    rows_of(np.random.default_rng(2), 1_000).write_parquet(warm / "1.parquet")
    spec = FitSpec(name="table", source=str(warm / "table"), columns=COLUMNS)
    for prepare in (without_dagster, through_dagster):
        _first_and_added(warm, spec, prepare, COLUMNS)


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    rows = [
        [
            each["column"],
            each["way"],
            f"{each['first']:.2f}",
            f"{each['added']:.3f}",
            f"{each['percent']:.1f} %",
        ]
        for each in figures.results
    ]
    options = figures.options
    table = markdown(
        ["column", "way", "first run, s", "rows added, s", "of the first run"], rows, left=2
    )
    added = f"{rows_in_words(options['added'])} rows were added to {rows_in_words(options['rows'])}"
    return f"{table}\n\n{added}; medians of {options['repetitions']}."


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--added", type=int, help="1 %% of the rows by default")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows, options.repetitions = 40_000, 1
    options.added = options.added or options.rows // 100
    growths = measure(options.rows, options.added, options.repetitions, options.folder)
    figures = [{**asdict(growth), "percent": growth.percent} for growth in growths]
    conclude(Figures.here(options, figures), report, options.json)


if __name__ == "__main__":
    main()

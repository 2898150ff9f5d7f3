"""How time and memory grow with rows and columns, through Dagster, in all five stages.

    uv run --group test python benchmarks/scale.py

Rows: tables of a heavy-tailed column and one of cents. Columns: tables of a million rows that
repeat the five columns of `columns.py`, compared with the same stages without Dagster, one column
after another. Dagster runs several columns concurrently, as `gmm-pipeline run` does, so the seconds
of stages overlap. Each run is a process of its own with its own store; kernels are compiled and
Dagster is started before the clock starts. Data are removed at the end: a table of 1,000M rows and
its results take about 45 GB.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from columns import COLUMNS, write_table
from measuring import (
    Figures,
    conclude,
    exponent,
    in_new_process,
    markdown,
    median_ratio,
    parser_of,
    repeat,
    rows_in_words,
)
from scale_runs import Run, draws_of, run_through_dagster, run_without_dagster

from gmm_pipeline.engines.local.machine import GIGABYTE
from gmm_pipeline.fits.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

PAIR = ("heavy-tailed", "cents")
FROM_ROWS = 20_000_000
"""The growth exponent is taken from here on: below, fixed costs hide the growth."""
_ROWS = tuple(10**6 * millions for millions in (1, 5, 20, 50, 200, 1000))
_WIDTHS = (1, 10, 50, 100, 200)
_ROWS_OF_WIDE = 1_000_000


def measure_rows(
    rows: int, repetitions: int, minutes: float, folder: Path | None
) -> dict[str, Any]:
    """Run a table of two columns; return medians over the runs."""
    with tempfile.TemporaryDirectory(dir=folder) as emptied:
        source = Path(emptied) / "table"
        in_new_process(_write, source, PAIR, rows)
        runs = repeat(
            lambda: _in_own_folder(run_through_dagster, source, PAIR, folder), repetitions, minutes
        )
    stages = {name: median(run.stages[name] for run in runs) for name in runs[0].stages}
    peaks = {name: max(run.peaks[name] for run in runs) for name in runs[0].peaks}
    total = Run(
        median(run.seconds for run in runs),
        stages,
        peaks,
        max(run.changed for run in runs),
        max(run.disk for run in runs),
        max(run.left for run in runs),
    )
    return {"rows": rows, "runs": len(runs), **asdict(total)}


def measure_columns(
    width: int, rows: int, repetitions: int, minutes: float, folder: Path | None
) -> dict[str, Any]:
    """Run a table of `width` columns both ways, in turns."""
    names = [
        f"{kind} #{number // len(COLUMNS)}"
        for number, kind in enumerate(islice(cycle(COLUMNS), width))
    ]
    with tempfile.TemporaryDirectory(dir=folder) as emptied:
        source = Path(emptied) / "table"
        in_new_process(_write, source, names, rows)
        turns = repeat(
            lambda: (
                _in_own_folder(run_through_dagster, source, names, folder),
                _in_own_folder(run_without_dagster, source, names, folder),
            ),
            repetitions,
            minutes,
        )
    through, alone = [run.seconds for run, _ in turns], [seconds for _, seconds in turns]
    return {
        "columns": width,
        "rows": rows,
        "runs": len(turns),
        "dagster": median(through),
        "bare": median(alone),
        "ratio": median_ratio(through, alone),
        "peak": max((max(run.peaks.values(), default=0) for run, _ in turns), default=0),
    }


def _write(source: Path, names: Sequence[str], rows: int) -> None:
    write_table(source, draws_of(names), rows)


def _in_own_folder(run: Any, source: Path, columns: Sequence[str], folder: Path | None) -> Any:
    with tempfile.TemporaryDirectory(dir=folder) as emptied:
        return in_new_process(run, source, columns, Path(emptied))


def exponents(sizes: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the growth exponents of all time and of each stage's, from `FROM_ROWS` rows on.

    One size has none.
    """
    large = [size for size in sizes if size["rows"] >= FROM_ROWS]
    if len(large) <= 1:
        return {}
    rows = [size["rows"] for size in large]
    of_stages = {
        name: exponent(rows, [size["stages"][name] for size in large])
        for name in large[0]["stages"]
    }
    return {"all": exponent(rows, [size["seconds"] for size in large]), **of_stages}


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    sizes, widths = figures.results["rows"], figures.results["columns"]
    stages = [stage.name for stage in STAGES]
    rows = [
        [
            rows_in_words(size["rows"]),
            *(f"{size['stages'][stage]:.1f}" for stage in stages),
            f"{size['seconds']:.1f}",
            f"{max(size['peaks'].values(), default=0) / GIGABYTE:.2f} GB",
            f"{size['disk'] / GIGABYTE:.1f} GB",
            f"{size['changed']:,}",
        ]
        for size in sizes
    ]
    headings = ["rows × 2 columns", *stages, "all, s", "peak memory", "results", "rows changed"]
    lines = [markdown(headings, rows)]
    growth = exponents(sizes)
    if growth:
        since = rows_in_words(FROM_ROWS)
        each = ", ".join(f"{name} {growth[name]:.2f}" for name in stages)
        lines += [
            "",
            f"Time grows by rows to the power of {growth['all']:.2f} from {since} ({each}).",
        ]
    table = [
        [
            f"{width['columns']}",
            f"{width['dagster']:.1f}",
            f"{width['bare']:.1f}",
            f"{width['ratio']:.2f} ×",
        ]
        for width in widths
    ]
    if table:
        words = rows_in_words(widths[0]["rows"])
        lines += [
            "",
            markdown([f"columns of {words} rows", "Dagster, s", "stages alone, s", "ratio"], table),
        ]
    return "\n".join(lines)


def brief(figures: Figures) -> str:
    """Return one table of how time, memory and disk grow with rows, as Markdown."""
    headings = ["rows × 2 columns", "seconds", "peak memory", "results on disk", "rows changed"]
    rows = [
        [
            rows_in_words(size["rows"]),
            f"{size['seconds']:.0f}",
            f"{max(size['peaks'].values(), default=0) / GIGABYTE:.2f} GB",
            f"{size['disk'] / GIGABYTE:.2g} GB",
            f"{size['changed']:,}",
        ]
        for size in figures.results["rows"]
    ]
    return markdown(headings, rows)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=list(_ROWS))
    parser.add_argument("--widths", type=int, nargs="*", default=list(_WIDTHS))
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="limit for the repetitions of a size"
    )
    options = parser.parse_args(arguments)
    rows_of_wide = _ROWS_OF_WIDE
    if options.quick:
        options.rows, options.widths, options.repetitions, rows_of_wide = [3000], [2], 1, 3000
    repeat = (options.repetitions, options.minutes, options.folder)
    sizes = [measure_rows(rows, *repeat) for rows in options.rows]
    widths = [measure_columns(width, rows_of_wide, *repeat) for width in options.widths]
    results = {"rows": sizes, "columns": widths, "exponents": exponents(sizes)}
    conclude(Figures.here(options, results), report, options.json)


if __name__ == "__main__":
    main()

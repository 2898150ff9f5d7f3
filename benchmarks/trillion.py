"""What a trillion rows would take on a hundred executors, calculated from measured costs.

    uv run --group test python benchmarks/trillion.py

The cost of a row comes from the stored figures of `spark.py`, or else is measured on a small table.
What the driver does for each file and each task is measured first, on few of them. Each line
multiplies such a cost by a number of rows, files or tasks; nothing of that size is run. Times of
the executors assume that they are as fast as the cores here, that all are equally busy, and that
the storage keeps up; another line says how fast it has to be.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from costs import PASSES, Costs, costs_of
from measuring import Figures, conclude, markdown, parser_of
from spark import measure_passes
from suite import RESULTS

from gmm_pipeline.arrow.parquet import ROWS_PER_PART
from gmm_pipeline.engines.spark.tasks import MERGED_AT_ONCE, MOST_TASKS

_ROWS, _EXECUTORS, _CORES = 10**12, 100, 4
_FILES, _QUICK_FILES = 5_000, 50
"""Files to measure on: enough for a fraction of a second of the cheapest action."""
_MEASURED_ROWS, _QUICK_ROWS = 4_000_000, 60_000
"""Rows of the small table, two parts."""
_KEPT = RESULTS / "spark.json"


@dataclass(frozen=True)
class Line:
    """A task of the job: its amount, who does it, its seconds, and what the design does for it."""

    what: str
    amount: str
    by: str
    seconds: float
    design: str


def calculate(costs: Costs, rows: int, executors: int, cores: int) -> list[Line]:
    """Return the tasks for a column, in order."""
    slots = executors * cores
    parts = math.ceil(rows / ROWS_PER_PART)
    tasks = min(parts, MOST_TASKS)
    levels = math.ceil(math.log(tasks, MERGED_AT_ONCE))
    waves = math.ceil(tasks / slots) / (tasks / slots)
    lines = [
        Line(f"pass: {name}", f"{rows:,} rows", f"{slots} cores", seconds_, design)
        for name, seconds_, design in (
            (
                name,
                costs.rows[name] * rows / slots * waves,
                "divided among the cores; no rows pass through the driver",
            )
            for name in PASSES
        )
    ]
    stored = (costs.sizes["raw"] + costs.sizes["transformed"]) * rows
    moved = 3 * costs.sizes["raw"] * rows + stored
    passing = sum(line.seconds for line in lines)
    lines.append(
        Line(
            "storage",
            f"{moved / 1e12:.1f} TB read and written",
            "storage",
            math.nan,
            f"has to give {moved / passing / 1e9:.1f} GB a second, "
            f"{moved / passing / executors / 1e6:.0f} MB to each executor, "
            "or it is what all wait for",
        )
    )
    shuffled = tasks * costs.tally_bytes
    merged = levels * MERGED_AT_ONCE * costs.merge
    lines += [
        Line(
            "merging of sketches",
            f"{tasks:,} of {costs.tally_bytes / 1000:.0f} kB, {shuffled / 1e9:.1f} GB shuffled",
            f"{slots} cores",
            merged,
            f"{levels} levels of {MERGED_AT_ONCE}; "
            f"the driver alone would take {tasks * costs.merge:.0f} s",
        ),
        Line("model", "1", "driver", costs.fit, "from the sketch: the same for any number of rows"),
        Line(
            "scheduling",
            f"{3 * tasks:,} tasks",
            "driver",
            3 * tasks * costs.task,
            f"{MOST_TASKS:,} tasks a pass at most, each of {math.ceil(parts / tasks)} parts, "
            f"instead of {parts:,}",
        ),
        Line(
            "start of tasks",
            f"{3 * tasks:,} tasks",
            f"{slots} cores",
            3 * tasks * costs.python_task / slots,
            "Spark hands each to a Python process that goes on running",
        ),
        Line(
            "places of files sent to tasks",
            f"{parts:,} files to {2 * tasks:,} tasks",
            f"{slots} cores",
            2 * parts * costs.unpickle * tasks / slots,
            "sent once to each executor, but taken in by each task as a whole; "
            f"a spark.default.parallelism of {4 * slots:,} makes it "
            f"{min(4 * slots / tasks, 1):.0%} of that",
        ),
        Line(
            "footers read",
            f"{2 * parts:,}",
            "driver",
            2 * parts * costs.footer,
            "one after the other",
        ),
        Line(
            "files moved into place",
            f"{2 * parts:,}",
            "driver",
            2 * parts * costs.rename,
            "one after the other",
        ),
        Line(
            "files listed in manifests",
            f"{2 * parts:,}, {2 * parts * costs.manifest_bytes / 1e6:.0f} MB",
            "driver",
            2 * parts * costs.manifest_entry,
            "by content, so that a result appears at once",
        ),
        _checksums(costs, stored, parts, slots),
    ]
    return lines


def _checksums(costs: Costs, stored: float, parts: int, slots: int) -> Line:
    """Return the line of checksums."""
    return Line(
        "checksums",
        f"{stored / 1e12:.1f} TB in {2 * parts:,} files",
        f"{slots} cores",
        stored * costs.checksum / slots,
        "taken by the tasks that wrote the files; "
        f"the driver alone would take {stored * costs.checksum / 3600:.1f} h",
    )


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    found, options = figures.results, figures.options
    lines = found["lines"]
    rows = [
        [
            each["what"],
            each["amount"],
            each["by"],
            "" if each["seconds"] is None else f"{each['seconds']:,.0f}",
            each["design"],
        ]
        for each in lines
    ]
    timed = [each for each in lines if each["seconds"] is not None]
    total = sum(each["seconds"] for each in timed)
    most = max(timed, key=lambda each: each["seconds"])
    alone = sum(each["seconds"] for each in timed if each["by"] == "driver")
    title = (
        f"{options['rows']:,} rows on {options['executors']} executors of {options['cores']} cores"
    )
    ending = (
        f"{title}: {total / 60:,.0f} minutes for a column, "
        f"of which the driver alone {alone / 60:,.0f}. The bottleneck is {most['what']}, "
        f"with {100 * most['seconds'] / total:.0f} % of the time, while the storage keeps up."
    )
    headings = ["what", "how much", "by", "s", "what the design does about it"]
    return f"{markdown(headings, rows, left=3)}\n\n{ending}"


def _measured(path: Path | None, rows: int, folder: Path) -> dict[str, Any]:
    """Return the measured passes over the largest table, by the fewest workers."""
    if path is None:
        runs = [asdict(run) for run in measure_passes([rows], [1], folder)]
    else:
        runs = Figures.read(path).results["passes"]
    return max(runs, key=lambda run: (run["rows"], -run["workers"]))


def main(arguments: list[str] | None = None) -> None:
    """Measure, calculate and print."""
    parser = parser_of(__doc__, repetitions=1)
    parser.add_argument("--measured", type=Path, metavar="JSON", help="the figures of spark.py")
    parser.add_argument("--rows", type=int, default=_ROWS)
    parser.add_argument("--executors", type=int, default=_EXECUTORS)
    parser.add_argument("--cores", type=int, default=_CORES, help="of each executor")
    options = parser.parse_args(arguments)
    kept = options.measured or (_KEPT if _KEPT.exists() and not options.quick else None)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        passes = _measured(kept, _QUICK_ROWS if options.quick else _MEASURED_ROWS, folder)
        costs = costs_of(passes, _QUICK_FILES if options.quick else _FILES, folder)
    lines = [
        asdict(line) for line in calculate(costs, options.rows, options.executors, options.cores)
    ]
    plain = [
        {**line, "seconds": None if math.isnan(line["seconds"]) else line["seconds"]}
        for line in lines
    ]
    results = {"costs": asdict(costs), "lines": plain}
    conclude(Figures.here(options, results, ["pyspark"]), report, options.json)


if __name__ == "__main__":
    main()

"""What a trillion rows of a column would take on a hundred executors: a calculation from costs that are measured here.

    uv run --group test python benchmarks/trillion.py

What a row costs is taken from the figures of `spark.py`, if they are kept, or else measured on a small table. What the
driver does for each file and each task is measured at the start, on few of them. Each line multiplies such a cost by
how often it comes; nothing of that size is run. Times of the executors assume that they are as fast as the cores here,
that all are busy alike, and that the storage keeps up, which another line puts a number to.
"""

from __future__ import annotations

import math
import pickle
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from columns import COLUMNS, write_table
from measuring import Figures, conclude, markdown, parser_of, rows_in_words, seconds
from spark import COLUMN, measure_passes
from stages import FittedColumn
from suite import RESULTS

from gmm_pipeline.arrow.parquet import ROWS_PER_PART, read_footer
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.local.parquet_column import ParquetColumn
from gmm_pipeline.engines.spark.session import spark_session
from gmm_pipeline.engines.spark.tasks import MERGED_AT_ONCE, MOST_TASKS, outcomes
from gmm_pipeline.storage.manifest import FileFacts, Manifest, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROWS, _EXECUTORS, _CORES = 10**12, 100, 4
_FILES, _QUICK_FILES = 5_000, 50
_MEASURED_ROWS, _QUICK_ROWS = 4_000_000, 60_000
_TASKS = 1000
_KEPT = RESULTS / "spark.json"
_HASHED = 1 << 26
_PASSES = ("raw", "sketch", "transformed")


@dataclass(frozen=True)
class Costs:
    """What was measured.

    Parameters
    ----------
    rows : dict of str to float
        Seconds of one core for a row, by stage.
    fit : float
        Seconds of the driver for the model of a column.
    sizes : dict of str to float
        Bytes of a row, by stage.
    task : float
        Seconds of the driver for a task.
    tally_bytes, merge : float
        Bytes of a sketch, and seconds to add one to another.
    footer, rename, described, listed, hashed : float
        Seconds: to read a footer, to move a file, to send a file's place to a task and take it in there, to list a file
        in a manifest and to read it back, and to take the checksum of a byte.
    listed_bytes : float
        Of a file in a manifest.
    """

    rows: Mapping[str, float]
    fit: float
    sizes: Mapping[str, float]
    task: float
    tally_bytes: float
    merge: float
    footer: float
    rename: float
    described: float
    listed: float
    hashed: float
    listed_bytes: float


@dataclass(frozen=True)
class Line:
    """Something that has to be done: how much of it, by whom, its seconds, and what the design does about it."""

    what: str
    amount: str
    by: str
    seconds: float
    design: str


def costs_of(passes: dict[str, Any], files: int, folder: Path) -> Costs:
    """Measure the rest beside what passes over a table took."""
    tally_bytes, merge = _merging(folder)
    return Costs(
        rows={name: passes["stages"][name] * passes["workers"] / passes["rows"] for name in _PASSES},
        fit=passes["stages"]["model"],
        sizes={name: size / passes["rows"] for name, size in passes["sizes"].items()},
        task=_scheduling(_QUICK_FILES if files == _QUICK_FILES else _TASKS),
        tally_bytes=tally_bytes,
        merge=merge,
        **_of_files(files, folder),
    )


def _scheduling(tasks: int) -> float:
    """Return the seconds of a task that does nothing."""
    with spark_session({"spark.master": "local[2]"}) as session:
        outcomes(session, abs, 1)
        return seconds(outcomes, session, abs, tasks) / tasks


def _merging(folder: Path) -> tuple[float, float]:
    """Return the bytes of a sketch, and the seconds of adding one to another."""
    write_table(folder / "merged", {COLUMN: COLUMNS[COLUMN]}, _QUICK_ROWS)
    tally = FittedColumn.of(folder / "merged", COLUMN).sketch(LocalEngine(1)).tally
    tally.merge(tally)
    return len(pickle.dumps(tally)), seconds(tally.merge, tally)


def _of_files(number: int, folder: Path) -> dict[str, float]:
    """Return what the driver takes for a file of a column, by what it does."""
    paths = [folder / f"part-{part:05d}.parquet" for part in range(number)]
    table = pa.table({COLUMN: np.zeros(8)})
    for path in paths:
        pq.write_table(table, path)
    facts = {path.name: FileFacts(size=1, sha256="0" * 64) for path in paths}
    described = ParquetColumn(pa.field(COLUMN, pa.float64()), tuple(paths), (8,) * number)
    manifest = _manifest(facts)
    text = manifest.model_dump_json(indent=2)
    block = np.zeros(_HASHED, dtype=np.uint8)
    whole = folder / "whole"
    block.tofile(whole)

    def of_one(work: Callable[[], object]) -> float:
        return seconds(work) / number

    return {
        "footer": of_one(lambda: [read_footer(path) for path in paths]),
        "described": of_one(lambda: pickle.loads(pickle.dumps(described))),  # noqa: S301 - our own
        "rename": of_one(lambda: [path.rename(path.with_suffix(".moved")) for path in paths]),
        "listed": of_one(lambda: Manifest.model_validate_json(_manifest(facts).model_dump_json(indent=2)).content),
        "listed_bytes": len(text) / number,
        "hashed": seconds(FileFacts.of, whole) / _HASHED,
    }


def _manifest(files: dict[str, FileFacts]) -> Manifest:
    return Manifest(
        column=COLUMN,
        stage="raw",
        rows=1,
        columns={},
        files=files,
        origin=Origin(inputs={}, settings={}),
        versions={},
        created=datetime.now(UTC),
        seconds=0.0,
        summary={},
    )


def calculate(costs: Costs, rows: int, executors: int, cores: int) -> list[Line]:
    """Return what has to be done for a column, in order."""
    slots = executors * cores
    parts = math.ceil(rows / ROWS_PER_PART)
    tasks = min(parts, MOST_TASKS)
    levels = math.ceil(math.log(tasks, MERGED_AT_ONCE))
    waves = math.ceil(tasks / slots) / (tasks / slots)
    lines = [
        Line(f"pass: {name}", f"{rows_in_words(rows)} rows", f"{slots} cores", seconds_, design)
        for name, seconds_, design in (
            (name, costs.rows[name] * rows / slots * waves, "shared out; nothing of it passes through the driver")
            for name in _PASSES
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
            f"has to give {moved / passing / 1e9:.1f} GB a second, {moved / passing / executors / 1e6:.0f} MB to each "
            "executor, or it is what all wait for",
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
            f"{levels} levels of {MERGED_AT_ONCE}; the driver alone would take {tasks * costs.merge:.0f} s",
        ),
        Line("model", "1", "driver", costs.fit, "from the sketch: the same for any number of rows"),
        Line(
            "scheduling",
            f"{3 * tasks:,} tasks",
            "driver",
            3 * tasks * costs.task,
            f"{MOST_TASKS:,} tasks a pass at most, each of {math.ceil(parts / tasks)} parts, instead of {parts:,}",
        ),
        Line(
            "places of files sent to tasks",
            f"{parts:,} files to {2 * tasks:,} tasks",
            f"{slots} cores",
            2 * parts * costs.described * tasks / slots,
            "sent once to each executor, taken in by each task",
        ),
        Line("footers read", f"{2 * parts:,}", "driver", 2 * parts * costs.footer, "one after the other"),
        Line("files moved into place", f"{2 * parts:,}", "driver", 2 * parts * costs.rename, "one after the other"),
        Line(
            "files listed in manifests",
            f"{2 * parts:,}, {2 * parts * costs.listed_bytes / 1e6:.0f} MB",
            "driver",
            2 * parts * costs.listed,
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
        stored * costs.hashed / slots,
        f"taken by the tasks that wrote the files; the driver alone would take {stored * costs.hashed / 3600:.1f} h",
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
    title = f"{rows_in_words(options['rows'])} rows on {options['executors']} executors of {options['cores']} cores"
    ending = (
        f"{title}: {total / 60:,.0f} minutes for a column, of which the driver alone {alone / 60:,.0f}. "
        f"The bottleneck is {most['what']}, with {100 * most['seconds'] / total:.0f} % of the time."
    )
    return f"{markdown(['what', 'how much', 'by', 's', 'what the design does about it'], rows, left=3)}\n\n{ending}"


def _measured(path: Path | None, rows: int, folder: Path) -> dict[str, Any]:
    """Return the passes over the largest table by the fewest workers."""
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
    started = time.perf_counter()
    kept = options.measured or (_KEPT if _KEPT.exists() and not options.quick else None)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        passes = _measured(kept, _QUICK_ROWS if options.quick else _MEASURED_ROWS, folder)
        costs = costs_of(passes, _QUICK_FILES if options.quick else _FILES, folder)
    lines = [asdict(line) for line in calculate(costs, options.rows, options.executors, options.cores)]
    plain = [{**line, "seconds": None if math.isnan(line["seconds"]) else line["seconds"]} for line in lines]
    results = {"costs": asdict(costs), "lines": plain, "took": time.perf_counter() - started}
    conclude(Figures.here(options, results, ["pyspark"]), report, options.json)


if __name__ == "__main__":
    main()

"""Spark: time by workers, memory of the driver, bytes sent; and fits by Spark ML.

    uv run --group test python benchmarks/spark.py

Passes: all five stages of a heavy-tailed column on standalone clusters of one and of two workers,
each a process of one core on this machine, as is the driver. Each run has its own driver, which
passes over a few rows first; its memory is the sum of the peaks of its Python and its JVM. Fits:
`spark_ml` on the sketch and `spark_ml_full` on all rows, from several random starts, in a session
of all cores that has fitted a few rows before. Needs Java 17.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from columns import COLUMNS, write_table
from jobs import make_column
from measuring import (
    Figures,
    conclude,
    in_new_process,
    markdown,
    median_ratio,
    parser_of,
    rows_in_words,
)
from spark_cluster import running_cluster

from gmm_pipeline.engines.local.machine import GIGABYTE, peak_memory
from gmm_pipeline.engines.spark.engine import SparkEngine
from gmm_pipeline.engines.spark.session import spark_session
from gmm_pipeline.fits.fitting import fit_modes, sketch_request
from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.fits.stages import STAGES
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.open_table import open_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

COLUMN = "heavy-tailed"
_ROWS, _ROWS_OF_FITS = (20_000_000, 200_000_000), 1_000_000
_WORKERS = (1, 2)
_FEW_ROWS = 40_000
"""For warming up: enough that the kernels of the grid compile."""
_QUICK_ROWS = 60_000
_NAME = "spark"


@dataclass(frozen=True)
class Run:
    """The cost of all stages of a column on a cluster.

    Parameters
    ----------
    workers, rows : int
    stages : dict of str to float
        Seconds of each stage.
    python, jvm : int
        Peak memory in bytes of the driver's two processes; 0 if the system does not tell.
    results, shuffled : int
        Bytes that tasks sent to the driver, and to each other.
    tasks : int
    sizes : dict of str to int
        Bytes of the files of each stage's result.
    """

    workers: int
    rows: int
    stages: dict[str, float]
    python: int
    jvm: int
    results: int
    shuffled: int
    tasks: int
    sizes: dict[str, int]


def run(workers: int, rows: int, source: Path, folder: Path, settings: dict[str, str]) -> Run:
    """Make a column on a cluster, in this process."""
    _write(folder / "few", _FEW_ROWS)
    with spark_session(settings) as session:
        engine = SparkEngine(session)
        _make(folder / "few", folder / "few_store", engine)
        before = _traffic(session)
        manifests = _make(source, folder / "store", engine)
        results, shuffled, tasks = (
            now - then for now, then in zip(_traffic(session), before, strict=True)
        )
        jvm = _peak_of_jvm(session)
    return Run(
        workers,
        rows,
        {name: manifest.seconds for name, manifest in manifests.items()},
        peak_memory() or 0,
        jvm,
        results,
        shuffled,
        tasks,
        {
            name: sum(facts.size for facts in manifest.files.values())
            for name, manifest in manifests.items()
        },
    )


def _write(source: Path, rows: int) -> None:
    write_table(source, {COLUMN: COLUMNS[COLUMN]}, rows)


def _make(source: Path, store: Path, engine: SparkEngine) -> dict[str, Any]:
    spec, folder = (
        FitSpec(name=_NAME, source=str(source), columns=(COLUMN,)),
        Store(store).fit(_NAME),
    )
    save_spec(spec, folder)
    make_column(spec, folder, COLUMN, engine)
    return {stage.name: folder.column(COLUMN).require(stage.name).manifest for stage in STAGES}


def _traffic(session: SparkSession) -> tuple[int, int, int]:
    """Return the bytes of results and of shuffles so far, and the number of tasks."""
    context = session.sparkContext
    jvm: Any = context._jvm  # noqa: SLF001
    no_quantiles = context._gateway.new_array(jvm.double, 0)  # noqa: SLF001
    store = context._jsc.sc().statusStore()  # noqa: SLF001
    stages = store.stageList(
        jvm.java.util.ArrayList(), False, False, no_quantiles, jvm.java.util.ArrayList()
    )
    found = [stages.apply(number) for number in range(stages.size())]
    return (
        sum(stage.resultSize() for stage in found),
        sum(stage.shuffleWriteBytes() for stage in found),
        sum(stage.numCompleteTasks() for stage in found),
    )


def _peak_of_jvm(session: SparkSession) -> int:
    status = Path(f"/proc/{session.sparkContext._gateway.proc.pid}/status")  # noqa: SLF001
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), 0)


def measure_passes(sizes: Sequence[int], workers: Sequence[int], folder: Path) -> list[Run]:
    """Run the largest table on each number of workers, and the others on the largest number."""
    runs = []
    for rows in sizes:
        source = folder / f"table-{rows}"
        in_new_process(_write, source, rows)
        for number in workers if rows == max(sizes) else workers[-1:]:
            with tempfile.TemporaryDirectory(dir=folder) as emptied:
                place = Path(emptied)
                with running_cluster(place / "cluster", workers=number) as cluster:
                    settings = {"spark.master": cluster.master}
                    runs.append(in_new_process(run, number, rows, source, place, settings))
    return runs


def measure_fits(rows: int, repetitions: int, folder: Path) -> dict[str, Any]:
    """Fit a column by Spark ML on its sketch and on its rows, from `repetitions` random starts."""
    for name, size in {"few": _FEW_ROWS, "table": rows}.items():
        _write(folder / name, size)
    with spark_session(
        {"spark.master": f"local[{os.cpu_count()}]", "spark.driver.memory": "2g"}
    ) as session:
        engine = SparkEngine(session)
        _fits(folder / "few", engine, 1)
        return {"rows": rows, **_fits(folder / "table", engine, repetitions)}


def _fits(source: Path, engine: SparkEngine, repetitions: int) -> dict[str, Any]:
    column = open_table(str(source), source).column(COLUMN)
    started = time.perf_counter()
    sketch = engine.sketch(column, sketch_request(ColumnSettings()))
    found: dict[str, Any] = {"sketch": time.perf_counter() - started}
    for method, seed in product(("spark_ml", "spark_ml_full"), range(repetitions)):
        settings = ColumnSettings(method=method, seed=seed)
        started = time.perf_counter()
        model = fit_modes(sketch, column.field, settings, engine.rows_fitter(column))
        assert model.fit is not None  # noqa: S101 - the column is continuous
        each = found.setdefault(method, {"seconds": [], "mean_log_likelihood": []})
        each["seconds"].append(time.perf_counter() - started)
        each["mean_log_likelihood"].append(model.fit.mean_log_likelihood)
    return found


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    runs, fits = figures.results["passes"], figures.results["fits"]
    names = [stage.name for stage in STAGES]
    rows = [
        [
            f"{rows_in_words(each['rows'])}",
            f"{each['workers']}",
            *(f"{each['stages'][name]:.1f}" for name in names),
            *(f"{each[process] / GIGABYTE:.2f} GB" for process in ("python", "jvm")),
            f"{each['results'] / 1e6:.1f} MB",
            f"{each['shuffled'] / 1e6:.1f} MB",
            f"{each['tasks']:,}",
        ]
        for each in runs
    ]
    headings = ["rows", "workers of 1 core", *(f"{name}, s" for name in names)]
    headings += ["driver's Python", "driver's JVM", "results", "shuffled", "tasks"]
    lines = [markdown(headings, rows), "", *_comparisons(runs)] if runs else []
    return "\n".join(lines + ([] if fits is None else ["", *_report_of_fits(fits)]))


def _report_of_fits(fits: dict[str, Any]) -> list[str]:
    methods = ("spark_ml", "spark_ml_full")
    seconds, likelihoods = (
        {name: fits[name][what] for name in methods} for what in ("seconds", "mean_log_likelihood")
    )
    rows = [
        [
            name,
            f"{median(seconds[name]):.1f}",
            f"{median(likelihoods[name]):.4f}",
            ", ".join(f"{each:.4f}" for each in likelihoods[name]),
        ]
        for name in methods
    ]
    headings = [
        f"fit of {rows_in_words(fits['rows'])} rows",
        "s",
        "mean log-likelihood",
        "of each start",
    ]
    ratio = median_ratio(seconds["spark_ml_full"], seconds["spark_ml"])
    return [
        markdown(headings, rows),
        "",
        f"`spark_ml` is {ratio:.0f} times as fast; the sketch took {fits['sketch']:.1f} s.",
    ]


def _comparisons(runs: Sequence[dict[str, Any]]) -> list[str]:
    most = max(each["rows"] for each in runs)
    of_most = sorted(
        (each for each in runs if each["rows"] == most), key=lambda each: each["workers"]
    )
    if len(of_most) == 1 or len(runs) == len(of_most):
        return []
    one, more = of_most[0], of_most[-1]
    gain = one["stages"]["transformed"] / more["stages"]["transformed"]
    times = f"{more['workers']} workers are {gain:.2f} times as fast as one"
    workers = f"Encoding {rows_in_words(most)} rows, {times}."
    least = min(
        (each for each in runs if each["workers"] == more["workers"]), key=lambda each: each["rows"]
    )
    growth = (more["python"] + more["jvm"]) / max(least["python"] + least["jvm"], 1) - 1
    sizes = f"{rows_in_words(least['rows'])} to {rows_in_words(most)} rows"
    return [workers, f"From {sizes}, the driver's memory changes by {100 * growth:+.0f} %."]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__, repetitions=3)
    parser.add_argument("--rows", type=int, nargs="+", default=list(_ROWS))
    parser.add_argument("--rows-of-fits", type=int, default=_ROWS_OF_FITS)
    parser.add_argument("--only", choices=("passes", "fits"), help="measure only these")
    options = parser.parse_args(arguments)
    workers: tuple[int, ...] = _WORKERS
    if options.quick:
        options.rows, options.rows_of_fits, options.repetitions, workers = (
            [_QUICK_ROWS],
            _QUICK_ROWS,
            1,
            (1,),
        )
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        parts = {options.only} if options.only else {"passes", "fits"}
        sizes = options.rows if "passes" in parts else []
        passes = [asdict(each) for each in measure_passes(sizes, workers, folder)]
        fits = (
            in_new_process(measure_fits, options.rows_of_fits, options.repetitions, folder)
            if "fits" in parts
            else None
        )
    conclude(
        Figures.here(options, {"passes": passes, "fits": fits}, ["pyspark"]), report, options.json
    )


if __name__ == "__main__":
    main()

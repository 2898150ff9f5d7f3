"""Whether Spark and the local engine write the same bytes: sketch, model, ranks, encoded rows.

    uv run --group test --extra demo python benchmarks/engines_agree.py --sources adult.parquet

The tables are the demo's flights and the files of `--sources`, with their rows repeated until they
fill several parts. The local engine makes all results of each column from one file in one thread. A
standalone cluster on this machine, a master and two workers, makes them from 1, 3 and 16 files of
different lengths with different numbers of tasks (`spark.default.parallelism`). The digests of all
files of all results are compared. Needs Java 17.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from jobs import make_column
from measuring import Figures, conclude, markdown, parser_of
from spark_cluster import Cluster, running_cluster

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.spark.engine import SparkEngine
from gmm_pipeline.engines.spark.session import spark_session
from gmm_pipeline.fits.demo import DEMO_FIT, demo_spec
from gmm_pipeline.fits.spec import FitSpec, save_spec
from gmm_pipeline.fits.stages import STAGES
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from gmm_pipeline.engines.engine import Engine

SHAPES = ((1, 2), (3, 1), (16, 5))
"""Numbers of files of a table, and of tasks of a pass."""
_ROWS, _QUICK_ROWS = 2_200_000, 5_000
"""A part holds 2²¹ rows, so the first is the fewest round number that fills more than one."""
_QUICK_COLUMNS = 2


@dataclass(frozen=True)
class Agreement:
    """Results by Spark: how many were compared, and which differ from the local engine's."""

    table: str
    rows: int
    columns: int
    files: int
    tasks: int
    compared: int
    different: tuple[str, ...]


def compare(name: str, table: pl.DataFrame, folder: Path, cluster: Cluster) -> Iterator[Agreement]:
    """Make all results of a table by both engines."""
    here = contents(
        in_files(table, folder / "here", 1), table.columns, folder / "here_store", LocalEngine(1)
    )
    for files, tasks in SHAPES:
        source = in_files(table, folder / f"{files}", files)
        with spark_session(
            {"spark.master": cluster.master, "spark.default.parallelism": tasks}
        ) as session:
            there = contents(source, table.columns, folder / f"{files}_store", SparkEngine(session))
        different = tuple(result for result in here if here[result] != there[result])
        yield Agreement(name, table.height, table.width, files, tasks, len(here), different)


def contents(source: Path, columns: list[str], store: Path, engine: Engine) -> Mapping[str, str]:
    """Return a digest of the files of each result of each column."""
    spec = FitSpec(name="agree", source=str(source), columns=tuple(columns))
    folder = Store(store).fit(spec.name)
    save_spec(spec, folder)
    for name in columns:
        make_column(spec, folder, name, engine)
    return {
        f"{name}: {stage.name}": folder.column(name).require(stage.name).manifest.content
        for name in columns
        for stage in STAGES
    }


def in_files(table: pl.DataFrame, folder: Path, files: int) -> Path:
    """Write a table to files of different lengths."""
    folder.mkdir()
    bounds = [round(table.height * (number / files) ** 1.5) for number in range(files + 1)]
    for number, start in enumerate(bounds[:-1]):
        table[start : bounds[number + 1]].write_parquet(folder / f"{number:02d}.parquet")
    return folder


def demo_table(folder: Path) -> pl.DataFrame:
    """Return the flights of the demo."""
    spec = demo_spec(folder)
    return pl.read_csv(spec.source, null_values=["NA"], try_parse_dates=True).select(spec.columns)


def repeat_rows(table: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Repeat the rows of a table up to a number of rows."""
    return pl.concat([table] * -(-rows // table.height)).head(rows)


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    headings = [
        "table",
        "rows",
        "columns",
        "files",
        "tasks of a pass",
        "results compared",
        "different",
    ]
    rows = [
        [
            each["table"],
            *(f"{each[name]:,}" for name in ("rows", "columns", "files", "tasks", "compared")),
            f"{len(each['different'])}",
        ]
        for each in figures.results
    ]
    return markdown(headings, rows)


def main(arguments: list[str] | None = None) -> None:
    """Compare, print, and fail if a result differs."""
    parser = parser_of(__doc__, repetitions=1)
    parser.add_argument(
        "--sources", type=Path, nargs="*", default=[], help="more tables, as Parquet files"
    )
    parser.add_argument(
        "--without-demo", action="store_true", help="compare only the tables of --sources"
    )
    parser.add_argument("--rows", type=int, default=_ROWS)
    options = parser.parse_args(arguments)
    width = None
    if options.quick:
        options.rows, width = _QUICK_ROWS, _QUICK_COLUMNS
    agreements: list[Agreement] = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        tables = {} if options.without_demo else {DEMO_FIT: demo_table(folder)}
        tables |= {path.stem: pl.read_parquet(path) for path in options.sources}
        options.sources = [path.stem for path in options.sources]
        with running_cluster(folder / "cluster") as cluster:
            for number, (table, frame) in enumerate(tables.items()):
                place = folder / f"table-{number}"
                place.mkdir()
                chosen = repeat_rows(frame.select(frame.columns[:width]), options.rows)
                agreements += compare(table, chosen, place, cluster)
    conclude(
        Figures.here(options, [asdict(each) for each in agreements], ["pyspark"]),
        report,
        options.json,
    )
    if any(each.different for each in agreements):
        raise SystemExit(
            "\n".join(f"{each.table}, {each.files} files: {each.different}" for each in agreements)
        )


if __name__ == "__main__":
    main()

"""Times of sketch, fit, encode and decode, as multiples of reading or copying the column.

    uv run --group test python benchmarks/limits.py

The limits are Polars' streaming sum of the column (for strings, of their lengths), which reads it,
and Polars' copy of the column from Parquet to Parquet in lz4, which also writes it. Compared with
them are the sketch, the sketch with fit and ranking, the encoding without and with the round-trip
check, and the decoding to Parquet. All run in turns in one process, with compiled kernels and the
files in the page cache.

The parts of the sketch are measured too: reading the column through Arrow, and sketching rows in
memory.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from columns import COLUMNS, write_table
from measuring import Figures, conclude, in_turns, markdown, median_ratio, parser_of, rows_in_words
from stages import CodecWithoutCheck, FittedColumn, decode, sketch

from gmm_pipeline.arrow.memory_column import MemoryColumn
from gmm_pipeline.engines.engine import prefer_dictionaries
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.parts import split_rows

if TYPE_CHECKING:
    from measuring import Way

    from gmm_pipeline.arrow.rows import ColumnRows

LIMITS = {
    **dict.fromkeys(["read", "sketch_in_memory", "sketch", "fit"], "sum"),
    **dict.fromkeys(["encode", "encode_checked", "decode"], "copy"),
}
"""The limit that each way is compared with."""
_ROWS = (20_000_000, 200_000_000)
"""A few seconds a way, and ten times that, to see that the ratios do not grow with rows."""
_QUICK_ROWS = (50_000,)


@dataclass(frozen=True)
class Comparison:
    """A column's nanoseconds a row by each way, and their ratios to the limits; medians."""

    column: str
    rows: int
    nanoseconds: dict[str, float]
    ratios: dict[str, float]


def measure(name: str, rows: int, repetitions: int, folder: Path) -> Comparison:
    """Write a column, and pass over it in all ways in turn."""
    source = folder / "source"
    write_table(source, {name: COLUMNS[name]}, rows)
    fitted = FittedColumn.of(source, name)
    engine, encoded = LocalEngine(), folder / "encoded"
    encoded.mkdir()
    engine.encode(fitted.column, fitted.codec, encoded)
    rows_of = prefer_dictionaries(fitted.column)
    in_memory = MemoryColumn(rows_of.field, pa.chunked_array(list(rows_of.arrays(range(rows)))))
    ways: dict[str, Way] = {
        "sum": lambda _: scan_and_sum(source, name),
        "read": lambda _: read(rows_of, os.cpu_count() or 1),
        "sketch_in_memory": lambda _: sketch(in_memory, engine),
        "sketch": lambda _: fitted.sketch(engine),
        "fit": lambda _: fitted.fit(fitted.sketch(engine)),
        "copy": lambda target: copy(source, target),
        "encode": lambda target: engine.encode(
            fitted.column, CodecWithoutCheck(fitted.codec), target
        ),
        "encode_checked": lambda target: engine.encode(fitted.column, fitted.codec, target),
        "decode": lambda target: decode(encoded, fitted.codec, target),
    }
    seconds = in_turns(ways, repetitions, folder)
    nanoseconds = {way: 1e9 * median(times) / rows for way, times in seconds.items()}
    ratios = {way: median_ratio(seconds[way], seconds[limit]) for way, limit in LIMITS.items()}
    return Comparison(name, rows, nanoseconds, ratios)


def scan_and_sum(source: Path, name: str) -> pl.DataFrame:
    """Read a column with Polars."""
    scan = pl.scan_parquet(source)
    column = pl.col(name)
    summand = column.str.len_bytes() if scan.collect_schema()[name] == pl.String else column
    return scan.select(summand.sum()).collect(engine="streaming")


def read(column: ColumnRows, threads: int) -> None:
    """Read a column through Arrow, in threads with equal shares, as the sketch does."""

    def read_rows(rows: range) -> None:
        for _ in column.arrays(rows):
            pass

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read_rows, split_rows(range(column.rows), -(-column.rows // threads))))


def copy(source: Path, target: Path) -> None:
    """Copy a column with Polars."""
    pl.scan_parquet(source).sink_parquet(target / "copy.parquet", compression="lz4")


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    headings = ["column", "rows", "Polars' sum, ns", "sketch", "sketch + fit"]
    headings += ["Polars' copy, ns", "encode", "encode + check", "decode"]
    rows = []
    for each in figures.results:
        times, ratios = (
            each["nanoseconds"],
            {way: f"{ratio:.2f} ×" for way, ratio in each["ratios"].items()},
        )
        cells = [
            each["column"],
            rows_in_words(each["rows"]),
            f"{times['sum']:.1f}",
            ratios["sketch"],
            ratios["fit"],
        ]
        rows.append(
            [
                *cells,
                f"{times['copy']:.1f}",
                ratios["encode"],
                ratios["encode_checked"],
                ratios["decode"],
            ]
        )
    parts = [
        [each["column"], rows_in_words(each["rows"]), f"{each['nanoseconds']['sum']:.1f}"]
        + [f"{each['ratios'][way]:.2f} ×" for way in ("read", "sketch_in_memory", "sketch")]
        for each in figures.results
    ]
    names = [
        "column",
        "rows",
        "Polars' sum, ns",
        "reading through Arrow",
        "sketch of rows in memory",
        "sketch",
    ]
    return f"{markdown(headings, rows)}\n\n{markdown(names, parts)}"


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, action="append", help="may be given several times")
    parser.add_argument(
        "--columns", nargs="+", choices=COLUMNS, default=list(COLUMNS), metavar="NAME"
    )
    options = parser.parse_args(arguments)
    options.rows = options.rows or list(_QUICK_ROWS if options.quick else _ROWS)
    options.repetitions = 1 if options.quick else options.repetitions
    comparisons = []
    for rows in options.rows:
        for name in options.columns:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                comparisons.append(measure(name, rows, options.repetitions, Path(folder)))
    conclude(
        Figures.here(options, [asdict(comparison) for comparison in comparisons]),
        report,
        options.json,
    )


if __name__ == "__main__":
    main()

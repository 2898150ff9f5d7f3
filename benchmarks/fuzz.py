"""Draw tables of every Arrow type, write them by PyArrow or Polars, and take them all the way.

`plan`, a run, `export`, `inverse`, and `transform` of a part. What comes back is what went in, or
the column was refused by name, by `plan` and by the run alike.

    uv run --group test python benchmarks/fuzz.py --seconds 3600
"""

import argparse
import contextlib
import io
import itertools
import json
import math
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import hypothesis
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pat
from hypothesis import HealthCheck
from hypothesis import strategies as st

from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.fits.column_stages import Refit
from gmm_pipeline.fits.prepare import FitRequest, prepare
from gmm_pipeline.fits.progress import Outcome, SilentProgress
from gmm_pipeline.fits.run_columns import ColumnsRun
from gmm_pipeline.fits.stages import STAGES
from gmm_pipeline.interfaces.cli.main import TRACEBACK_VARIABLE, main

MOST_ROWS = 200
BATCH = 100
"""Tables that Hypothesis draws before the clock is looked at."""
CLOSE = 1e-5
"""Floats come back to within 2**-24 of their mode's width, which is no wider than the column."""

Values = st.SearchStrategy[Any]


def _integers(bits: int, *, signed: bool) -> Values:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    # Full ranges are refused as too far apart; narrow ones are what columns hold.
    near = st.integers(max(low, -50), min(high, 50))
    return st.one_of(near, near, st.integers(low, high))


def _decimals(digits: int, scale: int) -> Values:
    most = 10 ** min(digits, 17) - 1
    return st.integers(-most, most).map(lambda number: Decimal(number).scaleb(-scale))


def _units(low: int, high: int) -> Values:
    return st.one_of(st.integers(max(low, -100), min(high, 100)), st.integers(low, high))


_INT32, _INT63 = 1 << 31, 1 << 62
_DAY_SECONDS = 86_400
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

TYPES: dict[pa.DataType, Values] = {
    **{getattr(pa, f"int{bits}")(): _integers(bits, signed=True) for bits in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{bits}")(): _integers(bits, signed=False) for bits in (8, 16, 32, 64)},
    pa.float16(): st.floats(width=16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.decimal128(9, 2): _decimals(9, 2),
    pa.decimal128(38, 18): _decimals(38, 18),
    pa.decimal256(50, 3): _decimals(50, 3),
    pa.date32(): _units(-_INT32, _INT32 - 1),
    pa.date64(): st.integers(-10_000, 10_000).map(lambda days: days * _DAY_SECONDS * 1000),
    **{
        pa.timestamp(unit): _units(
            -_INT63 // 10**9 * _PER_SECOND[unit], _INT63 // 10**9 * _PER_SECOND[unit]
        )
        for unit in _PER_SECOND
    },
    pa.timestamp("us", "UTC"): _units(-(10**15), 10**15),
    pa.timestamp("ms", "Europe/Berlin"): _units(-(10**12), 10**12),
    pa.timestamp("us", "+05:30"): _units(-(10**15), 10**15),
    pa.time32("s"): st.integers(0, _DAY_SECONDS - 1),
    pa.time64("ns"): st.integers(0, _DAY_SECONDS * 10**9 - 1),
    pa.duration("ms"): _units(-(10**12), 10**12),
    pa.string(): st.text(max_size=5),
    pa.large_string(): st.text(max_size=5),
    pa.string_view(): st.text(max_size=5),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["", "a", "b", "ä"]),
    pa.dictionary(pa.int32(), pa.large_string()): st.text(max_size=2),
    pa.null(): st.none(),
    # These are refused.
    pa.binary(): st.binary(max_size=3),
    pa.list_(pa.int8()): st.lists(st.integers(0, 9), max_size=2),
}

WIDER: dict[pa.DataType, pa.DataType] = {
    pa.int8(): pa.int16(),
    pa.int16(): pa.int32(),
    pa.int32(): pa.int64(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.float32(): pa.float64(),
    pa.decimal128(9, 2): pa.decimal128(20, 4),
    pa.timestamp("ms"): pa.timestamp("us"),
    pa.duration("ms"): pa.duration("us"),
    pa.string(): pa.large_string(),
    pa.dictionary(pa.int8(), pa.string()): pa.dictionary(pa.int16(), pa.string()),
}
"""Types that the first file may have where the others have a wider one."""


@dataclass(frozen=True)
class DrawnTable:
    """A table, how its rows are split into files, and who writes them.

    Parameters
    ----------
    table : pyarrow.Table
    ends : tuple of int
        The last row of each file but the last.
    writer : str
        pyarrow or polars.
    group : int
        Rows of a row group.
    part : int
        Rows at the beginning that are transformed by themselves.
    widen : bool
        Whether all files but the first are written in `WIDER` types.
    """

    table: pa.Table
    ends: tuple[int, ...]
    writer: str
    group: int
    part: int
    widen: bool

    def write(self, folder: pathlib.Path) -> pa.Table:
        """Write the files, and return the rows that they hold."""
        bounds = [0, *sorted(self.ends), self.table.num_rows]
        for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
            piece, path = self.table.slice(start, stop - start), folder / f"{number}.parquet"
            if self.widen and number:
                piece = piece.cast(_wider(piece.schema))
            if self.writer == "polars":
                pl.DataFrame(piece).write_parquet(path, row_group_size=self.group)
            else:
                pq.write_table(piece, path, row_group_size=self.group)
        files = sorted(folder.glob("*.parquet"))
        return pa.concat_tables(map(pq.read_table, files), promote_options="permissive")


def _wider(schema: pa.Schema) -> pa.Schema:
    return pa.schema(field.with_type(WIDER.get(field.type, field.type)) for field in schema)


@st.composite
def _columns(draw: st.DrawFn, rows: int) -> pa.Array:
    kind = draw(st.sampled_from(list(TYPES)))
    values = draw(st.lists(TYPES[kind], min_size=1, max_size=draw(st.sampled_from([1, 3, 40]))))
    if draw(st.booleans()):
        values.append(None)
    # Repeats by position: Hypothesis draws long lists slowly.
    step = draw(st.integers(1, 7))
    column = [values[row * step % len(values)] for row in range(rows)]
    if pat.is_dictionary(kind):
        return pa.array(column, kind.value_type).dictionary_encode().cast(kind)
    return (
        pa.array(column, _storage(kind)).cast(kind)
        if pat.is_temporal(kind)
        else pa.array(column, kind)
    )


def _storage(kind: pa.DataType) -> pa.DataType:
    return pa.int32() if kind.bit_width == pa.int32().bit_width else pa.int64()


@st.composite
def drawn_tables(draw: st.DrawFn) -> DrawnTable:
    """Draw tables of one to four columns with odd names."""
    rows = draw(st.integers(1, MOST_ROWS))
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    names = draw(
        st.lists(st.text(characters, min_size=1, max_size=6), min_size=1, max_size=4, unique=True)
    )
    table = pa.table([draw(_columns(rows)) for _ in names], names=names)
    # Polars has no zones without names, and no decimals of 50 digits.
    foreign = {pa.timestamp("us", "+05:30"), pa.decimal256(50, 3)} & set(table.schema.types)
    return DrawnTable(
        table,
        tuple(draw(st.lists(st.integers(0, rows), max_size=2))),
        draw(st.sampled_from(["pyarrow"] if foreign else ["pyarrow", "polars"])),
        draw(st.sampled_from([1, 7, MOST_ROWS])),
        draw(st.integers(1, rows)),
        draw(st.booleans()),
    )


def check(drawn: DrawnTable) -> None:
    """Take a table all the way; raise AssertionError if anything is lost in silence."""
    with tempfile.TemporaryDirectory() as folder, _in_folder(pathlib.Path(folder)) as here:
        (here / "data").mkdir()
        wanted = drawn.write(here / "data")
        planned = {
            entry["column"]: entry
            for entry in json.loads(_call("plan", "data", "--json"))["columns"]
        }
        outcomes = _run(here)
        for name, outcome in outcomes.items():
            assert not outcome.traceback, outcome.traceback
            refused = planned[name]["kind"] is None
            assert refused == (outcome.error is not None), (planned[name], outcome.error)
        kept = [name for name in wanted.column_names if outcomes[name].error is None]
        if not kept:
            return
        _call("export", "--fit", "data", "--out", "encoded.parquet")
        _call("inverse", "encoded.parquet", "--fit", "data", "--out", "back.parquet")
        back = pq.read_table("back.parquet")
        assert back.column_names == kept
        for name in kept:
            _assert_same(name, wanted[name], back[name])
        pq.write_table(wanted.slice(0, drawn.part), "part.parquet")
        _call("transform", "part.parquet", "--fit", "data", "--out", "part_encoded.parquet")
        encoded = pq.read_table("encoded.parquet").slice(0, drawn.part)
        assert pq.read_table("part_encoded.parquet").equals(encoded)


def _run(here: pathlib.Path) -> dict[str, Outcome]:
    """Run the columns as `run` does, without Dagster, which would take seconds a table."""
    prepared = prepare(FitRequest("data"), here / "gmm_store")
    prepared.save()
    run = ColumnsRun(
        prepared,
        dict.fromkeys(prepared.spec.columns, STAGES),
        Refit.NONE,
        1,
        lambda: LocalEngine(1),
    )
    outcomes = run.execute(SilentProgress())
    run.commit()
    return {outcome.column: outcome for outcome in outcomes}


def _call(*arguments: str) -> str:
    """Call a command that has to succeed; return what it prints."""
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(arguments))
        except SystemExit as ended:
            status = ended.code or 0
    assert status == 0, f"{' '.join(arguments)}: {err.getvalue()}"
    return out.getvalue()


@contextlib.contextmanager
def _in_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    before = pathlib.Path.cwd()
    os.chdir(folder)
    os.environ[TRACEBACK_VARIABLE] = "1"
    try:
        yield folder
    finally:
        os.chdir(before)
        del os.environ[TRACEBACK_VARIABLE]


def _assert_same(name: str, wanted: pa.ChunkedArray, found: pa.ChunkedArray) -> None:
    one, other = _plain(wanted), _plain(found.cast(wanted.type))
    assert len(one) == len(other), name
    finite = [value for value in one if isinstance(value, float) and math.isfinite(value)]
    allowed = CLOSE * (max(finite) / 2 - min(finite) / 2) * 2 if finite else 0.0
    for row, (before, after) in enumerate(zip(one, other, strict=True)):
        same = before == after or (before != before and after != after)  # noqa: PLR0124 - NaN
        if not same and isinstance(before, float) and isinstance(after, float):
            same = abs(before - after) <= allowed + CLOSE * abs(before)
        assert same, f"column {name!r}, row {row}: {before!r} became {after!r}"


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Return values that Python can compare: times as numbers, decimals as text."""
    kind = column.type
    if pat.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pat.is_temporal(kind):
        return column.cast(_storage(kind)).to_pylist()  # type: ignore[no-any-return]
    return column.to_pylist()  # type: ignore[no-any-return]


def fuzz(seconds: float, check_table: Callable[[DrawnTable], None] = check) -> int:
    """Check tables for a time, and return how many; one that fails is made small and raised."""
    count = 0

    def counted(drawn: DrawnTable) -> None:
        nonlocal count
        count += 1
        check_table(drawn)

    settings = hypothesis.settings(
        max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    ends = time.monotonic() + seconds
    seed = time.time_ns()
    while time.monotonic() < ends:
        hypothesis.seed(seed)(settings(hypothesis.given(drawn_tables())(counted)))()
        seed += 1
        print(f"{count:,} tables", flush=True)
    return count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    print(f"{fuzz(parser.parse_args().seconds):,} tables, nothing lost in silence")

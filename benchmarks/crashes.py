"""Crashes a refit of several columns at each of its writes, and checks what readers then see.

    uv run --group test python benchmarks/crashes.py --every 10

A refit with other settings crashes at each point where Python changes the store, as if the process
were killed there: nothing is written afterwards. Then all readers are called: `transform`,
`export`, `inverse`, `show` and `report`. Then the run is completed, and they are called again. A
reader must use the old fit or the new one, but never parts of both: rows decode to themselves, and
each row has exactly one mode of its column.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

WRITES = {
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "shutil.rmtree",
}
"""Audit events of Python for calls that change a file system, besides `open` for writing."""
REFIT = ("--refit", "--set", "max_modes=3", "--set", "seed=5")
"""Other modes and other draws, so that results of the two fits do not fit together."""


class Crash(BaseException):
    """Simulates the end of the process; a BaseException, which no `except Exception` catches."""


@dataclass
class Writes:
    """Counts the writes to a store, and crashes at one of them.

    Parameters
    ----------
    store : str
        The folder; writes below it count.
    last : int or None
        The number of writes that happen; the next one and all later ones crash.
    """

    store: str = ""
    last: int | None = None
    count: int = 0
    on: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Count an audit event of Python if it is a write to the store."""
        if not self.on or not self._changes(event, arguments):
            return
        with self.lock:
            self.count += 1
            crashes = self.last is not None and self.count > self.last
        if crashes:
            raise Crash

    def _changes(self, event: str, arguments: tuple[object, ...]) -> bool:
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return False
        elif event not in WRITES:
            return False
        names = (each for each in arguments if isinstance(each, str | bytes | os.PathLike))
        paths = [os.fsdecode(each) for each in names]
        return any(path.startswith(self.store) for path in paths)

    @contextmanager
    def crash_after(self, last: int | None) -> Iterator[None]:
        """Within the context, count from 0, and crash after `last` writes."""
        self.count, self.last, self.on = 0, last, True
        try:
            yield
        finally:
            self.on = False


def table(rows: int) -> pl.DataFrame:
    """Return a table of three columns: heavy tails, two clusters, categories."""
    random = np.random.default_rng(0)
    clusters = np.where(random.random(rows) < 0.5, -4.0, 4.0)  # noqa: PLR2004 - equal shares
    return pl.DataFrame(
        {
            "tails": random.standard_t(3, rows).round(3),
            "clusters": clusters + random.normal(size=rows),
            "city": random.choice(["Lima", "Oslo", "Rome"], rows),
        }
    )


def call(*arguments: object) -> int:
    """Call `gmm-pipeline` in this process; return its exit status."""
    from gmm_pipeline.interfaces.cli.main import main

    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            return int(stop.code or 0)
    return 0


def problems(folder: Path, expected: pl.DataFrame) -> list[str]:
    """Call all readers of a fit; return the problems that they have or show."""
    found: list[str] = []
    fit = ("--fit", "sales", "--store", folder / "store")

    def compare(name: str, *command: object) -> None:
        encoded, back = folder / f"{name}.parquet", folder / "back.parquet"
        if call(*command, *fit, "--out", encoded):
            found.append(f"{name} failed")
            return
        if call("inverse", encoded, *fit, "--out", back):
            found.append(f"{name} cannot be decoded")
            return
        try:
            assert_frame_equal(pl.read_parquet(back), expected, abs_tol=1e-5)
        except AssertionError as error:
            found.append(f"{name} decodes to other rows: {error}")

    compare("export", "export")
    compare("wide", "export", "--wide")
    compare("transform", "transform", folder / "sales.parquet")
    found += _rows_without_one_mode(folder / "wide.parquet", expected.columns)
    for column in expected.columns:
        found += [f"show {column} failed"] if call("show", column, *fit) else []
    if call("report", *fit, "--out", folder / "report.html"):
        found.append("report failed")
    return found


def _rows_without_one_mode(path: Path, columns: list[str]) -> list[str]:
    """Return the columns of a wide table that have rows without a 1, or with several."""
    if not path.exists():
        return []
    ones = pl.read_parquet(path).select(
        pl.sum_horizontal(f"^{column}\\.rank_.*$").alias(column) for column in columns
    )
    return [
        f"rows of {column} do not have one mode" for column in columns if set(ones[column]) != {1}
    ]


def campaign(every: int, rows: int, progress: Callable[[str], None]) -> dict[str, object]:
    """Crash a refit at each `every`-th of its writes; return the problems at each."""
    writes = Writes()
    sys.addaudithook(writes.audit)
    expected, started = table(rows), time.perf_counter()
    wrong: dict[int, list[str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        first = Path(temporary) / "first"
        first.mkdir()
        os.environ["DAGSTER_HOME"] = str(_home(Path(temporary)))
        source = Path(temporary) / "sales.parquet"
        expected.write_parquet(source)
        store = ("--store", first / "store")
        if call("run", source, "--fit", "sales", *store):
            raise RuntimeError("the first run failed")
        crash = points = 0
        while True:
            folder = Path(temporary) / "work"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(first, folder, symlinks=True)
            shutil.copy2(source, folder / "sales.parquet")
            writes.store = str(folder / "store")
            arguments = ("run", source, "--fit", "sales", "--store", folder / "store")
            with writes.crash_after(crash):
                with suppress(Crash):
                    call(*arguments, *REFIT)
                total = writes.count
            points += 1
            found = [f"after the crash: {each}" for each in problems(folder, expected)]
            if call(*arguments, *REFIT[1:]):
                found.append("the completing run failed")
            found += [f"after completion: {each}" for each in problems(folder, expected)]
            if found:
                wrong[crash] = found
            progress(f"write {crash}: {'; '.join(found) or 'no problem'}")
            if total <= crash:
                break
            crash += every
    return {
        "points": points,
        "every": every,
        "columns": len(expected.columns),
        "rows": rows,
        "wrong": {str(point): found for point, found in wrong.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }


def _home(folder: Path) -> Path:
    from gmm_pipeline.orchestration.instance import prepare_home

    os.environ.pop("DAGSTER_HOME", None)
    return prepare_home(folder / "dagster_home")


def main() -> None:
    """Run the campaign; exit with 1 if there was a problem at any point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="crash only at each so-many-th write")
    parser.add_argument("--rows", type=int, default=300)
    arguments = parser.parse_args()
    found = campaign(arguments.every, arguments.rows, lambda text: print(text, flush=True))
    print(json.dumps(found, indent=2))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()

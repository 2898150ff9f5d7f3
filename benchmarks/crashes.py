"""Ends a refit of several columns at each of its writes, and looks at what readers then see.

A refit with other settings is ended at every point at which Python changes the store, as a killed
process would end: nothing is written after that. Then all readers are asked, `transform`,
`export`, `inverse`, `show` and `report`; then the run is completed, and they are asked again. A
reader sees the fit of before or the next one; it must never put together what was not made
together: the rows have to come back, and every row has one mode of its column.
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
"""Python's audit events of calls that change a file system, besides opening a file to write."""
REFIT = ("--refit", "--set", "max_modes=3", "--set", "seed=5")


class Crash(BaseException):
    """The end of the process; no handler of errors may catch it."""


@dataclass
class Writes:
    """Counts the writes to a store, and ends the process at one of them.

    Parameters
    ----------
    store : str
        Writes below this folder count.
    last : int or None
        The write at which the process ends; it and all later ones do not happen.
    """

    store: str = ""
    last: int | None = None
    count: int = 0
    on: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Count an event of Python's audit, if it is a write to the store."""
        if not self.on or not self._changes(event, arguments):
            return
        with self.lock:
            self.count += 1
            ended = self.last is not None and self.count > self.last
        if ended:
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
    def ending_at(self, last: int | None) -> Iterator[None]:
        """Count from 0, and end the process at a write, while this lasts."""
        self.count, self.last, self.on = 0, last, True
        try:
            yield
        finally:
            self.on = False


def table(rows: int) -> pl.DataFrame:
    """Return a table of numbers with heavy tails, of two clusters, and of categories."""
    random = np.random.default_rng(0)
    clusters = np.where(random.random(rows) < 0.5, -4.0, 4.0)  # noqa: PLR2004 - as many of each
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
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


def problems(folder: Path, expected: pl.DataFrame) -> list[str]:
    """Ask all readers of a fit, and return what does not belong together."""
    found: list[str] = []
    fit = ("--fit", "sales", "--store", folder / "store")

    def compare(name: str, *command: object) -> None:
        encoded, back = folder / f"{name}.parquet", folder / "back.parquet"
        if call(*command, *fit, "--out", encoded):
            found.append(f"{name} is refused")
            return
        if call("inverse", encoded, *fit, "--out", back):
            found.append(f"{name} cannot be decoded")
            return
        try:
            assert_frame_equal(pl.read_parquet(back), expected, abs_tol=1e-5)
        except AssertionError as error:
            found.append(f"{name} does not come back: {error}")

    compare("export", "export")
    compare("wide", "export", "--wide")
    compare("transform", "transform", folder / "sales.parquet")
    found += _rows_of_no_mode(folder / "wide.parquet", expected.columns)
    for column in expected.columns:
        found += [f"show {column} failed"] if call("show", column, *fit) else []
    if call("report", *fit, "--out", folder / "report.html"):
        found.append("report failed")
    return found


def _rows_of_no_mode(path: Path, columns: list[str]) -> list[str]:
    """Say which columns of a wide table have rows without a 1, or with several."""
    if not path.exists():
        return []
    ones = pl.read_parquet(path).select(
        pl.sum_horizontal(f"^{column}\\.rank_.*$").alias(column) for column in columns
    )
    return [f"rows of {column} have no mode" for column in columns if set(ones[column]) != {1}]


def campaign(every: int, rows: int, progress: Callable[[str], None]) -> dict[str, object]:
    """End a refit at each `every`-th of its writes; return what went wrong at each."""
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
        ended = points = 0
        while True:
            folder = Path(temporary) / "work"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(first, folder, symlinks=True)
            shutil.copy2(source, folder / "sales.parquet")
            writes.store = str(folder / "store")
            arguments = ("run", source, "--fit", "sales", "--store", folder / "store")
            with writes.ending_at(ended):
                with suppress(Crash):
                    call(*arguments, *REFIT)
                total = writes.count
            points += 1
            found = [f"after the end: {each}" for each in problems(folder, expected)]
            if call(*arguments, *REFIT[1:]):
                found.append("the completing run failed")
            found += [f"after completion: {each}" for each in problems(folder, expected)]
            if found:
                wrong[ended] = found
            progress(f"write {ended}: {'; '.join(found) or 'all belongs together'}")
            if total <= ended:
                break
            ended += every
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
    """Run the campaign; exit with 1 if a reader put together what does not belong together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="end at each such write only")
    parser.add_argument("--rows", type=int, default=300)
    arguments = parser.parse_args()
    found = campaign(arguments.every, arguments.rows, lambda text: print(text, flush=True))
    print(json.dumps(found, indent=2))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()

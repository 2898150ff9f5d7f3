"""What a person waits for on a new installation, and the second time: the class on a small table.

    uv run --group test python benchmarks/first_use.py

Each round has an empty cache of compiled code. A process imports the class, and fits, encodes and
decodes a table of five kinds of columns; a second process does the same with the cache that the
first one left.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from columns import COLUMNS
from measuring import Figures, conclude, markdown, parser_of, seconds

STEPS = ("import", "fit", "transform", "inverse_transform")
_USES = ("first", "second")


def use(rows: int) -> dict[str, float]:
    """Return the seconds of each step in this process, and how many functions it compiled."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame({name: draw(rng, rows) for name, draw in COLUMNS.items()})
    started = time.perf_counter()
    encoder = importlib.import_module("gmm_pipeline").TableEncoder()
    found = {"import": time.perf_counter() - started}
    event = importlib.import_module("numba.core.event")
    with event.install_recorder("numba:compile") as recorder:
        found["fit"] = seconds(encoder.fit, table)
        found["transform"] = seconds(lambda: encoder.transform(table).collect())
        encoded = encoder.transform(table)
        found["inverse_transform"] = seconds(lambda: encoder.inverse_transform(encoded).collect())
    return found | {"compiled": len(recorder.buffer) / 2}


def measure(rows: int, folder: Path | None) -> dict[str, dict[str, float]]:
    """Use the class twice, each time in a new process, with a cache that is empty at first."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        command = [sys.executable, __file__, "--use", str(rows)]
        runs = {
            name: subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
            for name in _USES
        }
    return {name: json.loads(run.stdout) for name, run in runs.items()}


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    found = figures.results["median"]
    rows = [
        [name, *(f"{found[name][step]:.1f}" for step in STEPS), f"{found[name]['all']:.1f}"]
        for name in _USES
    ]
    size = f"{figures.options['rows']:,} rows; {figures.options['repetitions']} repetitions."
    return f"{markdown(['seconds', *STEPS, 'all'], rows)}\n\n{size}"


def summary(rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Return the rounds, and the medians of each step and of all steps together."""
    for use_of_round in (found for each in rounds for found in each.values()):
        use_of_round["all"] = sum(use_of_round[step] for step in STEPS)
    medians = {
        name: {step: median(each[name][step] for each in rounds) for step in rounds[0][name]}
        for name in _USES
    }
    return {"median": medians, "rounds": rounds}


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = parser_of(__doc__, repetitions=3)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--use", type=int, metavar="ROWS", help="be one of the processes")
    options = parser.parse_args(arguments)
    if options.use:
        print(json.dumps(use(options.use)))
        return
    if options.quick:
        options.rows, options.repetitions = 20_000, 1
    rounds = [measure(options.rows, options.folder) for _ in range(options.repetitions)]
    conclude(Figures.here(options, summary(rounds)), report, options.json)


if __name__ == "__main__":
    main()

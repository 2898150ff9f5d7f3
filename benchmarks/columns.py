"""The columns to measure, drawn in pieces and written to Parquet by Polars."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Draw = Callable[[np.random.Generator, int], NDArray[np.generic] | pl.Series]

_CELLS_PER_FILE = 1 << 24
"""Of 8 bytes: each thread holds 134 MB, so tables of any length are written in little memory."""
_MIN_ROWS_PER_FILE = 1 << 18
"""A row group's, so that wide tables are not split into tiny row groups."""
_SHARE_OF_ZEROS = 0.6
"""As in many columns of amounts, where most rows are 0."""
_CATEGORIES = pl.Series([f"category {number}" for number in range(1000)])


def _mixed(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    return np.where(rng.random(rows) < _SHARE_OF_ZEROS, 0.0, np.exp(rng.normal(8, 1, rows)))


def _categories(rng: np.random.Generator, rows: int) -> pl.Series:
    # Frequencies of a heavy-tailed (Pareto) law, as those of words; every category occurs.
    return _CATEGORIES.gather(
        np.minimum(rng.pareto(0.5, rows), len(_CATEGORIES) - 1).astype(np.uint32)
    )


COLUMNS: Mapping[str, Draw] = {
    "heavy-tailed": lambda rng, rows: rng.standard_t(2, rows),
    "cents": lambda rng, rows: np.round(rng.lognormal(3, 1, rows), 2),
    "few integers": lambda rng, rows: rng.poisson(4, rows),
    "mixed": _mixed,
    "1,000 categories": _categories,
}
"""Student t(2), amounts of money, integers of few values, 60 % zeros with lognormals, strings."""


def write_table(folder: Path, columns: Mapping[str, Draw], rows: int, seed: int = 0) -> None:
    """Write columns to files in a new folder, in memory that does not depend on the rows."""
    folder.mkdir(parents=True)
    per_file = max(_CELLS_PER_FILE // len(columns), _MIN_ROWS_PER_FILE)

    def write(number: int) -> None:
        size = min(per_file, rows - number * per_file)
        rng = np.random.default_rng([seed, number])
        frame = pl.DataFrame({name: draw(rng, size) for name, draw in columns.items()})
        frame.write_parquet(folder / f"{number:05d}.parquet", compression="lz4")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(-(-rows // per_file))))

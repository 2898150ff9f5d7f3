"""Compiles the kernels that encode and decode in a second process, while columns are still fitted.

On a new installation Numba compiles for most of a minute, one kernel at a time, and the kernels of
encoding take as long as those of sketches and fits. Both processes leave the machine code in
Numba's cache, where the first one finds what the second one has compiled.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pyarrow as pa

from gmm_pipeline.arrow.column_codec import column_codec
from gmm_pipeline.core.coding.encode_rows import encode_sampled
from gmm_pipeline.core.modes.column_model import ColumnModel, EncodingRules, ValueDtype
from gmm_pipeline.core.modes.modes import AtomMode, GaussianMode, TailMode
from gmm_pipeline.core.modes.ranking import rank_modes
from gmm_pipeline.core.sketch.real_coordinate import RealCoordinate
from gmm_pipeline.core.sketch.sketch import Sketch, Specials, Tally
from gmm_pipeline.core.sketch.value_counts import ValueCounts

_NUMBERS = np.linspace(-2.0, 9.0, 64)
"""Rows in each mode of `_model`."""


def compile_ahead() -> None:
    """Start the process, unless the machine code is cached, cannot be, or there is one core."""
    if (os.cpu_count() or 1) > 1 and sys.executable and _is_missing(encode_sampled):
        process = subprocess.Popen(  # noqa: S603 - this module, by this interpreter
            [sys.executable, "-m", __name__],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # Nobody waits for it but the system, which keeps an ended process until somebody does.
        Thread(target=process.wait, daemon=True).start()


def compile_kernels() -> None:
    """Rank, encode, decode and compare a few rows in the types that most columns have."""
    for value_dtype in ("float32", "float64"):
        model = _model(value_dtype)
        counts = ValueCounts(_NUMBERS, np.ones(_NUMBERS.size, dtype=np.int64))
        ranking = rank_modes(model, Sketch(Tally(Specials(nulls=1), counts), RealCoordinate()))
        codec = column_codec(model, ranking, pa.field("x", pa.float64()))
        for rows in (pa.array(_NUMBERS), pa.array([*_NUMBERS, None, 100.0])):
            encoded = codec.encode(rows, 0)
            codec.compare(rows, encoded, 0)
            codec.decode(encoded, 0)


def _model(value_dtype: ValueDtype) -> ColumnModel:
    """Return the model of a column with modes of every type."""
    return ColumnModel(
        column="x",
        rows=_NUMBERS.size + 2,
        kind="mixed",
        reason="",
        gaussians=(GaussianMode(0.5, 0.0, 0.5), GaussianMode(0.5, 2.0, 1.0)),
        dropped=(),
        tails=(TailMode(6.0, 10.0, 2.0, 1, 0.99, 0.1),),
        atoms=(AtomMode(None, 0.01), AtomMode(100.0, 0.01)),
        rest=None,
        coordinate=RealCoordinate(),
        range=(-2.0, 9.0),
        fit=None,
        rules=EncodingRules(value_dtype=value_dtype),
    )


def _is_missing(kernel: Any) -> bool:
    """Whether Numba can cache a kernel's machine code, and has not yet."""
    cache = Path(kernel.stats.cache_path or os.devnull)
    index = f"{kernel.py_func.__module__.rpartition('.')[2]}.{kernel.py_func.__name__}-*.nbi"
    return os.access(cache.parent, os.W_OK) and not any(cache.glob(index))


if __name__ == "__main__":
    compile_kernels()

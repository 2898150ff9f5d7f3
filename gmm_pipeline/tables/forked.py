"""Polars in a forked process: it waits for ever for threads that the fork did not copy."""

from __future__ import annotations

import os
import threading
from functools import cache

import polars as pl

from gmm_pipeline.errors import PipelineError

_IMPORTED_IN = os.getpid()
_SECONDS = 1.0
"""Polars computes one row in milliseconds, if it can."""


def refuse_where_polars_hangs() -> None:
    """Raise PipelineError in a process that was forked from one that used Polars' threads."""
    if os.getpid() != _IMPORTED_IN and not _works(os.getpid()):
        raise PipelineError(
            "Polars hangs in a process that was forked from one that used it",
            remedy="Start processes by spawn or forkserver (multiprocessing.set_start_method), or "
            "use encode_batches and decode_batches, which do without Polars",
        )


@cache
def _works(process: int) -> bool:
    del process
    thread = threading.Thread(target=pl.LazyFrame({"x": [0]}).collect, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return not thread.is_alive()

"""The trial of a peer: fit and encode a column after a warm-up, and print the outcome as JSON.

Programs run in environments of their own, so they use only the standard library, NumPy and what the
peer brings.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

COLUMN = "x"
WARM_UP_ROWS = 20_000
"""Enough that everything is compiled and loaded: for fewer rows, we count every value."""
TOLERANCE = 1e-6
"""A value is lost if it comes back with a larger error, relative to its size or to 1.

Far above the rounding of float32 (6e-8), in which values are encoded.
"""


@dataclass(frozen=True)
class Trial:
    """Time, memory and outcome of a peer.

    Parameters
    ----------
    fit, encode : float
        Seconds.
    mean_log_likelihood : float
        Of all rows, in nats.
    lost : float or None
        Share of the values that do not come back; None if the peer does not decode.
    peak_memory : int or None
        Bytes of the process at its most, with the column in memory; None where the system does not
        tell.
    """

    fit: float
    encode: float
    mean_log_likelihood: float
    lost: float | None
    peak_memory: int | None


def conduct(
    fit: Callable[[Any], Any],
    encode: Callable[[Any, Any], Any],
    judge: Callable[[Any, Any, Any], tuple[float, float | None]],
    prepare: Callable[[Any], Any] = lambda x: x,
    child: Callable[[], int | None] = lambda: None,
) -> None:
    """Run a peer on the column of the file that the command line names, after one on few rows.

    Parameters
    ----------
    fit : callable
        Takes the prepared column, returns a model.
    encode : callable
        Takes model and column, returns the encoded column.
    judge : callable
        Takes model, column and encoded column, returns the mean log-likelihood and the share of
        values lost.
    prepare : callable
        Takes the column as an array, returns it in the form that the peer reads.
    child : callable
        Returns the id of a process that works for this one, whose memory counts too, or None.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path, help="the column, as NumPy saves it")
    x = np.load(parser.parse_args().file)
    few = prepare(x[:WARM_UP_ROWS])
    encode(fit(few), few)
    column = prepare(x)
    started = time.perf_counter()
    model = fit(column)
    fitted = time.perf_counter()
    encoded = encode(model, column)
    ended = time.perf_counter()
    own, other = peak_memory("self"), child()
    peak = own if own is None or other is None else own + (peak_memory(str(other)) or 0)
    sys.stdout.write(
        json.dumps(
            asdict(Trial(fitted - started, ended - fitted, *judge(model, column, encoded), peak))
        )
    )


def share_lost(before: Any, after: Any) -> float:
    """Return the share of values that did not come back."""
    before, after = np.asarray(before, dtype=float).ravel(), np.asarray(after, dtype=float).ravel()
    return float(np.mean(~(np.abs(after - before) <= TOLERANCE * np.maximum(np.abs(before), 1.0))))


def peak_memory(process: str) -> int | None:
    """Return the peak memory of a process in bytes; None if the system does not tell."""
    status = Path(f"/proc/{process}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), None)

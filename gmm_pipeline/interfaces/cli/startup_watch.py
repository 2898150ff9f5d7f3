"""Says what `ui` waits for while Dagster starts.

It is a process of its own, since Dagster takes over the one of `ui`, and needs nothing but Python,
so that it starts at once: `python -m gmm_pipeline.interfaces.cli.startup_watch HOST PORT PROCESS`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import suppress

_LOOK_EVERY = 0.5
"""Seconds between two looks whether Dagster answers or has ended."""


def watch(host: str, port: int, process: int, say_every: float) -> None:
    """Print a line now and then until a port is listened on, or a process has ended."""
    started = said = time.monotonic()
    while _is_alive(process) and not _answers(host, port):
        time.sleep(_LOOK_EVERY)
        now = time.monotonic()
        if now - said >= say_every:
            said = now
            print(  # noqa: T201 - it has no other output
                f"Dagster is still starting: it waits for its code server, which loads the "
                f"datasets ({now - started:.0f} s so far).",
                file=sys.stderr,
                flush=True,
            )


def _is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def _answers(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


if __name__ == "__main__":
    if os.fork():
        # Dagster would have to wait for a child that it does not know of.
        os._exit(0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    watch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))

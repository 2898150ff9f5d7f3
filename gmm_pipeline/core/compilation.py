"""Tells when Numba compiles kernels for long, as in the first run after an installation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

COMPILING = (
    "Compiling numerical code for this machine. The first run after an installation does this, for "
    "a minute or two in all; later runs take the code from a cache."
)
_SECONDS_UNTIL_TOLD = 3.0
"""A kernel takes up to some seconds. A single one, for a type of column that is new here, is not
worth a word."""


@contextmanager
def tell_compilation(tell: Callable[[str], None]) -> Iterator[None]:
    """Call a function, once, with a message for people if kernels are compiled for long meanwhile.

    It is called from another thread, or from the one that compiles.
    """
    # As kernels do: most commands and Dagster's servers need no Numba.
    from numba.core import event

    teller = _Teller(tell)

    class Listener(event.Listener):
        def on_start(self, _: event.Event) -> None:
            teller.start()

        def on_end(self, _: event.Event) -> None:
            teller.end()

    with event.install_listener("numba:compile", Listener()):
        yield


class _Teller:
    """Tells once that compilations take long; those of kernels within kernels count as one.

    Numba compiles one kernel at a time, but that can take half a minute on a busy machine.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tells = iter([tell])
        self._depth = 0
        self._started = 0.0
        self._patience = _SECONDS_UNTIL_TOLD
        self._timer: Timer | None = None

    def start(self) -> None:
        """Tell in a while, or now if other kernels took as long already."""
        self._depth += 1
        if self._depth > 1:
            return
        self._started = time.monotonic()
        if self._patience <= 0:
            self._tell()
        else:
            self._timer = Timer(self._patience, self._tell)
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """Count the time, and wait for another kernel."""
        self._depth -= 1
        if self._depth == 0:
            self._patience -= time.monotonic() - self._started
            if self._timer is not None:
                self._timer.cancel()

    def _tell(self) -> None:
        for tell in self._tells:
            tell(COMPILING)

"""Calls in several threads that are interrupted together: by Ctrl-C, and by SIGTERM."""

from __future__ import annotations

import signal
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from dagster._utils.interrupts import (
    capture_interrupts,
    check_captured_interrupt,
    raise_interrupts_as,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
_LOOK_EVERY = 0.1
"""Seconds: the system may hand a signal to any thread, and the main one does not wake from waiting
then.
"""


def call_at_once(
    calls: Sequence[Callable[[], T]],
    threads: int,
    stop: Callable[[], None],
    abandon: Callable[[], None],
) -> list[T]:
    """Make calls, at most so many at once; return what they return, in their order.

    Only the main thread can be interrupted from outside; the others have to look whether they are
    to end.

    Parameters
    ----------
    calls : sequence of callables
    threads : int
    stop : callable
        Lets the calls in work end soon; called at an interruption, or when one of them has failed.
        Others do not start.
    abandon : callable
        Called at a second interruption, before they have ended.
    """
    with ThreadPoolExecutor(threads) as pool, raise_interrupts_as(KeyboardInterrupt):
        # The pool loses a thread that it is just starting when it is interrupted.
        with capture_interrupts():
            futures = [pool.submit(call) for call in calls]
            interrupted = check_captured_interrupt()
        try:
            if interrupted:
                signal.raise_signal(signal.SIGINT)
            _wait_for_success(futures)
            return [future.result() for future in futures]
        except BaseException:
            try:
                pool.shutdown(wait=False, cancel_futures=True)
                stop()
                _wait_for_end([future for future in futures if not future.cancelled()])
            except KeyboardInterrupt:
                abandon()
            raise


def _wait_for_success(futures: Sequence[Future[T]]) -> None:
    """Wait until all have ended well; raise what the first that fails does."""
    pending = set(futures)
    while pending:
        ended, pending = wait(pending, _LOOK_EVERY, FIRST_COMPLETED)
        for future in ended:
            future.result()


def _wait_for_end(futures: Sequence[Future[T]]) -> None:
    """Wait until all have ended, well or not."""
    while wait(futures, _LOOK_EVERY).not_done:
        pass

"""Calls in several threads that are interrupted together: by Ctrl-C, and by SIGTERM."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from dagster._utils.interrupts import raise_interrupts_as

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def call_at_once(
    calls: Sequence[Callable[[], T]], threads: int, stop: Callable[[], None], abandon: Callable[[], None]
) -> list[T]:
    """Make calls, at most so many at once; return what they return, in their order.

    Only the main thread can be interrupted from outside; the others have to look whether they are to end.

    Parameters
    ----------
    calls : sequence of callables
    threads : int
    stop : callable
        Lets the calls in work end soon; called at an interruption, or when one of them has failed. Others do not start.
    abandon : callable
        Called at a second interruption, before they have ended.
    """
    with ThreadPoolExecutor(threads) as pool, raise_interrupts_as(KeyboardInterrupt):
        futures = [pool.submit(call) for call in calls]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            try:
                wait([future for future in futures if not future.cancelled()])
            except KeyboardInterrupt:
                abandon()
            raise

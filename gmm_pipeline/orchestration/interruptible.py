"""Calls in several threads that are interrupted together: by Ctrl-C, and by SIGTERM."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from dagster._utils.interrupts import capture_interrupts, check_captured_interrupt, raise_interrupts_as

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
        try:
            futures = _submitted(pool, calls)
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            try:
                pool.shutdown()
            except KeyboardInterrupt:
                abandon()
            raise


def _submitted(pool: ThreadPoolExecutor, calls: Sequence[Callable[[], T]]) -> list[Future[T]]:
    """Submit calls; an interruption meanwhile is raised afterwards, as the pool could lose a thread that it starts."""
    with capture_interrupts():
        futures = [pool.submit(call) for call in calls]
        interrupted = check_captured_interrupt()
    if interrupted:
        raise KeyboardInterrupt
    return futures

"""Calls in several threads that are interrupted as one in the main thread is: by Ctrl-C, and by SIGTERM."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, get_ident
from typing import TYPE_CHECKING, TypeVar

from dagster import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def call_at_once(calls: Sequence[Callable[[], T]], threads: int) -> list[T]:
    """Make calls, at most so many at once; return what they return, in their order.

    An interruption, or an error in one of them, raises DagsterExecutionInterruptedError in those that are in work, and
    ends this function once they have ended. Dagster takes it as it takes its own, which only the main thread gets.
    """
    working: set[int] = set()
    lock = Lock()

    def noted(call: Callable[[], T]) -> T:
        with lock:
            working.add(get_ident())
        try:
            return call()
        finally:
            with lock:
                working.discard(get_ident())

    with ThreadPoolExecutor(threads) as pool, raise_interrupts_as(KeyboardInterrupt):
        futures = [pool.submit(noted, call) for call in calls]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            with lock:
                for thread in working:
                    _raise_in(thread, DagsterExecutionInterruptedError)
            raise


def _raise_in(thread: int, error: type[BaseException]) -> None:
    """Raise an error in a thread once it runs Python code again."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))

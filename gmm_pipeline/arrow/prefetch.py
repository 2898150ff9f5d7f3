"""Prefetch the next item of an iterator in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """Yield items in their order; a thread computes the next one while the caller uses the last."""
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(_next, iterator)
        while item := coming.result():
            coming = thread.submit(_next, iterator)
            yield item[0]


def _next(iterator: Iterator[T]) -> tuple[T] | None:
    for item in iterator:
        # A tuple, so that items that count as false, such as an empty array, do not end the loop.
        return (item,)
    return None

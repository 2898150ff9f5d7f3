"""Prefetched items come in order, and an error while one is computed reaches the caller."""

import threading
from collections.abc import Iterator

import pytest

from gmm_pipeline.arrow.prefetch import prefetch


def test_items_come_in_their_order_even_if_they_count_as_false() -> None:
    items = [0, 1, None, "", 2, *range(100)]
    assert list(prefetch(items)) == items
    assert list(prefetch([])) == []


def test_the_next_item_is_computed_while_the_last_is_used() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    for item in prefetch(items()):
        if item == 1:
            assert made.wait(timeout=60)


def test_an_error_reaches_the_caller_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second item")

    seen = []
    with pytest.raises(ValueError, match="no second item"):
        seen.extend(prefetch(items()))
    coming = prefetch(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="no second item"):
        next(coming)


def test_a_caller_that_stops_early_leaves_nothing_running() -> None:
    before = threading.active_count()
    coming = prefetch(range(10))
    next(coming)
    coming.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before

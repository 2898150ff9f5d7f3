"""How loops over rows are compiled and cut up."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")

BLOCK = 1 << 10
"""Rows that are worked on together: what is known of them stays in a core's cache."""
LANES = 1 << 2
"""Counts that take turns, so that a row need not wait for the count of the one before it."""


def kernel(function: F) -> F:
    """Compile a numeric function with Numba at its first call; the result is cached on disk.

    The compiled code releases the GIL, so threads run it in parallel, and keeps IEEE semantics (no
    fast-math), so every engine gets the same bits.
    """
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))

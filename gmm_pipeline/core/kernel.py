"""How Numba compiles the loops over rows, and the sizes of the blocks that they work in."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")

BLOCK = 1 << 10
"""Rows of a block: its scratch arrays (8 kB each) stay in a core's cache between passes over it."""
LANES = 1 << 2
"""Copies of a table of counters that rows take in turn.

A row that increments the same counter as the one before it would wait for that addition.
"""


def kernel(function: F) -> F:
    """Compile a numeric function with Numba at its first call; the machine code is cached on disk.

    It releases the GIL, so threads run it in parallel. It keeps IEEE semantics (no `fastmath`), so
    that every engine and machine computes the same bits.
    """
    # error_model="numpy": a division by 0 gives inf or NaN, without a check in every loop.
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))

"""How loops over rows are compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")


def kernel(function: F) -> F:
    """Compile a numeric function with Numba at its first call; the result is cached on disk.

    The compiled code releases the GIL, so threads run it in parallel, and keeps IEEE semantics (no fast-math), so
    every engine gets the same bits.
    """
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))

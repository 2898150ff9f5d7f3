"""How Numba compiles the loops over rows, and the sizes of the blocks that they work in."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

F = TypeVar("F", bound="Callable[..., object]")
A = TypeVar("A", bound="NDArray[np.generic]")

BLOCK = 1 << 10
"""Rows of a block: its scratch arrays (8 kB each) stay in a core's cache between passes over it."""
LANES = 1 << 2
"""Copies of a table of counters that rows take in turn.

A row that increments the same counter as the one before it would wait for that addition.
"""


class _Kernel:
    """A numeric function that Numba compiles at its first call, which is when Numba is imported.

    Numba takes a third of a second to import, and most commands and Dagster's servers call no
    kernel.

    Attributes
    ----------
    py_func : callable
        The function, as Numba calls it in its own compiled functions.
    """

    def __init__(self, function: Callable[..., object]) -> None:
        update_wrapper(self, function)
        self.py_func = function

    def __call__(self, *arguments: object) -> object:
        return self._compiled(*arguments)

    @cached_property
    def _compiled(self) -> Any:
        import numba

        # error_model="numpy": a division by 0 gives inf or NaN, without a check in every loop.
        compiled = numba.njit(nogil=True, error_model="numpy")(self.py_func)
        # Without a folder of its own: one that others can write to is no place for machine code.
        with suppress(RuntimeError):
            compiled.enable_caching()
        return compiled

    @property
    def stats(self) -> Any:
        """What Numba says of the machine code in its cache."""
        return self._compiled.stats

    @property
    def _numba_type_(self) -> Any:
        """What this is to Numba where another kernel calls it: the compiled function."""
        return self._compiled._numba_type_


def kernel(function: F) -> F:
    """Compile a numeric function with Numba at its first call.

    The machine code is cached on disk, beside the source or in the home directory; where neither
    can be written to, as in many containers, each process compiles anew.

    It releases the GIL, so threads run it in parallel. It keeps IEEE semantics (no `fastmath`), so
    that every engine and machine computes the same bits.
    """
    return cast("F", _Kernel(function))


def read_only(array: A) -> A:
    """Return a view of an array that cannot be written to, as arrays from Arrow cannot.

    Numba compiles a kernel once for writable arrays and once for others; the largest kernels take
    all their rows as such views, and are compiled once.
    """
    view = array.view()
    view.flags.writeable = False
    return view

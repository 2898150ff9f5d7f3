import numba
import pytest

from gmm_pipeline.core import compilation
from gmm_pipeline.core.compilation import COMPILING, tell_compilation


def new_kernel() -> None:
    numba.njit(lambda x: x + 1)(1)


def test_long_compilations_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_SECONDS_UNTIL_TOLD", 0.0)
    told: list[str] = []

    with tell_compilation(told.append):
        new_kernel()
        new_kernel()

    assert told == [COMPILING]


def test_a_short_compilation_is_not_worth_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_SECONDS_UNTIL_TOLD", 3600.0)
    told: list[str] = []

    with tell_compilation(told.append):
        new_kernel()

    assert told == []


def test_what_is_compiled_already_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "_SECONDS_UNTIL_TOLD", 0.0)
    kernel = numba.njit(lambda x: x + 1)
    kernel(1)
    told: list[str] = []

    with tell_compilation(told.append):
        kernel(2)

    assert told == []

"""What a generative model has to put out for each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Span:
    """Consecutive outputs that share an activation: `tanh` for the value, `softmax` for the one-hot rank."""

    width: int
    activation: Literal["tanh", "softmax"]


@dataclass(frozen=True)
class ColumnSpans:
    """The spans of one column, in the order of the wide encoded table."""

    column: str
    value: Span
    rank: Span

    @classmethod
    def of(cls, column: str, n_modes: int) -> ColumnSpans:
        """Return the spans of a column with so many modes."""
        return cls(column, Span(1, "tanh"), Span(n_modes, "softmax"))

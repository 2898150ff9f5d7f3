"""The outputs of a generative model for each column, also in the formats of CTGAN and CTAB-GAN+."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from gmm_pipeline.arrow.model_document import fit_identity

if TYPE_CHECKING:
    from gmm_pipeline.store.fit_view import ColumnFit

Activation = Literal["tanh", "softmax"]


@dataclass(frozen=True)
class Span:
    """Consecutive outputs with one activation: `tanh` for a value, `softmax` for a one-hot rank."""

    width: int
    activation: Activation


@dataclass(frozen=True)
class ColumnSpans:
    """The spans of one column, in the order of the wide encoded table.

    Parameters
    ----------
    column : str
    value, rank : Span
    discrete : bool
        Whether every mode is an atom. Then the value is 0 in all rows, and a model need not learn
        it.
    identity : str
        Of the column's fit, as encoded tables name it; empty if any will do.
    """

    column: str
    value: Span
    rank: Span
    discrete: bool = False
    identity: str = ""

    @classmethod
    def of(
        cls, column: str, n_modes: int, *, discrete: bool = False, identity: str = ""
    ) -> ColumnSpans:
        """Return the spans of a column with so many modes."""
        return cls(column, Span(1, "tanh"), Span(n_modes, "softmax"), discrete, identity)

    @classmethod
    def of_fit(cls, column: str, fit: ColumnFit) -> ColumnSpans:
        """Return the spans of a fitted column."""
        model, identity = fit.stored.model, fit_identity(fit.stored, fit.ranking)
        return cls.of(column, model.n_modes, discrete=not model.n_continuous, identity=identity)

    @property
    def outputs(self) -> tuple[Span, ...]:
        """The spans that a model learns: the rank, preceded by the value unless discrete."""
        return (self.rank,) if self.discrete else (self.value, self.rank)


class SpanInfo(NamedTuple):
    """A span as the package `ctgan` describes it."""

    dim: int
    activation_fn: Activation


CtabGanSpan = tuple[int, Activation] | tuple[int, Activation, Literal["no_g"]]
"""A span as CTAB-GAN+ describes it; `no_g` marks the value of the ranks that follow."""


def ctgan_output_info(spans: Iterable[ColumnSpans]) -> list[list[SpanInfo]]:
    """Return the `output_info_list` of CTGAN and TVAE: the learned spans of each column."""
    return [[SpanInfo(span.width, span.activation) for span in column.outputs] for column in spans]


def ctab_gan_output_info(spans: Iterable[ColumnSpans]) -> list[CtabGanSpan]:
    """Return the `output_info` of CTAB-GAN+: one flat list, in which values are marked."""
    info: list[CtabGanSpan] = []
    for column in spans:
        if not column.discrete:
            info.append((column.value.width, "tanh", "no_g"))
        info.append((column.rank.width, "softmax"))
    return info

"""Batches of encoded rows as tensors, and the matrix that a model trains on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch

from gmm_pipeline.interfaces.matrix import MatrixLayout, NarrowRows
from gmm_pipeline.interfaces.spans import ColumnSpans


class EncodedBatch(NamedTuple):
    """Encoded rows: float32 values and int32 ranks, each of shape (n, n_columns)."""

    values: torch.Tensor
    ranks: torch.Tensor

    @classmethod
    def of(cls, rows: NarrowRows) -> EncodedBatch:
        """Return tensors that share the memory of narrow rows."""
        return cls(torch.from_numpy(rows.values), torch.from_numpy(rows.ranks))


class MatrixMaker:
    """Makes the matrix of a batch: each column's value, unless it is discrete, and one-hot rank.

    Batches are read and copied narrow, with a value and a rank a column; only the present batch is
    wide, and only on the device.

    Parameters
    ----------
    spans : iterable of ColumnSpans
        `TableEncoder.spans`.
    device : str or torch.device
    """

    def __init__(self, spans: Iterable[ColumnSpans], device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.layout = MatrixLayout.of(spans)
        self._with_value = torch.from_numpy(self.layout.with_value).to(self.device)
        self._value_positions = torch.from_numpy(self.layout.value_positions).to(self.device)
        self._rank_positions = torch.from_numpy(self.layout.rank_positions).to(self.device)

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return self.layout.width

    def __call__(self, batch: EncodedBatch) -> torch.Tensor:
        """Return the matrix of a batch, float32 of shape (n, width), on the device."""
        values = batch.values.to(self.device, non_blocking=True)
        ranks = batch.ranks.to(self.device, non_blocking=True)
        matrix = torch.zeros(len(ranks), self.width, device=self.device)
        matrix[:, self._value_positions] = values[:, self._with_value]
        return matrix.scatter_(1, ranks + self._rank_positions, 1.0)

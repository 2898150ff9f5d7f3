"""The matrix that a generative model trains on: for each column a value and a one-hot rank.

Discrete columns have no value, as it is 0 in all rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.arrow.encoded_rows import rank_name, value_name
from gmm_pipeline.errors import SourceError
from gmm_pipeline.interfaces.spans import ColumnSpans


@dataclass(frozen=True)
class NarrowRows:
    """Encoded rows: float32 values and int32 ranks, each of shape (n, n_columns)."""

    values: NDArray[np.float32]
    ranks: NDArray[np.int32]

    @classmethod
    def of(cls, batch: pa.RecordBatch, columns: Iterable[str]) -> Self:
        """Return columns of a batch of a narrow encoded table."""
        names = list(columns)
        values = np.empty((batch.num_rows, len(names)), dtype=np.float32)
        ranks = np.empty((batch.num_rows, len(names)), dtype=np.int32)
        for number, name in enumerate(names):
            values[:, number] = batch.column(value_name(name)).to_numpy()
            ranks[:, number] = batch.column(rank_name(name)).to_numpy()
        return cls(values, ranks)

    def frame(self, columns: Iterable[str]) -> pl.DataFrame:
        """Return the narrow table that `TableEncoder.inverse_transform` decodes."""
        parts: dict[str, NDArray[Any]] = {}
        for number, name in enumerate(columns):
            parts[value_name(name)] = self.values[:, number]
            parts[rank_name(name)] = self.ranks[:, number]
        return pl.DataFrame(parts)


@dataclass(frozen=True)
class MatrixLayout:
    """Where the values and ranks of each column are in the matrix.

    Parameters
    ----------
    columns : tuple of str
    widths : int64 array of shape (n_columns,)
        The number of ranks of each column.
    with_value : int64 array of shape (n_values,)
        The positions, in `columns`, of those that have a value.
    value_positions : int64 array of shape (n_values,)
        Where their values are in the matrix.
    rank_positions : int64 array of shape (n_columns,)
        Where the one-hot rank of each column starts in the matrix.
    width : int
        Width of the matrix.
    """

    columns: tuple[str, ...]
    widths: NDArray[np.int64]
    with_value: NDArray[np.int64]
    value_positions: NDArray[np.int64]
    rank_positions: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, spans: Iterable[ColumnSpans]) -> Self:
        """Return the layout of columns one after another."""
        spans = tuple(spans)
        widths = np.array(
            [sum(span.width for span in column.outputs) for column in spans], dtype=np.int64
        )
        starts = np.cumsum(widths) - widths
        discrete = np.array([column.discrete for column in spans], dtype=np.bool_)
        return cls(
            columns=tuple(column.column for column in spans),
            widths=np.array([column.rank.width for column in spans], dtype=np.int64),
            with_value=np.flatnonzero(~discrete),
            value_positions=starts[~discrete],
            rank_positions=starts + ~discrete,
            width=int(widths.sum()),
        )

    def widen(self, rows: NarrowRows) -> NDArray[np.float32]:
        """Return narrow rows as a matrix, float32 of shape (n, width)."""
        matrix = np.zeros((len(rows.ranks), self.width), dtype=np.float32)
        matrix[:, self.value_positions] = rows.values[:, self.with_value]
        np.put_along_axis(matrix, self.rank_positions + rows.ranks, 1, axis=1)
        return matrix

    def narrow(self, matrix: NDArray[np.floating]) -> NarrowRows:
        """Return a matrix of real or generated rows as narrow rows.

        The rank of a column is the one with the largest entry.

        Raises
        ------
        SourceError
            If the matrix has another width.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.width:  # noqa: PLR2004
            raise SourceError(
                f"a matrix of shape {matrix.shape} does not have the {self.width} columns of the "
                "encoded table",
                remedy="Decode with the encoder that the rows were generated for",
            )
        values = np.zeros((len(matrix), len(self.columns)), dtype=np.float32)
        values[:, self.with_value] = matrix[:, self.value_positions]
        ranks = np.empty(values.shape, dtype=np.int32)
        for number, (start, width) in enumerate(zip(self.rank_positions, self.widths, strict=True)):
            ranks[:, number] = np.argmax(matrix[:, start : start + width], axis=1)
        return NarrowRows(values, ranks)

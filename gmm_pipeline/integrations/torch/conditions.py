"""CTGAN's training by sampling, on a stream of rows instead of a table in memory.

Source: Xu et al. 2019, "Modeling tabular data using conditional GAN", section 4.3.

CTGAN draws a discrete column, then one of its categories by log-frequency, then a row that has this
category, for which it keeps the row numbers of every category. Here each category keeps a pool of a
few rows instead:

- One pass over the table counts the categories and fills each pool with a random sample of the rows
  that have the category.
- Then each row of the stream enters one pool, that of its category in a random column, and replaces
  the row that has been in it longest. As many rows are drawn as came in, each from the pool of a
  condition. A pool that holds all rows of its category never changes.

The conditions of each batch have CTGAN's distribution, and in an epoch each row is drawn as often,
in expectation, as by CTGAN: rows enter a pool at the frequency f of its category and are drawn from
it at the category's probability p, which makes p / f draws for each entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gmm_pipeline.core.kernel import kernel
from gmm_pipeline.core.uniform_draw import DrawKey, uniform
from gmm_pipeline.errors import SettingsError, did_you_mean
from gmm_pipeline.integrations.torch.rows import EncodedRows
from gmm_pipeline.integrations.torch.tensors import EncodedBatch
from gmm_pipeline.interfaces.matrix import NarrowRows


class ConditionedRows(NamedTuple):
    """Rows, and the condition of each: a category of a column.

    `column` (int64, a position in `Conditions.columns`) and `category` (int64, a rank) are the
    condition of each row; `code` (int64) is its position in the conditional vector. All have shape
    (n,).
    """

    rows: EncodedBatch
    column: torch.Tensor
    category: torch.Tensor
    code: torch.Tensor


class Conditions:
    """Draws conditions by log-frequency, and rows that have them, from a stream of batches.

    It reads the table once when it is created. Draws depend on the seed and on the batches so far.

    Parameters
    ----------
    rows : EncodedRows
    columns : sequence of str, optional
        The columns to condition on; by default the discrete ones, as in CTGAN. CTAB-GAN+ conditions
        on all columns.
    pool_rows : int
        Rows in all pools together, each of 8 bytes a column: 21 MB for 20 columns by
        default.
    seed : int

    Raises
    ------
    SettingsError
        If there are no such columns, or `pool_rows` are too few for a row of every category.

    Examples
    --------
    >>> conditions = Conditions(rows)
    >>> for batch in DataLoader(rows, batch_size=None):
    ...     drawn = conditions.draw(batch)
    ...     real = torch.cat([matrix_of(drawn.rows), conditions.vector(drawn.code)], dim=1)
    """

    def __init__(
        self,
        rows: EncodedRows,
        columns: Sequence[str] | None = None,
        *,
        pool_rows: int = 1 << 17,
        seed: int = 0,
    ) -> None:
        self.columns = _columns_to_condition_on(rows, columns)
        self._numbers = np.array(
            [rows.columns.index(column) for column in self.columns], dtype=np.int64
        )
        widths = np.array(
            [rows.spans[number].rank.width for number in self._numbers], dtype=np.int64
        )
        self._starts = np.cumsum(widths) - widths
        self._column_of = np.repeat(np.arange(widths.size), widths)
        self.width = int(widths.sum())
        depths = pool_rows // widths.size // widths
        if depths.min() < 1:
            raise SettingsError(
                f"{int(widths.max()):,} categories do not fit in pools of {pool_rows:,} rows for "
                f"{widths.size} columns",
                remedy="Raise pool_rows, or name fewer columns",
            )
        self._depths = np.repeat(depths, widths)
        self._bases = np.cumsum(self._depths) - self._depths
        self._entered = np.zeros(self.width, dtype=np.int64)
        self._counts = np.zeros(self.width, dtype=np.int64)
        self._rng = np.random.default_rng(seed)
        shape = (int(self._depths.sum()), len(rows.columns))
        self._pools = NarrowRows(np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.int32))
        self._fill(rows, DrawKey.of(seed, "pools"))
        self._by_log_frequency = self._cumulative(np.log1p(self._counts))
        self._by_frequency = self._cumulative(self._counts)

    @property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Rows of the table by rank, for each column that is conditioned on."""
        return dict(zip(self.columns, np.split(self._counts, self._starts[1:]), strict=True))

    def draw(self, batch: EncodedBatch) -> ConditionedRows:
        """Let a batch enter the pools; draw as many conditions, and rows that have them.

        Conditions are drawn by log-frequency.
        """
        self.take_in(batch)
        codes = self._codes(self._by_log_frequency, len(batch.ranks))
        columns = self._column_of[codes]
        categories = codes - self._starts[columns]
        return ConditionedRows(
            EncodedBatch.of(self.rows_with(columns, categories)),
            torch.from_numpy(columns),
            torch.from_numpy(categories),
            torch.from_numpy(codes),
        )

    def take_in(self, batch: EncodedBatch) -> None:
        """Let each row enter the pool of its category in a random column."""
        ranks = batch.ranks.numpy()
        columns = self._rng.integers(len(self.columns), size=len(ranks))
        codes = self._starts[columns] + ranks[np.arange(len(ranks)), self._numbers[columns]]
        _enter(
            batch.values.numpy(),
            ranks,
            codes,
            self._counts > self._depths,
            self._depths,
            self._bases,
            self._entered,
            self._pools.values,
            self._pools.ranks,
        )

    def rows_with(
        self, columns: NDArray[np.integer], categories: NDArray[np.integer]
    ) -> NarrowRows:
        """Draw a row for each condition.

        Parameters
        ----------
        columns, categories : int arrays of shape (n,)
            As in `ConditionedRows`.
        """
        codes = self._starts[columns] + categories
        slots = self._bases[codes] + self._rng.integers(
            np.minimum(self._counts[codes], self._depths[codes])
        )
        return NarrowRows(self._pools.values[slots], self._pools.ranks[slots])

    def like_the_data(self, n: int) -> torch.Tensor:
        """Draw n conditions by the table's own frequencies, to generate rows with.

        Returns their codes, int64 of shape (n,).
        """
        return torch.from_numpy(self._codes(self._by_frequency, n))

    def vector(self, code: torch.Tensor, device: str | torch.device = "cpu") -> torch.Tensor:
        """Return the conditional vectors of codes on a device, float32 of shape (n, width)."""
        code = code.to(device)
        return torch.zeros(len(code), self.width, device=device).scatter_(1, code.unsqueeze(1), 1.0)

    def _codes(self, cumulative: NDArray[np.float64], n: int) -> NDArray[np.int64]:
        return np.searchsorted(cumulative, self._rng.random(n), side="right").astype(np.int64)

    def _cumulative(self, shares: NDArray[np.floating] | NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the cumulative probabilities of all codes.

        All columns are equally likely, and the categories of a column in proportion to `shares`.
        """
        totals = np.add.reduceat(shares, self._starts)
        cumulative = np.cumsum(shares / totals[self._column_of])
        normalised: NDArray[np.float64] = cumulative / cumulative[-1]
        return normalised

    def _fill(self, rows: EncodedRows, key: DrawKey) -> None:
        first_row = 0
        for chunk in rows.in_order():
            _collect(
                chunk.values,
                chunk.ranks,
                self._numbers,
                self._starts,
                self._depths,
                self._bases,
                np.uint64(key.first),
                np.uint64(key.second),
                np.uint64(first_row),
                self._counts,
                self._pools.values,
                self._pools.ranks,
            )
            first_row += len(chunk.ranks)


def _columns_to_condition_on(rows: EncodedRows, columns: Sequence[str] | None) -> tuple[str, ...]:
    if columns is None:
        columns = [span.column for span in rows.spans if span.discrete]
    if not columns:
        raise SettingsError(
            "the table has no discrete column to condition on",
            remedy="Name columns, or train without conditions",
        )
    for column in columns:
        if column not in rows.columns:
            raise SettingsError(
                f"there is no column {column!r}", remedy=did_you_mean(column, rows.columns)
            )
    return tuple(columns)


@kernel
def _collect(
    values: NDArray[np.float32],
    ranks: NDArray[np.int32],
    numbers: NDArray[np.int64],
    starts: NDArray[np.int64],
    depths: NDArray[np.int64],
    bases: NDArray[np.int64],
    first_key: np.uint64,
    second_key: np.uint64,
    first_row: np.uint64,
    counts: NDArray[np.int64],
    pool_values: NDArray[np.float32],
    pool_ranks: NDArray[np.int32],
) -> None:
    """Count the categories of rows, and keep a uniform sample of the rows of each.

    By algorithm R of Vitter 1985, "Random sampling with a reservoir".
    """
    for i in range(ranks.shape[0]):
        for c in range(numbers.size):
            code = starts[c] + ranks[i, numbers[c]]
            slot = counts[code]
            if slot >= depths[code]:
                draw = (first_row + np.uint64(i)) * np.uint64(numbers.size) + np.uint64(c)
                slot = np.int64(uniform(first_key, second_key, draw) * (counts[code] + 1))
            counts[code] += 1
            if slot < depths[code]:
                pool_values[bases[code] + slot] = values[i]
                pool_ranks[bases[code] + slot] = ranks[i]


@kernel
def _enter(
    values: NDArray[np.float32],
    ranks: NDArray[np.int32],
    codes: NDArray[np.int64],
    changing: NDArray[np.bool_],
    depths: NDArray[np.int64],
    bases: NDArray[np.int64],
    entered: NDArray[np.int64],
    pool_values: NDArray[np.float32],
    pool_ranks: NDArray[np.int32],
) -> None:
    """Replace, for each row, the one that has been in its pool longest."""
    for i in range(codes.size):
        code = codes[i]
        if changing[code]:
            slot = bases[code] + entered[code] % depths[code]
            entered[code] += 1
            pool_values[slot] = values[i]
            pool_ranks[slot] = ranks[i]

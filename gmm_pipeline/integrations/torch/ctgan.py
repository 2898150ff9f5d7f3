"""CTGAN of the package `ctgan`, trained on a stream of encoded rows, for tables beyond memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_pipeline.errors import SettingsError
from gmm_pipeline.integrations.ctgan import EncodedCTGAN, EncoderAsTransformer
from gmm_pipeline.integrations.torch.conditions import Conditions
from gmm_pipeline.integrations.torch.rows import EncodedRows
from gmm_pipeline.integrations.torch.tensors import EncodedBatch
from gmm_pipeline.interfaces.matrix import MatrixLayout, NarrowRows
from gmm_pipeline.interfaces.table_encoder import TableEncoder


class Feed:
    """Stands in for the matrix of all rows, which CTGAN would hold in memory.

    CTGAN asks the matrix for three things only: its shape, the sums of its discrete columns, and
    rows that have certain categories. The rows come from the pools of `Conditions`.

    Parameters
    ----------
    rows : EncodedRows
    pool_rows : int
    """

    def __init__(self, rows: EncodedRows, pool_rows: int) -> None:
        self._rows = rows
        self._layout = MatrixLayout.of(rows.spans)
        discrete = any(span.discrete for span in rows.spans)
        self._conditions = (
            Conditions(rows, pool_rows=pool_rows, seed=rows.seed) if discrete else None
        )
        self._batches = self._repeat_epochs()
        self._sums = np.zeros((1, self._layout.width))
        for column, counts in (self._conditions.counts if self._conditions else {}).items():
            start = self._layout.rank_positions[rows.columns.index(column)]
            self._sums[0, start : start + counts.size] = counts

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return self._rows.rows, self._layout.width

    def __len__(self) -> int:
        return self._rows.rows

    def __getitem__(self, key: Any) -> NDArray[np.float64]:
        """Index a matrix of one row that holds the sums of the columns."""
        sums: NDArray[np.float64] = self._sums[key]
        return sums

    def sample(
        self, columns: NDArray[np.integer] | None, categories: NDArray[np.integer] | None
    ) -> NDArray[np.float32]:
        """Return rows that have the given categories, or any rows, after reading a batch."""
        batch = next(self._batches)
        if self._conditions is None or columns is None or categories is None:
            return self._layout.widen(NarrowRows(batch.values.numpy(), batch.ranks.numpy()))
        self._conditions.take_in(batch)
        return self._layout.widen(self._conditions.rows_with(columns, categories))

    def _repeat_epochs(self) -> Iterator[EncodedBatch]:
        """Yield full batches, epoch after epoch."""
        while True:
            yield from (batch for batch in self._rows if len(batch.ranks) == self._rows.batch_size)
            self._rows.set_epoch(self._rows.epoch + 1)


class _FeedAsMatrix(EncoderAsTransformer):
    def fit(self, raw_data: object, discrete_columns: object = ()) -> None:
        """Do nothing: the rows are encoded already."""

    def transform(self, raw_data: Any) -> Any:
        """Return the feed as it is."""
        return raw_data


def _sample_feed(
    feed: Feed, _n: int, columns: NDArray[np.integer] | None, categories: NDArray[np.integer] | None
) -> NDArray[np.float32]:
    return feed.sample(columns, categories)


class StreamedCTGAN(EncodedCTGAN):
    """CTGAN that trains on a stream of encoded rows and samples rows of the table.

    Parameters
    ----------
    encoder : TableEncoder
        The encoder of the rows.
    options
        Options of `ctgan.CTGAN`.

    Examples
    --------
    >>> rows = EncodedRows("encoded.parquet", encoder.spans, batch_size=500)
    >>> model = StreamedCTGAN(encoder, batch_size=500, epochs=10)
    >>> model.fit(rows)
    """

    def __init__(self, encoder: TableEncoder, **options: Any) -> None:
        super().__init__(encoder, **options)
        self._encoder_as_transformer = _FeedAsMatrix(encoder)

    def fit(self, rows: EncodedRows, *, pool_rows: int = 1 << 17) -> None:
        """Train on a stream of rows.

        Parameters
        ----------
        rows : EncodedRows
            All columns of the encoder, in batches of the model's batch size.
        pool_rows : int
            As for `Conditions`.

        Raises
        ------
        SettingsError
            If columns are missing, the batch size differs, or the rows do not fill a batch.
        """
        if rows.spans != self._encoder_as_transformer.encoder.spans:
            raise SettingsError(
                "the rows and the encoder have different columns",
                remedy="Give EncodedRows the encoder's spans",
            )
        if rows.batch_size != self._batch_size or rows.rows < rows.batch_size:
            raise SettingsError(
                f"{rows.rows:,} rows in batches of {rows.batch_size} do not fill the model's "
                f"batches of {self._batch_size}",
                remedy="Give both the same batch_size, at most the number of rows",
            )
        super().fit(Feed(rows, pool_rows))

    def _adapt(self, sampler: Any) -> None:
        super()._adapt(sampler)
        sampler.sample_data = _sample_feed

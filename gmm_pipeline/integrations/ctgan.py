"""CTGAN and TVAE of the package `ctgan`, trained on tables as a TableEncoder encodes them.

Both make a transformer of their own at every fit and keep it in an attribute. Here that attribute
stays what it was given at first, so that their fit and sample run as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.arrow.column_types import cast_to_field
from gmm_pipeline.errors import StoreError, did_you_mean
from gmm_pipeline.interfaces.matrix import MatrixLayout, NarrowRows
from gmm_pipeline.interfaces.spans import SpanInfo, ctgan_output_info

if TYPE_CHECKING:
    from gmm_pipeline.interfaces.table_encoder import TableEncoder
    from gmm_pipeline.tables.user_tables import Table

try:
    from ctgan import CTGAN, TVAE
except ModuleNotFoundError as error:
    if error.name != "ctgan":
        raise
    raise ModuleNotFoundError(
        "gmm_pipeline.integrations.ctgan needs the package `ctgan`", name="ctgan"
    ) from error


class EncoderAsTransformer:
    """A table encoder in the place of ctgan's `DataTransformer`.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted, or to be fitted to the rows that the model trains on.
    """

    def __init__(self, encoder: TableEncoder) -> None:
        self.encoder = encoder

    @property
    def output_info_list(self) -> list[list[SpanInfo]]:
        """The spans of each column."""
        return ctgan_output_info(self.encoder.spans)

    @property
    def output_dimensions(self) -> int:
        """Columns of the matrix."""
        return self._layout.width

    def fit(self, raw_data: Table, discrete_columns: object = ()) -> None:
        """Fit the encoder, unless it is fitted; it knows by itself which columns are discrete."""
        del discrete_columns
        if not self.encoder.columns:
            self.encoder.fit(raw_data)

    def transform(self, raw_data: Table) -> NDArray[np.float32]:
        """Return rows as the matrix that the model trains on, shape (n, output_dimensions)."""
        layout = self._layout
        batches = self.encoder.encode_batches(raw_data)
        return np.concatenate(
            [layout.widen(NarrowRows.of(batch, layout.columns)) for batch in batches]
        )

    def inverse_transform(
        self, data: NDArray[np.floating], sigmas: NDArray[np.floating] | None = None
    ) -> pl.DataFrame:
        """Return rows of the matrix as rows of the table, in its own types.

        Parameters
        ----------
        data : array of shape (n, output_dimensions)
        sigmas : array of shape (output_dimensions,), optional
            Standard deviations of the noise that is added to values, as TVAE learns them.
        """
        layout = self._layout
        if sigmas is not None:
            data = data.copy()
            # ctgan seeds the global generator around its calls.
            noise = np.random.normal(size=(len(data), layout.value_positions.size))  # noqa: NPY002
            noisy = data[:, layout.value_positions] + noise * sigmas[layout.value_positions]
            data[:, layout.value_positions] = np.clip(noisy, -1, 1)
        narrow = layout.narrow(data).frame(layout.columns)
        return self.encoder.inverse_transform(narrow).collect()

    def convert_column_name_value_to_id(self, column_name: str, value: object) -> dict[str, int]:
        """Return the numbers of a discrete column and of one of its categories.

        Raises
        ------
        StoreError
            If no discrete column has that name.
        ColumnDataError
            If the column does not have the category.
        """
        discrete = [span.column for span in self.encoder.spans if span.discrete]
        if column_name not in discrete:
            raise StoreError(
                f"{column_name!r} is no discrete column", remedy=did_you_mean(column_name, discrete)
            )
        codec = self.encoder.codecs()[column_name]
        category = cast_to_field(pa.array([value]), codec.field)
        return {
            "discrete_column_id": discrete.index(column_name),
            "column_id": self.encoder.columns.index(column_name),
            "value_id": int(codec.encode(category, 0).rank[0]),
        }

    @property
    def _layout(self) -> MatrixLayout:
        return MatrixLayout.of(self.encoder.spans)


class EncodedCTGAN(CTGAN):
    """CTGAN that trains on the rows of an encoder and samples rows of its table.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted, or fitted to the rows that `fit` is given.
    options
        Those of `ctgan.CTGAN`, such as `epochs`, `batch_size` and `verbose`.

    Examples
    --------
    >>> model = EncodedCTGAN(TableEncoder(extremes="clip"), epochs=100)
    >>> model.fit("table.parquet")
    >>> synthetic = model.sample(1000)  # polars.DataFrame
    """

    def __init__(self, encoder: TableEncoder, **options: Any) -> None:
        self._encoder_as_transformer = EncoderAsTransformer(encoder)
        super().__init__(**options)

    @property
    def _transformer(self) -> EncoderAsTransformer:
        return self._encoder_as_transformer

    @_transformer.setter
    def _transformer(self, _made_by_ctgan: object) -> None:
        """Keep the encoder."""

    @property
    def _data_sampler(self) -> Any:
        return self._sampler

    @_data_sampler.setter
    def _data_sampler(self, sampler: Any) -> None:
        if sampler is not None:
            self._adapt(sampler)
        self._sampler = sampler

    def _adapt(self, sampler: Any) -> None:
        """Change ctgan's sampler of conditions and rows before it is used."""
        # ctgan 0.12 never fills these, and would condition on a category of the first column
        # instead.
        sampler._discrete_column_matrix_st = sampler._discrete_column_cond_st  # noqa: SLF001

    def _validate_discrete_columns(self, *_: object) -> None:
        """Accept every table: the encoder knows which columns are discrete."""

    def _validate_null_data(self, *_: object) -> None:
        """Accept nulls: they are modes."""


class EncodedTVAE(TVAE):
    """TVAE that trains on the rows of an encoder and samples rows of its table.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted, or fitted to the rows that `fit` is given.
    options
        Those of `ctgan.TVAE`, such as `epochs` and `batch_size`.
    """

    def __init__(self, encoder: TableEncoder, **options: Any) -> None:
        self._encoder_as_transformer = EncoderAsTransformer(encoder)
        super().__init__(**options)

    @property
    def transformer(self) -> EncoderAsTransformer:
        """What stands between the table and the model."""
        return self._encoder_as_transformer

    @transformer.setter
    def transformer(self, _made_by_ctgan: object) -> None:
        """Keep the encoder."""

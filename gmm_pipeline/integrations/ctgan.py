"""CTGAN and TVAE of the package `ctgan`, trained on tables that a TableEncoder encodes.

Both create their own transformer in every `fit` and assign it to an attribute. Here that attribute
ignores the assignment and returns our encoder, so that their `fit` and `sample` need no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from gmm_pipeline.arrow.exact_cast import cast_to_field
from gmm_pipeline.errors import StoreError, did_you_mean
from gmm_pipeline.interfaces.matrix import MatrixLayout, NarrowRows
from gmm_pipeline.interfaces.spans import SpanInfo, ctgan_output_info

if TYPE_CHECKING:
    from gmm_pipeline.interfaces.table_encoder import TableEncoder
    from gmm_pipeline.tables.table_forms import Table

try:
    from ctgan import CTGAN, TVAE
except ModuleNotFoundError as error:
    if error.name != "ctgan":
        raise
    raise ModuleNotFoundError(
        "gmm_pipeline.integrations.ctgan needs the package `ctgan`", name="ctgan"
    ) from error


class EncoderAsTransformer:
    """A table encoder with the interface of ctgan's `DataTransformer`.

    Parameters
    ----------
    encoder : TableEncoder
        If it is not fitted yet, `fit` fits it to the rows that the model trains on.
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
        """Fit the encoder, unless it is fitted; it finds the discrete columns itself."""
        del discrete_columns
        if not self.encoder.columns:
            self.encoder.fit(raw_data)

    def transform(self, raw_data: Table) -> NDArray[np.float32]:
        """Return rows as the matrix that the model trains on, of shape (n, output_dimensions)."""
        layout = self._layout
        batches = self.encoder.encode_batches(raw_data)
        return np.concatenate(
            [layout.widen(NarrowRows.of(batch, layout.columns)) for batch in batches]
        )

    def inverse_transform(
        self, data: NDArray[np.floating], sigmas: NDArray[np.floating] | None = None
    ) -> pl.DataFrame:
        """Decode rows of the matrix to rows of the table, in the table's types.

        Parameters
        ----------
        data : array of shape (n, output_dimensions)
        sigmas : array of shape (output_dimensions,), optional
            Standard deviations of the noise that TVAE adds to values, as it learned them.
        """
        layout = self._layout
        if sigmas is not None:
            data = data.copy()
            # NumPy's global generator, because ctgan seeds that one for each call.
            noise = np.random.normal(size=(len(data), layout.value_positions.size))  # noqa: NPY002
            noisy = data[:, layout.value_positions] + noise * sigmas[layout.value_positions]
            data[:, layout.value_positions] = np.clip(noisy, -1, 1)
        narrow = layout.narrow(data).frame(layout.columns)
        return self.encoder.inverse_transform(narrow).collect()

    def convert_column_name_value_to_id(self, column_name: str, value: object) -> dict[str, int]:
        """Return the positions of a discrete column and of one of its categories.

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
                f"{column_name!r} is not a discrete column",
                remedy=did_you_mean(column_name, discrete),
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
    """CTGAN that trains on encoded rows and samples rows of the table.

    Parameters
    ----------
    encoder : TableEncoder
        If it is not fitted yet, the model's `fit` fits it to the rows that it is given.
    options
        Options of `ctgan.CTGAN`, such as `epochs`, `batch_size` and `verbose`.

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
    def _transformer(self, _ctgan_transformer: object) -> None:
        """Ignore ctgan's own transformer."""

    @property
    def _data_sampler(self) -> Any:
        return self._sampler

    @_data_sampler.setter
    def _data_sampler(self, sampler: Any) -> None:
        if sampler is not None:
            self._adapt(sampler)
        self._sampler = sampler

    def _adapt(self, sampler: Any) -> None:
        """Correct ctgan's sampler of conditions and rows before ctgan uses it."""
        # ctgan 0.12 never fills this matrix, so it would always condition on the first column.
        sampler._discrete_column_matrix_st = sampler._discrete_column_cond_st  # noqa: SLF001

    def _validate_discrete_columns(self, *_: object) -> None:
        """Accept every table: the encoder knows which columns are discrete."""

    def _validate_null_data(self, *_: object) -> None:
        """Accept nulls: they are modes."""


class EncodedTVAE(TVAE):
    """TVAE that trains on encoded rows and samples rows of the table.

    Parameters
    ----------
    encoder : TableEncoder
        If it is not fitted yet, the model's `fit` fits it to the rows that it is given.
    options
        Options of `ctgan.TVAE`, such as `epochs` and `batch_size`.
    """

    def __init__(self, encoder: TableEncoder, **options: Any) -> None:
        self._encoder_as_transformer = EncoderAsTransformer(encoder)
        super().__init__(**options)

    @property
    def transformer(self) -> EncoderAsTransformer:
        """The encoder, by the interface of ctgan's transformers."""
        return self._encoder_as_transformer

    @transformer.setter
    def transformer(self, _ctgan_transformer: object) -> None:
        """Ignore ctgan's own transformer."""

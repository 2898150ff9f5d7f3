"""`TableEncoder` with its default settings, to compare peers with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from trial import COLUMN, conduct, share_lost

from gmm_pipeline import TableEncoder
from gmm_pipeline.core.mixture.mixture import Mixture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fit(frame: pl.DataFrame) -> TableEncoder:
    """Fit a column."""
    return TableEncoder().fit(frame)


def encode(encoder: TableEncoder, frame: pl.DataFrame) -> pl.DataFrame:
    """Encode it in memory."""
    return encoder.transform(frame).collect()


def judge(encoder: TableEncoder, frame: pl.DataFrame, encoded: pl.DataFrame) -> tuple[float, float]:
    """Return the mean log-likelihood and the share of values lost."""
    gaussians = encoder.model(COLUMN).gaussians
    parameters = zip(*((mode.weight, mode.mean, mode.std) for mode in gaussians), strict=True)
    mixture = Mixture(*(pl.Series(values).to_numpy() for values in parameters))
    back = encoder.inverse_transform(encoded).collect()[COLUMN]
    return mixture.mean_log_likelihood(frame[COLUMN].to_numpy()), share_lost(frame[COLUMN], back)


def prepare(x: NDArray[np.float64]) -> pl.DataFrame:
    """Return the column as a table."""
    return pl.DataFrame({COLUMN: x})


conduct(fit, encode, judge, prepare)

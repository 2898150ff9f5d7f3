"""The codec of a fitted column."""

from __future__ import annotations

import pyarrow as pa

from gmm_pipeline.arrow.column_codec import ColumnCodec
from gmm_pipeline.arrow.label_codec import LabelCodec
from gmm_pipeline.arrow.number_codec import NumberCodec
from gmm_pipeline.core.modes.modes import ColumnModel
from gmm_pipeline.core.modes.ranks import Ranking


def column_codec(model: ColumnModel, ranking: Ranking, field: pa.Field) -> ColumnCodec:
    """Return the codec of a fitted column of the given Arrow field."""
    if model.coordinate is None:
        return LabelCodec(model, ranking, field)
    return NumberCodec(model, ranking, field)

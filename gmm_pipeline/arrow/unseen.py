"""The setting `unseen`: nulls, NaN, infinities and categories that the fitted rows did not hold."""

from __future__ import annotations

from gmm_pipeline.core.modes.column_model import ColumnModel
from gmm_pipeline.errors import ColumnDataError


def refuse_unseen_labels(model: ColumnModel, rows: int) -> None:
    """Raise ColumnDataError for rows with unseen labels, unless the model has a mode for them."""
    unseen = model.rules.unseen
    if unseen == "error" or (unseen == "rest" and model.rest is None):
        raise ColumnDataError(
            "holds categories or nulls that the fitted rows did not",
            column=model.column,
            rows=rows,
            remedy="Fit again on rows that include them, remove them, or set unseen to "
            "most_frequent, or to rest together with max_categories",
        )


def refuse_unseen_numbers(model: ColumnModel, rows: int) -> None:
    """Raise ColumnDataError for nulls, NaN and infinities, unless the most frequent mode does."""
    if model.rules.unseen != "most_frequent":
        raise ColumnDataError(
            "holds nulls, NaN or infinities that the fitted rows did not",
            column=model.column,
            rows=rows,
            remedy="Fit again on rows that include them, remove them, or set "
            "unseen = most_frequent",
        )

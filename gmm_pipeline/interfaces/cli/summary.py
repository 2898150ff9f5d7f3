"""A column's row in the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gmm_pipeline.fits.plan import ColumnStatus
from gmm_pipeline.fits.stages import MODEL, TRANSFORMED

FIELDS = {
    "column": "column",
    "kind": "kind",
    "rows": "rows",
    "modes": "modes",
    "mean_log_likelihood": "mean log-likelihood",
    "rows_exact": "rows exact after the round trip",
    "rows_within_precision": "within precision",
    "rows_changed": "changed",
    "largest_error": "largest error",
    "beyond_reach": "beyond ±0.99",
    "seconds": "seconds",
}
"""The fields of a row, and their headings."""


def summary_row(
    status: ColumnStatus, seconds: Mapping[str, float], errors: Mapping[str, str]
) -> dict[str, Any]:
    """Return the row of a column: the fields of `FIELDS`, and `error` if it failed.

    Parameters
    ----------
    status : ColumnStatus
    seconds : mapping of str to float
        How long this run worked on each column.
    errors : mapping of str to str
        The messages of the columns that failed.
    """
    column = status.column
    model, transformed = status.of(MODEL).manifest, status.of(TRANSFORMED).manifest
    model_numbers = {} if model is None else model.summary
    round_trip = {} if transformed is None else transformed.summary
    row = {
        "column": column,
        "kind": "failed" if column in errors else model_numbers.get("kind"),
        "rows": None if transformed is None else transformed.rows,
        "modes": model_numbers.get("modes"),
        "mean_log_likelihood": model_numbers.get("mean_log_likelihood"),
        "rows_exact": round_trip.get("exact"),
        "rows_within_precision": round_trip.get("within_precision"),
        "rows_changed": round_trip.get("changed"),
        "largest_error": round_trip.get("largest_error"),
        "beyond_reach": round_trip.get("beyond_reach"),
        "seconds": round(seconds.get(column, 0.0), 2),
    }
    return {**row, "error": errors[column]} if column in errors else row

"""Summaries of results, which their manifests hold for people and machines."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm_pipeline.arrow.model_document import fit_identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from gmm_pipeline.arrow.column_codec import ColumnCodec
    from gmm_pipeline.arrow.model_document import StoredModel
    from gmm_pipeline.core.coding.round_trip import RoundTrip
    from gmm_pipeline.core.modes.column_model import ColumnModel
    from gmm_pipeline.core.modes.ranking import Ranking
    from gmm_pipeline.core.sketch.sketch import Sketch


IDENTITY = "identity"
"""In the summary of a ranking: the name of the fit in encoded tables."""
SHOWN_RANKS = 256
"""Ranks whose rows a summary counts one by one: all that uint8 holds. Columns of many categories
have millions, and a manifest is read whenever a fit is opened.
"""


def sketch_summary(sketch: Sketch) -> dict[str, JsonValue]:
    """Return the form and size of a sketch, and its rows without a finite number or category."""
    form = type(sketch.tally.body).__name__
    return {"form": form, "points": sketch.size, **asdict(sketch.tally.specials)}


def model_summary(model: ColumnModel) -> dict[str, JsonValue]:
    """Return the numbers of a column's modes by type, and how the mixture was fitted."""
    summary: dict[str, JsonValue] = {
        "kind": model.kind,
        "reason": model.reason,
        "modes": model.n_modes,
        "gaussian_modes": len(model.gaussians),
        "tails": len(model.tails),
        "atoms": len(model.atoms),
        "value_dtype": model.rules.value_dtype,
    }
    if model.rest is not None:
        rows = round(model.rest.weight * model.rows)
        summary |= {"rare_categories": len(model.rest.labels), "rows_of_rare_categories": rows}
    if model.fit is not None:
        summary |= {
            "mean_log_likelihood": model.fit.mean_log_likelihood,
            "iterations": model.fit.n_iter,
            "converged": model.fit.converged,
            "points": model.fit.n_points,
        }
    return summary


def ranking_summary(stored: StoredModel, ranking: Ranking) -> dict[str, JsonValue]:
    """Return the number of modes, the share of the most frequent one, and the fit's identity."""
    return {
        "modes": int(ranking.frequencies.size),
        "most_frequent": float(ranking.frequencies[0]),
        IDENTITY: fit_identity(stored, ranking),
    }


def round_trip_summary(outcome: RoundTrip, codec: ColumnCodec) -> dict[str, JsonValue]:
    """Count the rows that a round trip gives back, in all and for each mode that is no atom."""
    by_rank = {
        "exact": outcome.exact,
        "within_precision": outcome.within_precision,
        "changed": outcome.changed,
        "beyond_reach": outcome.beyond_reach,
    }
    totals: dict[str, JsonValue] = {"rows": int(outcome.rows.sum())}
    totals |= {name: int(rows.sum()) for name, rows in by_rank.items()}
    totals["largest_error"] = _finite(outcome.largest_error.max(initial=0.0))
    totals["frequencies"] = outcome.rows[:SHOWN_RANKS].tolist()
    modes: list[JsonValue] = [
        {
            "rank": int(rank),
            "rows": int(outcome.rows[rank]),
            **{name: int(rows[rank]) for name, rows in by_rank.items()},
            "largest_error": _finite(outcome.largest_error[rank]),
        }
        for rank in np.flatnonzero(codec.rows.is_continuous)
    ]
    return {**totals, "by_mode": modes}


def join_round_trips(
    first: Mapping[str, JsonValue], second: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Join the summaries of first and further rows that the same modes encoded."""
    return {name: _JOINS.get(name, _sum)(first[name], value) for name, value in second.items()}


def _sum(one: Any, other: Any) -> Any:
    return one + other


def _largest(one: Any, other: Any) -> Any:
    return None if one is None or other is None else max(one, other)


def _by_rank(one: Any, other: Any) -> Any:
    return [{**join_round_trips(a, b), "rank": a["rank"]} for a, b in zip(one, other, strict=True)]


def _elementwise(one: Any, other: Any) -> Any:
    return [a + b for a, b in zip(one, other, strict=True)]


_JOINS = {"largest_error": _largest, "by_mode": _by_rank, "frequencies": _elementwise}


def _finite(error: float) -> float | None:
    """Return an error, or None if it is no finite number, which JSON cannot hold."""
    return float(error) if math.isfinite(error) else None

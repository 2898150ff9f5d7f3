"""The functions that judge a column's results; `checks.py` lists them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm_pipeline.fits.stages import FEATURE_RANK, MODEL, RAW, TRANSFORMED, TYPE
from gmm_pipeline.store.ranking_files import RANKING_FILE, read_ranking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from gmm_pipeline.fits.stages import Stage
    from gmm_pipeline.store.column_folder import ColumnFolder

_FREQUENCY_TOLERANCE = 0.03
"""Slightly more than the default `drift_threshold`, by which rows may drift without a refit."""


@dataclass(frozen=True)
class Verdict:
    """Whether a result passes a check, the reason, and the numbers behind it."""

    passed: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def schema_unchanged(column: ColumnFolder) -> Verdict:
    """Check that the column's type is the one that its model was fitted in."""
    present, model = str(_summary(column, RAW)["type"]), column.result(MODEL.name)
    before = present if model is None else model.manifest.origin.inputs.get(TYPE, present)
    if before == present:
        reason = f"type {present}" + ("" if model else ", not fitted yet")
        return Verdict(passed=True, reason=reason)
    reason = f"type {present}, was {before} when the column was last fitted"
    return Verdict(passed=False, reason=reason)


def converged(column: ColumnFolder) -> Verdict:
    """Check that the fit of the mixture converged."""
    summary = _summary(column, MODEL)
    if "converged" not in summary:
        return Verdict(passed=True, reason="the column has no mixture")
    iterations, done = int(summary["iterations"]), bool(summary["converged"])
    reason = f"{'converged' if done else 'not converged'} after {iterations} iterations"
    return Verdict(done, reason, {"iterations": iterations})


def drift_within_threshold(column: ColumnFolder) -> Verdict:
    """Check that the rows have not drifted too far since the last fit."""
    summary = _summary(column, MODEL)
    drift, threshold = float(summary["drift"]), float(summary["drift_threshold"])
    return Verdict(
        drift <= threshold, str(summary["decision"]), {"drift": drift, "threshold": threshold}
    )


def round_trip(column: ColumnFolder) -> Verdict:
    """Check that every row decodes to its value."""
    summary = _summary(column, TRANSFORMED)
    numbers = {name: value for name, value in summary.items() if isinstance(value, int | float)}
    return Verdict(summary["changed"] == 0, round_trip_in_words(summary), numbers)


def mode_frequencies(column: ColumnFolder) -> Verdict:
    """Check that modes occur in the encoded rows as often as the fit expects.

    Their distance is the total variation: the share of rows that would have to change modes.
    """
    summary = _summary(column, TRANSFORMED)
    rows, counted = int(summary["rows"]), np.array(summary["frequencies"], dtype=np.float64)
    expected = read_ranking(column.require(FEATURE_RANK.name).file(RANKING_FILE)).frequencies
    shown = counted.size
    observed = np.append(counted, rows - counted.sum()) / rows
    distance = float(
        np.abs(observed - np.append(expected[:shown], expected[shown:].sum())).sum() / 2
    )
    # By chance alone, the distance of k modes and n rows is at most half of sqrt(k / n) on average
    # (the mean deviation of a binomial is at most its std); twice that leaves room.
    allowed = _FREQUENCY_TOLERANCE + math.sqrt(expected.size / rows)
    reason = (
        f"{distance:.2%} of the rows are in other modes than expected; chance and drift account "
        f"for up to {allowed:.2%}"
    )
    return Verdict(distance <= allowed, reason, {"distance": distance, "allowed": allowed})


def round_trip_in_words(summary: Mapping[str, JsonValue]) -> str:
    """Say in a sentence what the round trip did to a column's rows."""
    rows, exact, within, changed = (
        summary[name] for name in ("rows", "exact", "within_precision", "changed")
    )
    if exact == rows:
        return f"all {rows:,} rows come back exactly"
    if not changed:
        return (
            f"{exact:,} of {rows:,} rows come back exactly, the other {within:,} to within the "
            "value's precision"
        )
    return f"{changed:,} of {rows:,} rows do not come back"


def _summary(column: ColumnFolder, stage: Stage) -> Mapping[str, Any]:
    return column.require(stage.name).manifest.summary

"""Verdicts on a column's results, each with its reason."""

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

_SUM_TOLERANCE = 1e-9
_FREQUENCY_TOLERANCE = 0.03
"""Somewhat more than the drift that is let pass by default."""


@dataclass(frozen=True)
class Verdict:
    """Whether a result is as it should be, why, and the numbers that this rests on."""

    passed: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def schema_unchanged(column: ColumnFolder) -> Verdict:
    """Compare the column's type with the one that its model was fitted in."""
    now, model = str(_summary(column, RAW)["type"]), column.result(MODEL.name)
    fitted = now if model is None else model.manifest.origin.inputs.get(TYPE, now)
    if fitted == now:
        return Verdict(passed=True, reason=f"type {now}" + ("" if model else ", not fitted yet"))
    return Verdict(passed=False, reason=f"type {now}, was {fitted} when the column was last fitted")


def weights_sum_to_one(column: ColumnFolder) -> Verdict:
    """Check the weights of a model's components, or of its atoms where there are none."""
    total = float(_summary(column, MODEL)["sum_of_weights"])
    return Verdict(
        abs(total - 1) <= _SUM_TOLERANCE,
        f"the weights sum to {total:.12g}",
        {"sum_of_weights": total},
    )


def converged(column: ColumnFolder) -> Verdict:
    """Check that the fit of the mixture came to its end."""
    summary = _summary(column, MODEL)
    if "converged" not in summary:
        return Verdict(passed=True, reason="there is no mixture to fit")
    iterations, done = int(summary["iterations"]), bool(summary["converged"])
    reason = f"{'converged' if done else 'not converged'} after {iterations} iterations"
    return Verdict(done, reason, {"iterations": iterations})


def drift_within_threshold(column: ColumnFolder) -> Verdict:
    """Check how far the rows have moved since the last fit."""
    summary = _summary(column, MODEL)
    moved, threshold = float(summary["drift"]), float(summary["drift_threshold"])
    return Verdict(
        moved <= threshold, str(summary["decision"]), {"drift": moved, "threshold": threshold}
    )


def round_trip(column: ColumnFolder) -> Verdict:
    """Check that every row comes back."""
    summary = _summary(column, TRANSFORMED)
    numbers = {name: value for name, value in summary.items() if isinstance(value, int | float)}
    return Verdict(summary["changed"] == 0, round_trip_in_words(summary), numbers)


def mode_frequencies(column: ColumnFolder) -> Verdict:
    """Compare how often modes occur in the encoded rows with how often the fit expects them."""
    summary = _summary(column, TRANSFORMED)
    rows, counted = int(summary["rows"]), np.array(summary["frequencies"], dtype=np.float64)
    expected = read_ranking(column.require(FEATURE_RANK.name).file(RANKING_FILE)).frequencies
    shown = counted.size
    observed = np.append(counted, rows - counted.sum()) / rows
    distance = float(
        np.abs(observed - np.append(expected[:shown], expected[shown:].sum())).sum() / 2
    )
    allowed = _FREQUENCY_TOLERANCE + math.sqrt(expected.size / rows)
    reason = f"{distance:.2%} of the rows are in other modes than expected; up to {allowed:.2%} is by chance or drift"
    return Verdict(distance <= allowed, reason, {"distance": distance, "allowed": allowed})


def round_trip_in_words(summary: Mapping[str, JsonValue]) -> str:
    """Say in a sentence what the round trip did to a column's rows."""
    rows, exact, within, changed = (
        summary[name] for name in ("rows", "exact", "within_precision", "changed")
    )
    if exact == rows:
        return f"all {rows:,} rows come back exactly"
    if not changed:
        return f"{exact:,} of {rows:,} rows come back exactly, the other {within:,} to within the value's precision"
    return f"{changed:,} of {rows:,} rows do not come back"


def _summary(column: ColumnFolder, stage: Stage) -> Mapping[str, Any]:
    return column.require(stage.name).manifest.summary

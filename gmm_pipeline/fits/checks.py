"""The checks of a column's results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gmm_pipeline.fits import verdicts
from gmm_pipeline.fits.stages import MODEL, RAW, TRANSFORMED, Stage
from gmm_pipeline.fits.verdicts import Verdict

if TYPE_CHECKING:
    from gmm_pipeline.store.column_folder import ColumnFolder


@dataclass(frozen=True)
class Check:
    """A check of a stage's result: name, meaning of a pass, and the function that judges."""

    name: str
    stage: Stage
    description: str
    judge: Callable[[ColumnFolder], Verdict]


CHECKS = (
    Check(
        "schema_unchanged",
        RAW,
        "The type is the same as when the column was fitted.",
        verdicts.schema_unchanged,
    ),
    Check("converged", MODEL, "The fit of the mixture converged.", verdicts.converged),
    Check(
        "drift",
        MODEL,
        "The rows are distributed as those that the model was fitted to, within drift_threshold.",
        verdicts.drift_within_threshold,
    ),
    Check(
        "round_trip",
        TRANSFORMED,
        "Every row decodes to its value: exactly, or within the precision of the encoded value.",
        verdicts.round_trip,
    ),
    Check(
        "mode_frequencies",
        TRANSFORMED,
        "Modes occur as often as the fit expects.",
        verdicts.mode_frequencies,
    ),
)


def judge(stage: Stage, column: ColumnFolder) -> dict[Check, Verdict]:
    """Return the verdicts on a stage's result, in the order of the checks."""
    return {check: check.judge(column) for check in CHECKS if check.stage is stage}

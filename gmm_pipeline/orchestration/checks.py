"""Dagster asset checks of a fit: verdicts on what an asset has just made, given in the same
step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.fits import verdicts
from gmm_pipeline.fits.stages import MODEL, RAW, TRANSFORMED, Stage
from gmm_pipeline.fits.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gmm_pipeline.store.column_folder import ColumnFolder


@dataclass(frozen=True)
class Check:
    """A check of a stage's result: its name, what passing means, and what judges."""

    name: str
    stage: Stage
    description: str
    judge: Callable[[ColumnFolder], Verdict]


CHECKS = (
    Check(
        "schema_unchanged",
        RAW,
        "The type is the one that the column was fitted in.",
        verdicts.schema_unchanged,
    ),
    Check(
        "weights_sum_to_one",
        MODEL,
        "The weights of the mixture sum to 1.",
        verdicts.weights_sum_to_one,
    ),
    Check("converged", MODEL, "The fit of the mixture came to its end.", verdicts.converged),
    Check(
        "drift",
        MODEL,
        "The rows are distributed as those that the model was fitted to, within drift_threshold.",
        verdicts.drift_within_threshold,
    ),
    Check(
        "round_trip",
        TRANSFORMED,
        "Every row comes back: exactly, or to within the precision of its encoded value.",
        verdicts.round_trip,
    ),
    Check(
        "mode_frequencies",
        TRANSFORMED,
        "Modes occur as often as the fit expects.",
        verdicts.mode_frequencies,
    ),
)


def check_specs(
    stage: Stage,
    asset: dg.AssetKey,
    partitions: dg.PartitionsDefinition[str],
    blocking: Sequence[str],
) -> list[dg.AssetCheckSpec]:
    """Return the specs of a stage's checks; those that are named keep what comes after from being
    made.
    """
    with warnings.catch_warnings():
        # Without them, a verdict on one column is taken for one on all. Dagster calls checks with
        # partitions a preview.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                check.name,
                asset=asset,
                description=check.description,
                blocking=check.name in blocking,
                partitions_def=partitions,
            )
            for check in CHECKS
            if check.stage is stage
        ]


def judged(
    stage: Stage, column: ColumnFolder, blocking: Sequence[str]
) -> Iterator[dg.AssetCheckResult]:
    """Yield the verdicts on a stage's result; they name the column, as Dagster shows those of all
    columns together.
    """
    name = column.require(stage.name).manifest.column
    for check in CHECKS:
        if check.stage is stage:
            verdict = check.judge(column)
            yield dg.AssetCheckResult(
                passed=verdict.passed,
                check_name=check.name,
                severity=dg.AssetCheckSeverity.ERROR
                if check.name in blocking
                else dg.AssetCheckSeverity.WARN,
                description=f"{name}: {verdict.reason}",
                metadata=dict(verdict.numbers),
            )

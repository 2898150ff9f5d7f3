"""Dagster asset checks: verdicts on a result, and whether the last attempt at it succeeded."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import dagster as dg

from gmm_pipeline.fits.checks import CHECKS, Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gmm_pipeline.fits.stages import Stage
    from gmm_pipeline.fits.verdicts import Verdict

COMPLETION = "completion"
"""The check that fails if a stage could not be computed: a run over several columns has no other
public way to show on an asset's page that one of its partitions failed."""


def check_specs(
    stage: Stage,
    asset: dg.AssetKey,
    partitions: dg.PartitionsDefinition[str],
    blocking: Sequence[str],
) -> list[dg.AssetCheckSpec]:
    """Return the specs of a stage's checks; if a blocking one fails, later stages do not begin."""
    described = {check.name: check.description for check in CHECKS if check.stage is stage} | {
        COMPLETION: "The last attempt to compute the result succeeded."
    }
    with warnings.catch_warnings():
        # Dagster calls checks with partitions a preview. Without partitions, the verdict on one
        # column would stand for all columns.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                name,
                asset=asset,
                description=description,
                blocking=name in blocking,
                partitions_def=partitions,
            )
            for name, description in described.items()
        ]


def verdict_fields(
    column: str, check: Check, verdict: Verdict, blocking: Sequence[str]
) -> dict[str, Any]:
    """Return what Dagster records of a verdict.

    The description names the column, as Dagster lists verdicts on all columns together.
    """
    severe = check.name in blocking
    return {
        "check_name": check.name,
        "passed": verdict.passed,
        "severity": dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        "description": f"{column}: {verdict.reason}",
        "metadata": dict(verdict.numbers),
    }


def completion_evaluation(
    asset: dg.AssetKey, partition: str, column: str, error: str | None
) -> dg.AssetCheckEvaluation:
    """Return what Dagster records of an attempt outside of an asset's own run."""
    fields = completion_fields(column, error)
    return dg.AssetCheckEvaluation(asset_key=asset, partition=partition, **fields)


def completion_fields(column: str, error: str | None) -> dict[str, Any]:
    """Return what Dagster records of an attempt: it succeeded if there is no error."""
    reason = error or "computed"
    return {
        "check_name": COMPLETION,
        "passed": error is None,
        "severity": dg.AssetCheckSeverity.ERROR,
        "description": reason if repr(column) in reason else f"{column}: {reason}",
    }

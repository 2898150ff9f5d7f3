"""Dagster asset checks of a fit: verdicts, each with its reason, on results that are there."""

import dagster as dg

from gmm_pipeline.orchestration.assets import StoreResource, asset_key
from gmm_pipeline.orchestration.round_trip import verdict
from gmm_pipeline.orchestration.stages import TRANSFORMED
from gmm_pipeline.storage.column_folder import ColumnFolder


def build_checks(fit: str) -> list[dg.AssetChecksDefinition]:
    """Return the checks of a fit's assets."""

    @dg.asset_check(
        name="round_trip",
        asset=asset_key(fit, TRANSFORMED),
        description="Every row comes back: exactly, or to within the precision of its encoded value.",
    )
    def round_trip(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
        folder = ColumnFolder(store.fit(fit).path / context.op_execution_context.partition_key)
        summary = folder.require(TRANSFORMED.name).manifest.summary
        return dg.AssetCheckResult(
            passed=summary["changed"] == 0,
            severity=dg.AssetCheckSeverity.WARN,
            description=verdict(summary),
            metadata={name: value for name, value in summary.items() if isinstance(value, int | float)},
        )

    return [round_trip]

"""Dagster IO managers over the store: an asset gives a recipe, the IO manager makes and publishes
it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.result import Product, Result
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from gmm_pipeline.store.manifest import Manifest

_COPY = "raw"
STAGE_METADATA = "gmm_pipeline/stage"
"""The key in an asset's metadata that holds the name of its stage."""


class ResultIOManager(dg.ConfigurableIOManager):
    """Publishes an asset's product as the result of its stage, and hands results to the assets
    after it.

    The asset key's prefix names the fit, the partition key the column. Failures are remembered in
    the column's folder.
    """

    store: str

    def handle_output(self, context: dg.OutputContext, obj: Product) -> None:
        """Write the product and put it in place; the manifest becomes the materialisation's
        metadata.
        """
        folder = self._folder(context.asset_key, context.partition_key)
        try:
            result = folder.publish(obj)
        except Exception as error:
            folder.record_failure(obj.stage, error)
            raise
        failure = folder.failure()
        if failure is not None and failure.stage == obj.stage:
            folder.clear_failure()
        shown = self._shown(context, obj, result)
        context.add_output_metadata(
            {**shown, **_metadata(result.manifest, result.folder, context.asset_key)}
        )

    def load_input(self, context: dg.InputContext) -> Result:
        """Return the result of the asset upstream; raise StoreError if there is none."""
        upstream = context.upstream_output
        if upstream is None or upstream.definition_metadata is None:
            raise ValueError("an input of this IO manager comes from an asset")
        stage = str(upstream.definition_metadata[STAGE_METADATA])
        return self._folder(context.asset_key, context.partition_key).require(stage)

    def _shown(
        self, context: dg.OutputContext, product: Product, result: Result
    ) -> dict[str, dg.MetadataValue]:
        """Return the pictures of what was published; that one cannot be drawn is no reason for a
        run to fail.
        """
        try:
            shown = product.illustrate(result)
        except Exception as error:  # noqa: BLE001 - whatever it is, the result is made and whole
            context.log.warning("the result cannot be drawn: %r", error)
            return {}
        return {name: dg.MetadataValue.md(text) for name, text in shown.items()}

    def _folder(self, asset_key: dg.AssetKey, partition_key: str) -> ColumnFolder:
        return Store(Path(self.store)).fit(asset_key.path[0]).column_of_key(partition_key)


def _metadata(manifest: Manifest, folder: Path, key: dg.AssetKey) -> dict[str, dg.MetadataValue]:
    """Return a manifest's numbers as metadata that the web UI shows and plots, and where its
    columns come from.
    """
    values: dict[str, dg.MetadataValue] = {
        "column": dg.MetadataValue.text(manifest.column),
        "rows": dg.MetadataValue.int(manifest.rows),
        "bytes": dg.MetadataValue.int(manifest.size),
        "seconds": dg.MetadataValue.float(round(manifest.seconds, 3)),
        "path": dg.MetadataValue.path(str(folder)),
    }
    for name, value in manifest.summary.items():
        if isinstance(value, bool):
            values[name] = dg.MetadataValue.bool(value)
        elif isinstance(value, int):
            values[name] = dg.MetadataValue.int(value)
        elif isinstance(value, float):
            values[name] = dg.MetadataValue.float(value)
        elif isinstance(value, list):
            values[name] = dg.MetadataValue.json(value)
        else:
            values[name] = dg.MetadataValue.text(str(value))
    if manifest.columns:
        columns = [dg.TableColumn(name, kind) for name, kind in manifest.columns.items()]
        values["dagster/column_schema"] = dg.MetadataValue.table_schema(dg.TableSchema(columns))
    if manifest.columns and manifest.column not in manifest.columns:
        copied = dg.TableColumnDep(dg.AssetKey([*key.path[:-1], _COPY]), manifest.column)
        lineage = dg.TableColumnLineage({name: [copied] for name in manifest.columns})
        values["dagster/column_lineage"] = dg.MetadataValue.column_lineage(lineage)
    return values

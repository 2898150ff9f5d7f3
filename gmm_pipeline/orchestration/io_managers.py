"""The Dagster IO manager over the store: an asset returns a recipe, the IO manager publishes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from gmm_pipeline.core.compilation import tell_compilation
from gmm_pipeline.fits.column_stages import publish
from gmm_pipeline.fits.run_columns import illustrate
from gmm_pipeline.orchestration.lost_runs import tag_with_process
from gmm_pipeline.orchestration.metadata import result_metadata
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from gmm_pipeline.store.result import Product, Result

STAGE_METADATA = "gmm_pipeline/stage"
"""The key in an asset's metadata that holds the name of its stage."""


class ResultIOManager(dg.ConfigurableIOManager):
    """Publishes an asset's product as the result of its stage, and loads results for other assets.

    The asset key's prefix names the fit, the partition key the column. A failure is recorded in
    the column's folder.
    """

    store: str

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note the process of the run, so that its death is noticed."""
        if context.instance is not None and context.run is not None:
            tag_with_process(context.instance, context.run)

    def handle_output(self, context: dg.OutputContext, obj: Product) -> None:
        """Publish the product; its manifest and pictures become the materialisation's metadata."""
        with tell_compilation(context.log.info):
            result = publish(self._folder(context.asset_key, context.partition_key), obj)
        illustrations, undrawn = illustrate(obj, result)
        if undrawn:
            context.log.warning(undrawn)
        context.add_output_metadata(result_metadata(result, context.asset_key, illustrations))

    def load_input(self, context: dg.InputContext) -> Result:
        """Return the result of the asset upstream; raise StoreError if there is none."""
        upstream = context.upstream_output
        if upstream is None or upstream.definition_metadata is None:
            raise ValueError("an input of this IO manager comes from an asset")
        stage = str(upstream.definition_metadata[STAGE_METADATA])
        return self._folder(context.asset_key, context.partition_key).require(stage)

    def _folder(self, asset_key: dg.AssetKey, partition_key: str) -> ColumnFolder:
        return Store(Path(self.store)).fit(asset_key.path[0]).column_of_key(partition_key)

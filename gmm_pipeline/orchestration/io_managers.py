"""The Dagster IO manager over the store: it publishes what assets compute, and gives it to others.

An asset of a dataset returns a recipe. An asset downstream says by its annotation what it wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import dagster as dg
from pydantic import PrivateAttr

from gmm_pipeline.core.compilation import tell_compilation
from gmm_pipeline.errors import StoreError, first_few
from gmm_pipeline.fits.column_stages import publish
from gmm_pipeline.fits.result_values import (
    StageResults,
    matching_results,
    unpublished_results,
    with_newest_results,
)
from gmm_pipeline.fits.run_columns import illustrate
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.fits.stages import STAGES, Stage
from gmm_pipeline.orchestration.engines import run_session
from gmm_pipeline.orchestration.failures import errors_as_failures
from gmm_pipeline.orchestration.lost_runs import tag_with_process
from gmm_pipeline.orchestration.metadata import result_metadata
from gmm_pipeline.orchestration.partition_keys import column_of, columns_with
from gmm_pipeline.store.fit_view import FitView
from gmm_pipeline.store.store import Store

if TYPE_CHECKING:
    from gmm_pipeline.store.result import Product, Result

STAGE_METADATA = "gmm_pipeline/stage"
"""The key in an asset's metadata that holds the name of its stage."""
_ALLOW_MISSING = "allow_missing_partitions"
"""The key in an input's metadata by which Dagster's IO managers leave out missing partitions."""


class ResultIOManager(dg.ConfigurableIOManager):
    """Publishes an asset's product as the result of its stage, and loads results for other assets.

    The asset key's prefix names the fit, the partition key the column. All inputs of a step come
    from one snapshot of the fit; nothing of it is removed from the store before the step has ended.
    An input of a single column has its newest results, also those that no snapshot names yet.
    """

    store: str
    _views: dict[tuple[str, str], FitView] = PrivateAttr(default_factory=dict)
    _open: ExitStack = PrivateAttr(default_factory=ExitStack)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note the process of the run, so that its death is noticed."""
        if context.instance is not None and context.run is not None:
            tag_with_process(context.instance, context.run)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Let go of the snapshots, and end the Spark session if a value needed one."""
        del context
        self._views.clear()
        self._open.close()

    def handle_output(self, context: dg.OutputContext, obj: Product) -> None:
        """Publish the product; its manifest and pictures become the materialisation's metadata.

        A failure is recorded in the column's folder.
        """
        fit = context.asset_key.path[0]
        # What is loaded next goes with this result.
        self._views = {key: view for key, view in self._views.items() if key[0] != fit}
        with errors_as_failures(), tell_compilation(context.log.info):
            result = publish(Store(Path(self.store)).fit(fit).column(obj.column), obj)
        illustrations, undrawn = illustrate(obj, result)
        if undrawn:
            context.log.warning(undrawn)
        context.add_output_metadata(result_metadata(result, context.asset_key, illustrations))

    def load_input(self, context: dg.InputContext) -> Any:
        """Return results of an asset upstream as the annotation of the input asks for.

        Raises
        ------
        Failure
            If a column has no result, columns are of several versions of the source, or the
            annotation asks for what the asset does not give.
        """
        with errors_as_failures():
            return self._load(context)

    def _load(self, context: dg.InputContext) -> Any:
        fit, stage = context.asset_key.path[0], _stage(context)
        view = self._view(fit)
        spec = FitSpec.model_validate(view.fit)
        by_column, kind = _form(context.dagster_type.typing_type)
        if _is_of_one_column(context):
            name = column_of(context.asset_partition_key, spec.columns)
            view = self._column_view(view, fit, name, stage)
            results = {name: view.require(name, stage.name)}
        else:
            by_column = by_column or kind is None
            results = _results(context, view, _columns(context, spec.columns), stage)
        if newer := unpublished_results(view, results, stage):
            context.log.warning(
                "loaded as in generation %d, as newer results of %s are not published yet",
                view.snapshot.generation,
                first_few(newer),
            )
        values = StageResults(stage, results, lambda: self._open.enter_context(run_session(spec)))
        return values.by_column(kind) if by_column else values.value(kind)

    def _view(self, fit: str) -> FitView:
        """Return the newest snapshot of a fit: always the same until this process publishes."""
        if (fit, "") not in self._views:
            folder = Store(Path(self.store)).fit(fit)
            self._views[fit, ""] = self._open.enter_context(folder.reading(newest=True))
        return self._views[fit, ""]

    def _column_view(self, view: FitView, fit: str, column: str, stage: Stage) -> FitView:
        """Return a snapshot with the newest results of a column, which a run may just have made.

        It is the same for all inputs of the column, so that they belong together.
        """
        if (fit, column) not in self._views:
            self._views[fit, column] = with_newest_results(view, column, stage)
        return self._views[fit, column]


def _is_of_one_column(context: dg.InputContext) -> bool:
    """Whether an input is a partition, however many partitions there are."""
    keys = context.asset_partition_keys if context.has_asset_partitions else []
    return context.has_partition_key and len(keys) == 1


def _columns(context: dg.InputContext, columns: Sequence[str]) -> list[str]:
    """Return the columns that an input asks for, in their order: by default all."""
    if context.has_asset_partitions:
        return columns_with(context.asset_partition_keys, columns)
    return list(columns)


def _form(annotation: Any) -> tuple[bool, type | None]:
    """Return whether a value for each column is asked for, and its type; None if it is not said."""
    by_column = dict in (annotation, get_origin(annotation))
    kind = next(iter(get_args(annotation)[1:]), Any) if by_column else annotation
    return by_column, kind if isinstance(kind, type) and kind is not Any else None


def _stage(context: dg.InputContext) -> Stage:
    """Return the stage of the asset upstream."""
    upstream = context.upstream_output
    if upstream is None or upstream.definition_metadata is None:
        raise ValueError("an input of this IO manager comes from an asset")
    name = upstream.definition_metadata[STAGE_METADATA]
    return next(stage for stage in STAGES if stage.name == name)


def _results(
    context: dg.InputContext, view: FitView, names: Sequence[str], stage: Stage
) -> dict[str, Result]:
    """Return the results of columns; raise StoreError if one has none that goes with the others.

    If the input's metadata says so, such columns are left out and named in the log.
    """
    results, problems = matching_results(view, names, stage)
    if problems:
        told = first_few([f"column {name!r} {lack}" for name, lack in problems.items()], "; ")
        if not (results and context.definition_metadata.get(_ALLOW_MISSING)):
            raise StoreError(
                f"{context.asset_key.to_user_string()} cannot be loaded: {told}",
                remedy="Materialise these partitions; or leave such columns out, by metadata="
                f"{{{_ALLOW_MISSING!r}: True}} of the input",
            )
        context.log.warning("left out: %s", told)
    return results

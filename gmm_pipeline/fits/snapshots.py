"""Making a fit's newest results the ones that readers see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.model_document import fit_identity
from gmm_pipeline.errors import StoreError
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.fits.summaries import IDENTITY
from gmm_pipeline.store.fit_view import read_fit
from gmm_pipeline.store.legacy_snapshots import entry_of
from gmm_pipeline.store.snapshot import FITTED, ColumnEntry, Snapshot, belonging

if TYPE_CHECKING:
    from gmm_pipeline.store.column_folder import ColumnFolder
    from gmm_pipeline.store.fit_folder import FitFolder
    from gmm_pipeline.store.fit_view import FitView
    from gmm_pipeline.store.manifest import Manifest


def commit(spec: FitSpec, folder: FitFolder, columns: Iterable[str]) -> Snapshot:
    """Publish the newest results of some columns as the fit's next snapshot.

    A column whose results do not all belong together yet, as when a run ended between its model and
    its ranking, stays as it is in the present snapshot. A run commits once at its end, whatever
    ended it.

    Raises
    ------
    StoreError
        If another process holds the fit.
    """

    def update(name: str, before: ColumnEntry | None) -> ColumnEntry | None:
        return _newest(folder.column(name), before)

    return folder.commit(spec.model_dump(mode="json"), spec.columns, update, set(columns))


def unpublished(spec: FitSpec, folder: FitFolder) -> list[str]:
    """Return the columns with complete results that no reader sees yet: a run is not at its end."""
    newest = folder.snapshots.get()
    entries = {} if newest is None else newest.columns
    return [
        name
        for name in spec.columns
        if _newest(folder.column(name), entries.get(name)) != entries.get(name)
    ]


def view_remarks(view: FitView) -> list[str]:
    """Say which columns a view of a fit leaves out, and in what it is behind the newest results."""
    spec = FitSpec.model_validate(view.fit)
    remarks = []
    missing = [name for name in spec.columns if name not in view.fitted]
    if missing:
        remarks.append(f"Left out, as they are not fitted: {', '.join(missing)}")
    newest = view.folder.snapshots.get()
    if not view.snapshot.is_consistent:
        remarks.append(
            f"Generation {view.snapshot.generation} holds columns of several versions of the "
            f"source: {_minority(view.snapshot)} differ"
        )
    elif view.folder.generation is None and newest and not newest.is_consistent:
        remarks.append(
            f"Generation {newest.generation} holds columns of several versions of the source; this "
            f"is generation {view.snapshot.generation}, the newest of one version. Run again, or "
            f"see `gmm-pipeline status`: {_minority(newest)} differ"
        )
    return remarks


def _minority(snapshot: Snapshot) -> str:
    """Name the columns that are of another version of the source than most."""
    _, *others = snapshot.columns_by_source().values()
    return ", ".join(sorted(name for names in others for name in names))


def commit_exactly(
    spec: FitSpec, folder: FitFolder, results: Mapping[str, Mapping[str, Manifest]]
) -> Snapshot:
    """Publish exactly these results of each column, whatever others there are.

    Parameters
    ----------
    spec : FitSpec
    folder : FitFolder
    results : mapping of str to mapping of str to Manifest
        By column and stage.
    """

    def update(name: str, _: ColumnEntry | None) -> ColumnEntry:
        return _entry(folder.column(name), results[name])

    return folder.commit(spec.model_dump(mode="json"), spec.columns, update)


def _newest(column: ColumnFolder, before: ColumnEntry | None) -> ColumnEntry | None:
    """Return the entry of a column's newest results; the one before while they are incomplete."""
    manifests = belonging(column.manifests())
    if before is not None and not before.results.keys() <= manifests.keys():
        return before
    named = {stage: manifest.file_name for stage, manifest in manifests.items()}
    if before is not None and named == {s: each.manifest for s, each in before.results.items()}:
        return before
    return _entry(column, manifests) if manifests else before


def _entry(column: ColumnFolder, manifests: Mapping[str, Manifest]) -> ColumnEntry:
    """Return the entry of results that belong together, after a look that their files are there."""
    for manifest in manifests.values():
        if not column.result_of(manifest).is_complete():
            raise StoreError(
                f"files of stage {manifest.stage!r} are gone: another process has replaced them, "
                "or they were deleted",
                column=manifest.column,
                remedy="Run or save again",
            )
    return entry_of(manifests, _identity(column, manifests))


def _identity(column: ColumnFolder, manifests: Mapping[str, Manifest]) -> str | None:
    """Return the identity of a column's fit; None if the column is not fitted."""
    if not all(stage in manifests for stage in FITTED):
        return None
    model, ranking = (column.result_of(manifests[stage]) for stage in FITTED)
    if identity := ranking.manifest.summary.get(IDENTITY):
        return str(identity)
    # Rankings of version 0.1.0 do not say it.
    fit = read_fit(model, ranking)
    return fit_identity(fit.stored, fit.ranking)

"""What a fit is at a moment: for each column the results that belong together, and their source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue

from gmm_pipeline.errors import StoreError
from gmm_pipeline.store.column_folder import STAGES
from gmm_pipeline.store.manifest import Manifest

FORMAT = 1
"""Of snapshots."""
FITTED = ("model", "feature_rank")
"""The stages that make up a column's fit: what encoding and decoding need."""


_STARTS = ("sketch", "model")
"""The stages that `TableEncoder.save` begins with: nothing before them is theirs."""
STAGES_SET = frozenset(STAGES)


class StageResult(BaseModel):
    """A result in a snapshot: the id of its content, and the file name of its manifest."""

    model_config = ConfigDict(frozen=True)

    content: str
    manifest: str


class ColumnEntry(BaseModel):
    """The results of one column, all made from one another.

    Parameters
    ----------
    results : dict of str to StageResult
        By stage.
    source : str or None
        The version of the source that the column's copy is of; None for a fit without rows.
    identity : str or None
        Of the fit, as encoded tables name it; None if the column is not fitted.
    """

    model_config = ConfigDict(frozen=True)

    results: dict[str, StageResult]
    source: str | None = None
    identity: str | None = None

    @property
    def fitted(self) -> tuple[str, ...]:
        """The contents of model and ranking; empty if the column is not fitted."""
        if not all(stage in self.results for stage in FITTED):
            return ()
        return tuple(self.results[stage].content for stage in FITTED)


class Snapshot(BaseModel):
    """A fit at a moment; it never changes.

    Parameters
    ----------
    format : int
    generation : int
        Counts the snapshots of a fit, from 1.
    created : datetime
        For people; nothing is decided by it.
    fit : dict
        What the fit is made from: source, columns, settings.
    columns : dict of str to ColumnEntry
        By name, in the order of the table.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    generation: int
    created: datetime
    fit: dict[str, JsonValue]
    columns: dict[str, ColumnEntry]

    @property
    def fits(self) -> dict[str, tuple[str, ...]]:
        """The contents of model and ranking of each fitted column."""
        return {name: entry.fitted for name, entry in self.columns.items() if entry.fitted}

    def columns_by_source(self) -> dict[str | None, list[str]]:
        """Return the columns of each version of the source, the version of most columns first."""
        found: dict[str | None, list[str]] = {}
        for name, entry in self.columns.items():
            found.setdefault(entry.source, []).append(name)
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    @property
    def is_consistent(self) -> bool:
        """Whether all columns are of one version of the source."""
        return len(self.columns_by_source()) <= 1


def belonging(manifests: Mapping[str, Manifest]) -> dict[str, Manifest]:
    """Return those results of a column that were made from one another.

    A result that was made from another content of an earlier stage than the one given is left out,
    and so is what was made from it.
    """
    found: dict[str, Manifest] = {}
    for stage in STAGES:
        manifest = manifests.get(stage)
        if manifest is None:
            continue
        if stage in _STARTS and not STAGES_SET & manifest.origin.inputs.keys():
            # Fitted outside of a store, from other rows than those of the copy that is there.
            found.pop("raw", None)
        inputs = {
            name: content for name, content in manifest.origin.inputs.items() if name in manifests
        }
        if all(
            name in found and found[name].content == content for name, content in inputs.items()
        ):
            found[stage] = manifest
    return found


def check_belonging(model: Manifest, ranking: Manifest) -> None:
    """Raise StoreError unless a ranking was made from a model."""
    of = ranking.origin.inputs.get(model.stage)
    if of is not None and of != model.content:
        raise StoreError(
            "the ranking was made from another model",
            column=model.column,
            remedy="Compute feature_rank first: run `gmm-pipeline run`, or materialise the asset",
        )

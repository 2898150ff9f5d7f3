"""The fits of a folder that version 0.1.0 wrote, as the snapshots that they would have been."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gmm_pipeline.store import legacy
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.manifest import Manifest
from gmm_pipeline.store.names import encode_name
from gmm_pipeline.store.snapshot import ColumnEntry, Snapshot, StageResult, belonging


def found_in(fit: Path, spec: Mapping[str, Any]) -> list[Snapshot]:
    """Return the fits of a folder, the newest last: as many as its columns were fitted.

    Parameters
    ----------
    fit : Path
    spec : mapping
        The content of its `fit.json`.
    """
    names = [str(name) for name in spec.get("columns", ())]
    folders = {name: fit / encode_name(name) for name in names}
    present = {name: belonging(ColumnFolder(path).manifests()) for name, path in folders.items()}
    replaced = {
        name: [each.manifests for each in legacy.earlier_fits(path)]
        for name, path in folders.items()
    }
    moments = _moments(present, replaced)
    states: list[Mapping[str, Mapping[str, Manifest]]] = [
        {name: _at(moment, replaced[name], present[name]) for name in names} for moment in moments
    ]
    return [
        Snapshot(
            generation=number,
            created=_newest(state),
            fit=dict(spec),
            columns={name: entry_of(manifests) for name, manifests in state.items() if manifests},
        )
        for number, state in enumerate([*states, present], start=1)
        if any(state.values())
    ]


def entry_of(manifests: Mapping[str, Manifest], identity: str | None = None) -> ColumnEntry:
    """Return the entry of a column of results that belong together."""
    raw = manifests.get("raw")
    return ColumnEntry(
        results={
            stage: StageResult(content=each.content_id, manifest=each.file_name)
            for stage, each in manifests.items()
        },
        source=None if raw is None else raw.origin.inputs.get("source"),
        identity=identity,
    )


def _moments(
    present: Mapping[str, Mapping[str, Manifest]],
    replaced: Mapping[str, list[dict[str, Manifest]]],
) -> list[datetime]:
    """Return when models were replaced for the first time, the second time, and so on."""
    later = [
        [each["model"].created for each in [*replaced[name], present[name]] if "model" in each][1:]
        for name in present
    ]
    return [min(filter(None, times)) for times in zip_longest(*later)]


def _at(
    moment: datetime, replaced: list[dict[str, Manifest]], present: Mapping[str, Manifest]
) -> Mapping[str, Manifest]:
    """Return the model and the ranking that a column had just before a moment."""
    candidates = [*replaced, *([present] if "model" in present else [])]
    before = [each for each in candidates if each["model"].created < moment]
    if not before:
        return {}
    return {stage: before[-1][stage] for stage in ("model", "feature_rank") if stage in before[-1]}


def _newest(state: Mapping[str, Mapping[str, Manifest]]) -> datetime:
    times = [each.created for manifests in state.values() for each in manifests.values()]
    return max(times, default=datetime.fromtimestamp(0, UTC))

"""Tells which results of a column are done, stale, failed or missing: what a run has to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gmm_pipeline.fits.source_ledger import SourceLedger, complete_ledger
from gmm_pipeline.fits.stages import RAW, SOURCE, STAGES, TYPE, Stage
from gmm_pipeline.store.names import encode_name

if TYPE_CHECKING:
    from gmm_pipeline.fits.settings import ColumnSettings
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.store.column_folder import ColumnFolder
    from gmm_pipeline.store.fit_folder import FitFolder
    from gmm_pipeline.store.fit_view import ColumnView, FitView
    from gmm_pipeline.store.manifest import Manifest, Origin


class State(StrEnum):
    """The state of a stage's result."""

    DONE = "done"
    STALE = "stale"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True)
class StageStatus:
    """The state of one stage of a column and the reason; the manifest if there is a result."""

    stage: Stage
    state: State
    reason: str
    manifest: Manifest | None


@dataclass(frozen=True)
class ColumnStatus:
    """The states of a column's stages, in order."""

    column: str
    stages: tuple[StageStatus, ...]

    @property
    def key(self) -> str:
        """The folder name of the column: the name without characters such as spaces."""
        return encode_name(self.column)

    @property
    def to_do(self) -> tuple[Stage, ...]:
        """The stages that a run has to do."""
        return tuple(status.stage for status in self.stages if status.state is not State.DONE)

    @property
    def done(self) -> bool:
        """Whether every result is up to date."""
        return not self.to_do

    def of(self, stage: Stage) -> StageStatus:
        """Return the status of one stage."""
        return next(status for status in self.stages if status.stage == stage)


def column_status(
    column: str,
    folder: ColumnFolder | ColumnView,
    settings: ColumnSettings,
    source_digests: Sequence[str],
) -> ColumnStatus:
    """Compare what a column's results were made from with what a run would use now.

    Parameters
    ----------
    column : str
    folder : ColumnFolder
    settings : ColumnSettings
    source_digests : sequence of str
        Digests of the source as it was after each batch of files; none if the source is gone.
        The column's copy then counts as up to date.
    """
    failure = folder.failure()
    contents: dict[str, str] = {SOURCE: source_digests[-1]} if source_digests else {}
    statuses: list[StageStatus] = []
    for stage in STAGES:
        result = folder.result(stage.name)
        manifest = None if result is None else result.manifest
        state, reason = _judge(stage, manifest, contents, settings)
        if (
            state is State.STALE
            and manifest
            and manifest.origin.inputs.get(SOURCE) in source_digests
        ):
            reason = "files were added to the source"
        if state is not State.DONE and failure is not None and failure.stage == stage.name:
            state, reason = State.FAILED, failure.message
        known = manifest if state is State.DONE else None
        if result is None:
            # The missing result would come out the same as the last one if it is made from the
            # same inputs, so the results that were made from the last one are still up to date.
            last = folder.last_manifest(stage.name)
            known = (
                last
                if last is not None and _would_be_same(stage, last, contents, settings)
                else None
            )
        if known is not None:
            contents[stage.name] = known.content
            if stage is RAW:
                contents[TYPE] = str(known.summary["type"])
        statuses.append(StageStatus(stage, state, reason, manifest))
    return ColumnStatus(column, tuple(statuses))


def column_statuses(
    spec: FitSpec, results: FitFolder | FitView, ledger: SourceLedger
) -> list[ColumnStatus]:
    """Return the state of each column of a fit by a ledger, which is empty if no file is left."""
    digests = ledger.digests(spec.csv)
    return [
        column_status(name, results.column(name), spec.settings.of(name), digests)
        for name in spec.columns
    ]


def current_statuses(spec: FitSpec, folder: FitFolder) -> list[ColumnStatus]:
    """Return the state of each column of a fit by the complete files that its source has now.

    For commands that do not open the source; those that do call `Prepared.statuses`.
    """
    return column_statuses(spec, folder, complete_ledger(spec.source, folder))


def _judge(
    stage: Stage,
    manifest: Manifest | None,
    contents: Mapping[str, str],
    settings: ColumnSettings,
) -> tuple[State, str]:
    if manifest is None:
        return State.MISSING, "not computed yet"
    waiting = [name for name in stage.inputs if name not in {SOURCE, TYPE} and name not in contents]
    if waiting:
        return State.STALE, f"{' and '.join(waiting)} must be computed first"
    if SOURCE in stage.inputs and SOURCE not in contents:
        return State.DONE, "the source is gone"
    origin = stage.origin(contents, settings)
    if origin == manifest.origin:
        return State.DONE, "up to date"
    return State.STALE, _difference(manifest.origin, origin)


def _would_be_same(
    stage: Stage, last: Manifest, contents: Mapping[str, str], settings: ColumnSettings
) -> bool:
    return (
        all(name in contents for name in stage.inputs)
        and stage.origin(contents, settings) == last.origin
    )


def _difference(then: Origin, now: Origin) -> str:
    """Say which inputs and settings differ between two origins."""
    inputs = [f"{name} changed" for name in now.inputs if then.inputs.get(name) != now.inputs[name]]
    settings = [
        f"{name}: {then.settings.get(name)} → {value}"
        for name, value in now.settings.items()
        if then.settings.get(name) != value
    ]
    return ", ".join(inputs + settings) or "computed by another version of gmm-pipeline"

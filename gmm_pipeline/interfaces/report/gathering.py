"""Gathers a report's contents from a fit's folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from gmm_pipeline.errors import PipelineError
from gmm_pipeline.fits.illustrations import observed_frequencies
from gmm_pipeline.fits.plan import ColumnStatus, StageStatus, State, column_statuses
from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.fits.source_ledger import complete_ledger
from gmm_pipeline.fits.spec import load_spec
from gmm_pipeline.fits.stages import MODEL, RAW, TRANSFORMED
from gmm_pipeline.fits.verdicts import round_trip_in_words
from gmm_pipeline.interfaces.report.contents import ColumnReport, FitReport, ModesShown
from gmm_pipeline.pictures.column import column_picture, column_thumbnail
from gmm_pipeline.pictures.markdown import mode_rows
from gmm_pipeline.pictures.units import Units
from gmm_pipeline.store.fit_view import FitView
from gmm_pipeline.store.manifest import Manifest
from gmm_pipeline.store.ranking_files import ranking_table

_WORST_FIRST = (State.FAILED, State.STALE, State.MISSING)

Progress = Callable[[Sequence[ColumnStatus]], Iterable[ColumnStatus]]
"""Passes columns on one by one, and shows how far it is."""


def fit_report(
    view: FitView, written: datetime, version: str, progress: Progress = iter
) -> FitReport:
    """Return the contents of a fit's report.

    Columns whose results cannot be read are reported without pictures.

    Parameters
    ----------
    view : FitView
        The fit, as one snapshot shows it.
    written : datetime
        Now.
    version : str
        The version of gmm-pipeline.
    progress : callable, optional
    """
    spec = load_spec(view.folder)
    statuses = column_statuses(spec, view, complete_ledger(spec.source, view.folder))
    manifests = [manifest for status in statuses for manifest in _manifests(status)]
    return FitReport(
        fit=spec.name,
        source=spec.source,
        rows=max((manifest.rows for manifest in manifests), default=None),
        newest=max((manifest.created for manifest in manifests), default=None),
        written=written,
        version=version,
        columns=tuple(
            _column_report(status, view, spec.settings.of(status.column))
            for status in progress(statuses)
        ),
    )


def _column_report(status: ColumnStatus, view: FitView, settings: ColumnSettings) -> ColumnReport:
    manifests = _manifests(status)
    summaries = {manifest.stage: manifest.summary for manifest in manifests}
    model: dict[str, Any] = summaries.get(MODEL.name, {})
    round_trip: dict[str, Any] = summaries.get(TRANSFORMED.name, {})
    worst = _worst(status)
    return ColumnReport(
        name=status.column,
        type=str(summaries[RAW.name]["type"]) if RAW.name in summaries else None,
        kind=model.get("kind"),
        reason=model.get("reason"),
        rows=max((manifest.rows for manifest in manifests), default=None),
        modes=model.get("modes"),
        mean_log_likelihood=model.get("mean_log_likelihood"),
        exact=round_trip.get("exact"),
        within_precision=round_trip.get("within_precision"),
        changed=round_trip.get("changed"),
        drift=model.get("drift"),
        seconds=round(sum(manifest.seconds for manifest in manifests), 2),
        state=worst.state.value,
        message="" if worst.state is State.DONE else f"{worst.stage.name}: {worst.reason}",
        verdict=round_trip_in_words(round_trip) if round_trip else "",
        convergence=_convergence(model),
        settings=_not_default(settings),
        stages=status.stages,
        shown=_modes_shown(status, view),
    )


def _manifests(status: ColumnStatus) -> list[Manifest]:
    return [stage.manifest for stage in status.stages if stage.manifest is not None]


def _worst(status: ColumnStatus) -> StageStatus:
    """Return the first stage of a column in its worst state."""
    found = (stage for state in _WORST_FIRST for stage in status.stages if stage.state is state)
    return next(found, status.stages[-1])


def _convergence(model: dict[str, Any]) -> str:
    if "iterations" not in model:
        return ""
    ended = "converged" if model.get("converged") else "still improving"
    points = model.get("points", 0)
    return f"{ended} after {model['iterations']:,} iterations on {points:,} weighted points"


def _not_default(settings: ColumnSettings) -> tuple[tuple[str, str], ...]:
    """Return names and values of the settings that differ from the defaults."""
    defaults = ColumnSettings().model_dump(mode="json")
    return tuple(
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in settings.model_dump(mode="json").items()
        if value != defaults[name]
    )


def _modes_shown(status: ColumnStatus, view: FitView) -> ModesShown:
    """Draw a column's modes; say why not if it is not fitted or cannot be read."""
    try:
        fitted = view.column_fit(status.column)
        if fitted is None:
            return ModesShown(missing="It is not fitted.")
        modes = ranking_table(fitted.stored, fitted.ranking)
        model, sketch = fitted.stored.model, fitted.sketch()
        rows = mode_rows(modes, Units.of(model.coordinate, fitted.stored.field))
        return ModesShown(
            small="" if sketch is None else column_thumbnail(model, sketch, fitted.ranking),
            rows=""
            if sketch is None
            else column_picture(model, sketch, fitted.ranking, fitted.stored.field),
            frequencies=_frequencies(status, modes),
            missing="The sketch that it was fitted to is missing." if sketch is None else "",
            table=tuple(map(tuple, rows)),
            more=modes.num_rows - len(rows),
        )
    except (PipelineError, OSError, ValueError, KeyError) as error:
        return ModesShown(missing=f"Its results cannot be read: {error}")


def _frequencies(status: ColumnStatus, modes: pa.Table) -> str:
    """Draw observed and expected frequencies; "" if the rows of each mode are not known."""
    encoded = status.of(TRANSFORMED)
    if encoded.state is not State.DONE or encoded.manifest is None:
        return ""
    counted = encoded.manifest.summary.get("frequencies")
    if not isinstance(counted, list) or not counted:
        return ""
    return observed_frequencies(encoded.manifest.rows, [int(str(n)) for n in counted], modes)

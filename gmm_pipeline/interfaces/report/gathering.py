"""A report's contents, gathered from a fit's results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from gmm_pipeline.core.modes.modes import ColumnModel
from gmm_pipeline.core.modes.ranks import Ranking
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.errors import PipelineError
from gmm_pipeline.fits.illustrations import observed_frequencies
from gmm_pipeline.fits.plan import ColumnStatus, State
from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.fits.stages import MODEL, RAW, TRANSFORMED
from gmm_pipeline.fits.verdicts import round_trip_in_words
from gmm_pipeline.interfaces.cli.summary import summary_row
from gmm_pipeline.interfaces.report.contents import (
    ColumnReport,
    FitReport,
    ModesTable,
    Pictures,
    StageReport,
)
from gmm_pipeline.pictures.column import column_picture, column_thumbnail
from gmm_pipeline.pictures.likelihood import likelihood_picture
from gmm_pipeline.pictures.markdown import HEADINGS, MOST_MODES, mode_cells
from gmm_pipeline.store.fit_view import FitView
from gmm_pipeline.store.ranking_files import ranking_table

_WORST_FIRST = (State.FAILED, State.STALE, State.MISSING, State.DONE)


def fit_report(
    spec: FitSpec,
    statuses: Sequence[ColumnStatus],
    columns: Sequence[ColumnReport],
    written: datetime,
    version: str,
) -> FitReport:
    """Put the report of a fit together from those of its columns."""
    manifests = [
        stage.manifest
        for status in statuses
        for stage in status.stages
        if stage.manifest is not None
    ]
    return FitReport(
        fit=spec.name,
        source=spec.source,
        rows=max((manifest.rows for manifest in manifests), default=None),
        newest=max((manifest.created for manifest in manifests), default=None),
        written=written,
        version=version,
        columns=tuple(columns),
    )


def column_report(status: ColumnStatus, view: FitView, settings: ColumnSettings) -> ColumnReport:
    """Gather what is known of a column; results that cannot be read leave their pictures out."""
    manifests = [stage.manifest for stage in status.stages if stage.manifest is not None]
    made = _summary(status, MODEL.name)
    round_trip = _summary(status, TRANSFORMED.name)
    seconds = {status.column: sum(manifest.seconds for manifest in manifests)}
    row = summary_row(status, seconds, {})
    state, message = _state(status)
    pictures, table = _drawn(status, view)
    drift = made.get("drift")
    return ColumnReport(
        name=status.column,
        type=_summary(status, RAW.name).get("type"),
        kind=row["kind"],
        reason=made.get("reason"),
        rows=max((manifest.rows for manifest in manifests), default=None),
        modes=row["modes"],
        mean_log_likelihood=row["mean_log_likelihood"],
        exact=row["rows_exact"],
        within_precision=row["rows_within_precision"],
        changed=row["rows_changed"],
        drift=float(drift) if isinstance(drift, int | float) else None,
        seconds=row["seconds"],
        state=state,
        message=message,
        verdict=round_trip_in_words(round_trip) if round_trip else "",
        convergence=_convergence(made),
        settings=_changed(settings),
        stages=tuple(
            StageReport(stage.stage.name, stage.state.value, stage.reason)
            for stage in status.stages
        ),
        pictures=pictures,
        table=table,
    )


def _summary(status: ColumnStatus, name: str) -> dict[str, Any]:
    manifest = next(stage.manifest for stage in status.stages if stage.stage.name == name)
    return {} if manifest is None else manifest.summary


def _state(status: ColumnStatus) -> tuple[str, str]:
    """Return the worst state of a column's stages, and why the first of those is in it."""
    for state in _WORST_FIRST[:-1]:
        stage = next((stage for stage in status.stages if stage.state is state), None)
        if stage is not None:
            return state.value, f"{stage.stage.name}: {stage.reason}"
    return State.DONE.value, ""


def _convergence(made: dict[str, Any]) -> str:
    if "iterations" not in made:
        return ""
    ended = "converged" if made.get("converged") else "still improving"
    return f"{ended} after {made['iterations']:,} iterations on {made.get('points', 0):,} weighted points"


def _changed(settings: ColumnSettings) -> tuple[tuple[str, str], ...]:
    """Return the settings that differ from the defaults, with their values as they would be
    written.
    """
    defaults = ColumnSettings().model_dump(mode="json")
    given = settings.model_dump(mode="json")
    return tuple(
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in given.items()
        if value != defaults[name]
    )


def _drawn(status: ColumnStatus, view: FitView) -> tuple[Pictures, ModesTable]:
    """Return the pictures and the table of modes of a column, as far as its results can be read."""
    try:
        fitted = view.column_fit(status.column)
        if fitted is None:
            return Pictures(missing="It is not fitted."), ModesTable()
        stored, ranking = fitted.stored, fitted.ranking
        modes = ranking_table(stored, ranking)
        sketch = fitted.sketch()
        pictures = _pictures(
            stored.model, sketch, ranking, stored.field, _frequencies(status, ranking, modes)
        )
    except (PipelineError, OSError, ValueError, KeyError) as error:
        return Pictures(missing=f"Its results cannot be read: {error}"), ModesTable()
    shown = modes.slice(0, MOST_MODES).to_pylist()
    rows = tuple(tuple(mode_cells(row)) for row in shown)
    return pictures, ModesTable(HEADINGS, rows, modes.num_rows - len(rows))


def _pictures(
    model: ColumnModel, sketch: Sketch | None, ranking: Ranking, field: pa.Field, frequencies: str
) -> Pictures:
    likelihood = "" if model.fit is None else likelihood_picture(model.fit.history)
    if sketch is None:
        missing = "The sketch that it was fitted to is not there any more."
        return Pictures(likelihood=likelihood, frequencies=frequencies, missing=missing)
    return Pictures(
        small=column_thumbnail(model, sketch, ranking),
        rows=column_picture(model, sketch, ranking, field),
        likelihood=likelihood,
        frequencies=frequencies,
    )


def _frequencies(status: ColumnStatus, ranking: Ranking, modes: pa.Table) -> str:
    """Return the picture of observed and expected frequencies; empty if the observed ones are not
    known.
    """
    encoded = status.of(TRANSFORMED)
    rows = _summary(status, TRANSFORMED.name).get("frequencies")
    if (
        encoded.state is not State.DONE
        or encoded.manifest is None
        or not isinstance(rows, list)
        or not rows
    ):
        return ""
    return observed_frequencies(encoded.manifest.rows, rows, ranking, modes)

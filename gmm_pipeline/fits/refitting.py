"""Whether a column is fitted again after rows were added, or keeps its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gmm_pipeline.core.modes.unencodable_rows import count_unencodable_rows
from gmm_pipeline.core.sketch.drift import drift
from gmm_pipeline.fits.stages import SKETCH, TYPE
from gmm_pipeline.store.model_files import MODEL_FILE, read_model
from gmm_pipeline.store.sketch_files import FITTED_SKETCH_FILE, SKETCH_FILE, read_sketch

if TYPE_CHECKING:
    from pydantic import JsonValue

    from gmm_pipeline.core.sketch.sketch import Sketch
    from gmm_pipeline.fits.settings import ColumnSettings
    from gmm_pipeline.store.manifest import Origin
    from gmm_pipeline.store.result import Result

_OTHER_ROWS = "rows changed or were removed"


@dataclass(frozen=True)
class Decision:
    """Whether to fit a column, and why.

    `drift` is the distance of the column's rows from those that its model was fitted to; see
    `core.sketch.drift`.
    """

    fit: bool
    reason: str
    drift: float = 0.0

    def summary(self, settings: ColumnSettings) -> dict[str, JsonValue]:
        """Return the entries of the decision in a model's manifest."""
        return {
            "decision": self.reason,
            "drift": self.drift,
            "drift_threshold": settings.drift_threshold,
        }


def decide(
    last: Result | None, sketch: Result, origin: Origin, settings: ColumnSettings
) -> Decision:
    """Decide whether a column's last model stays in use.

    Parameters
    ----------
    last : Result or None
        The column's last model; None to fit in any case.
    sketch : Result
        The column's present sketch.
    origin : Origin
        The inputs and settings of a new fit.
    settings : ColumnSettings
    """
    if last is None:
        return Decision(fit=True, reason="fitted: no earlier model, or a refit was requested")
    change = _changed_input(last, sketch, origin)
    if change == _OTHER_ROWS and settings.refit != "drift":
        change = None
    if change:
        return Decision(fit=True, reason=f"fitted: {change}")
    return _decide_by_rows(read_sketch(sketch.file(SKETCH_FILE)), last, settings)


def _changed_input(last: Result, sketch: Result, origin: Origin) -> str | None:
    """Return which change of a model's inputs requires a new fit; None if rows were only added."""
    before = last.manifest.origin
    if before == origin or FITTED_SKETCH_FILE not in last.manifest.files:
        return "again, from the same inputs"
    if before.settings != origin.settings or before.inputs.get(TYPE) != origin.inputs[TYPE]:
        return "the settings or the type changed"
    return None if before.inputs[SKETCH.name] in sketch.manifest.continues else _OTHER_ROWS


def _decide_by_rows(sketch: Sketch, last: Result, settings: ColumnSettings) -> Decision:
    """Decide by the drift of the rows, and by whether the last model can encode all of them."""
    distance = drift(read_sketch(last.file(FITTED_SKETCH_FILE)), sketch)
    if settings.refit != "drift":
        return Decision(
            fit=False,
            reason=f"kept: refit = {settings.refit}; drift {distance:.2g}",
            drift=distance,
        )
    unencodable = count_unencodable_rows(read_model(last.checked_file(MODEL_FILE)).model, sketch)
    if unencodable:
        return Decision(
            fit=True,
            reason=f"fitted: the last model cannot encode up to {unencodable:,} of the rows",
        )
    if distance > settings.drift_threshold:
        return Decision(
            fit=True, reason=f"fitted: drift {distance:.2g}, over {settings.drift_threshold:g}"
        )
    return Decision(
        fit=False,
        reason=f"kept: drift {distance:.2g}, at most {settings.drift_threshold:g}",
        drift=distance,
    )

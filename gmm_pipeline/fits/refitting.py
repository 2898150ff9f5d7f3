"""Whether a column is fitted again when rows were added, or keeps the model that it has."""

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

_OTHER_ROWS = "rows changed, rather than being added"


@dataclass(frozen=True)
class Decision:
    """Whether to fit, why, and the drift of the rows from those that the model in use was fitted
    to.
    """

    fit: bool
    reason: str
    drift: float = 0.0

    def summary(self, settings: ColumnSettings) -> dict[str, JsonValue]:
        """Return what a model's manifest says of it."""
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
        The model that there is; None to fit in any case.
    sketch : Result
        The column's sketch as it is now.
    origin : Origin
        What a new fit would be made from.
    settings : ColumnSettings
    """
    if last is None:
        return Decision(fit=True, reason="fitted: no earlier model, or asked for")
    because = _due_to_origins(last, sketch, origin)
    if because == _OTHER_ROWS and settings.refit != "drift":
        because = None
    if because:
        return Decision(fit=True, reason=f"fitted: {because}")
    return _by_rows(read_sketch(sketch.file(SKETCH_FILE)), last, settings)


def _due_to_origins(last: Result, sketch: Result, origin: Origin) -> str | None:
    """Return why what a model is made from calls for a new fit; None if rows were added and all
    else is as it was.
    """
    then = last.manifest.origin
    if then == origin or FITTED_SKETCH_FILE not in last.manifest.files:
        return "again, from the same"
    if then.settings != origin.settings or then.inputs.get(TYPE) != origin.inputs[TYPE]:
        return "the settings or the type changed"
    return None if then.inputs[SKETCH.name] in sketch.manifest.continues else _OTHER_ROWS


def _by_rows(now: Sketch, last: Result, settings: ColumnSettings) -> Decision:
    """Decide by the rows that there are now."""
    moved = drift(read_sketch(last.file(FITTED_SKETCH_FILE)), now)
    if settings.refit != "drift":
        return Decision(
            fit=False, reason=f"kept: refit = {settings.refit}; drift {moved:.2g}", drift=moved
        )
    unheld = count_unencodable_rows(read_model(last.checked_file(MODEL_FILE)).model, now)
    if unheld:
        return Decision(
            fit=True, reason=f"fitted: the last model could not hold up to {unheld:,} of the rows"
        )
    if moved > settings.drift_threshold:
        return Decision(
            fit=True, reason=f"fitted: drift {moved:.2g}, over {settings.drift_threshold:g}"
        )
    return Decision(
        fit=False,
        reason=f"kept: drift {moved:.2g}, at most {settings.drift_threshold:g}",
        drift=moved,
    )

"""The stages of a column, in order: the inputs and settings that each depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.store.manifest import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 7
"""To be raised by 1 when the same inputs and settings give another result than before; results of
an earlier number are then stale."""
SOURCE = "source"
"""The input of the first stage: the table."""
TYPE = "type"
"""The column's type as its copy records it: the only input of a model besides the sketch."""


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline.

    Parameters
    ----------
    name : str
        Name of the stage and of its result's folder.
    asset : str
        The name of its Dagster asset.
    inputs : tuple of str
        The stages that it reads; `SOURCE` for the table itself, `TYPE` for the column's type alone.
    settings : tuple of str
        The settings that it depends on.
    """

    name: str
    asset: str
    inputs: tuple[str, ...]
    settings: tuple[str, ...]

    def origin(self, contents: Mapping[str, str], settings: ColumnSettings) -> Origin:
        """Return the origin of a result, given the content digests of its inputs by name."""
        resolved = settings.model_dump(mode="json", include=set(self.settings))
        return Origin(
            inputs={name: contents[name] for name in self.inputs},
            settings={**resolved, "format": FORMAT},
        )


_SKETCH_SETTINGS = ("kind", "atoms", "transform", "infinities")
_NO_MODEL_SETTINGS = {"preset", "refit", "drift_threshold"}
"""They decide when to fit, not what a fit gives; a preset is resolved into other settings."""
_MODEL_SETTINGS = tuple(
    name for name in ColumnSettings.model_fields if name not in _NO_MODEL_SETTINGS
)

RAW = Stage("raw", "raw", (SOURCE,), ())
SKETCH = Stage("sketch", "sketch", ("raw",), _SKETCH_SETTINGS)
MODEL = Stage("model", "gmm_model", (TYPE, "sketch"), _MODEL_SETTINGS)
FEATURE_RANK = Stage("feature_rank", "feature_rank", ("model",), ())
TRANSFORMED = Stage("transformed", "transformed", ("raw", "model", "feature_rank"), ())

STAGES = (RAW, SKETCH, MODEL, FEATURE_RANK, TRANSFORMED)

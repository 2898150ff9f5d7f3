"""The stages of a column, in order: what each is made from, and which settings it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gmm_pipeline.fits.settings import ColumnSettings
from gmm_pipeline.store.manifest import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 6
"""Raised when the same inputs and settings lead to another result than before."""
SOURCE = "source"
TYPE = "type"
"""What the column's copy says of its type: all that a model depends on besides the sketch."""


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline.

    Parameters
    ----------
    name : str
        The folder of its result.
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
        """Return the origin of a result made from inputs of the given content digests."""
        resolved = settings.model_dump(mode="json", include=set(self.settings))
        return Origin(
            inputs={name: contents[name] for name in self.inputs},
            settings={**resolved, "format": FORMAT},
        )


_SKETCH_SETTINGS = ("kind", "atoms", "transform", "infinities")
_NOT_OF_THE_MODEL = {"preset", "refit", "drift_threshold"}
_MODEL_SETTINGS = tuple(
    name for name in ColumnSettings.model_fields if name not in _NOT_OF_THE_MODEL
)

RAW = Stage("raw", "raw", (SOURCE,), ())
SKETCH = Stage("sketch", "sketch", ("raw",), _SKETCH_SETTINGS)
MODEL = Stage("model", "gmm_model", (TYPE, "sketch"), _MODEL_SETTINGS)
FEATURE_RANK = Stage("feature_rank", "feature_rank", ("model",), ())
TRANSFORMED = Stage("transformed", "transformed", ("raw", "model", "feature_rank"), ())

STAGES = (RAW, SKETCH, MODEL, FEATURE_RANK, TRANSFORMED)

"""The store: a folder of fits, each a folder of columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.errors import StoreError, did_you_mean
from gmm_pipeline.storage.column_folder import ColumnFolder
from gmm_pipeline.storage.model_files import MODEL_FILE, StoredModel, read_model
from gmm_pipeline.storage.names import encode_name
from gmm_pipeline.storage.ranking_files import RANKING_FILE, read_ranking

if TYPE_CHECKING:
    from gmm_pipeline.core.ranks import Ranking

SPEC_FILE = "fit.json"


class FitFolder:
    """The results of one fit, by column."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def staging(self) -> Path:
        """Where forms of the source are kept that can be made anew."""
        return self.path / ".source"

    @property
    def spec_path(self) -> Path:
        """The file that says what the fit is made from."""
        return self.path / SPEC_FILE

    def column(self, name: str) -> ColumnFolder:
        """Return the folder of a column."""
        return ColumnFolder(self.path / encode_name(name))

    def fitted(self, name: str) -> tuple[StoredModel, Ranking]:
        """Return the model and the ranking of a column; raise StoreError if it is not fitted."""
        column = self.column(name)
        model = read_model(column.require("model").file(MODEL_FILE))
        return model, read_ranking(column.require("feature_rank").file(RANKING_FILE))


class Store:
    """A folder of fits."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fit(self, name: str) -> FitFolder:
        """Return the folder of a fit."""
        return FitFolder(self.path / encode_name(name))

    def fits(self) -> list[str]:
        """Return the folder names of the fits in the store, sorted."""
        return sorted(spec.parent.name for spec in self.path.glob(f"*/{SPEC_FILE}"))

    def require_fit(self, name: str) -> FitFolder:
        """Return the folder of a fit; raise StoreError if there is none of that name."""
        fit = self.fit(name)
        if not fit.spec_path.exists():
            known = self.fits()
            hint = did_you_mean(name, known) if known else "It holds none yet: make one with `gmm-pipeline run SOURCE`."
            raise StoreError(f"store {self.path} has no fit {name!r}", remedy=hint.rstrip("."))
        return fit

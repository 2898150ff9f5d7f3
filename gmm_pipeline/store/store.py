"""The store: a folder of fits, each a folder of columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.arrow.column_codec import column_codec
from gmm_pipeline.errors import StoreError, did_you_mean
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.model_files import MODEL_FILE, StoredModel, read_model
from gmm_pipeline.store.names import encode_name
from gmm_pipeline.store.ranking_files import RANKING_FILE, read_ranking
from gmm_pipeline.store.sketch_files import FITTED_SKETCH_FILE, read_sketch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gmm_pipeline.arrow.column_codec import ColumnCodec
    from gmm_pipeline.core.modes.ranking import Ranking
    from gmm_pipeline.core.sketch.sketch import Sketch

SPEC_FILE = "fit.json"
LEDGER_FILE = "source.json"
RUN_FILE = "run.json"
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class ColumnFit:
    """The model and the ranking of a column, and the sketch that they come from: itself, or its
    file if it was kept.
    """

    stored: StoredModel
    ranking: Ranking
    sketched: Sketch | Path | None

    def sketch(self) -> Sketch | None:
        """Return the sketch; None if it was not kept."""
        return read_sketch(self.sketched) if isinstance(self.sketched, Path) else self.sketched

    def codec(self) -> ColumnCodec:
        """Return the codec of the column's own type."""
        return column_codec(self.stored.model, self.ranking, self.stored.field)


class FitFolder:
    """The results of one fit, by column.

    Parameters
    ----------
    path : Path
    at : datetime, optional
        The time whose models are meant, where others have taken their place since; without a time
        zone it is UTC.
    """

    def __init__(self, path: Path, at: datetime | None = None) -> None:
        self.path = path
        self.at = at if at is None or at.tzinfo else at.replace(tzinfo=UTC)

    @property
    def staging(self) -> Path:
        """Where forms of the source are kept that can be made anew."""
        return self.path / ".source"

    @property
    def run_path(self) -> Path:
        """The file that says what the last run had to do."""
        return self.path / RUN_FILE

    @property
    def ledger_path(self) -> Path:
        """The file that says which files its table consists of."""
        return self.path / LEDGER_FILE

    @property
    def spec_path(self) -> Path:
        """The file that says what the fit is made from."""
        return self.path / SPEC_FILE

    def column(self, name: str) -> ColumnFolder:
        """Return the folder of a column."""
        return ColumnFolder(self.path / encode_name(name))

    def fitted(self, name: str) -> ColumnFit | None:
        """Return the fit of a column; None if it is not fitted."""
        column = self._fit_of(self.column(name))
        if column is None or not column.result("model") or not column.result("feature_rank"):
            return None
        model = column.require("model")
        return ColumnFit(
            read_model(model.checked_file(MODEL_FILE)),
            read_ranking(column.require("feature_rank").file(RANKING_FILE)),
            model.file(FITTED_SKETCH_FILE) if FITTED_SKETCH_FILE in model.manifest.files else None,
        )

    def moments(self, columns: Sequence[str]) -> list[datetime]:
        """Return the last times before models were replaced for the first time, for the second
        time, and so on.
        """
        replaced: list[list[datetime]] = []
        for column in map(self.column, columns):
            present = [column] if column.result("model") else []
            replaced.append([_made(folder) for folder in [*column.earlier(), *present]][1:])
        return [min(filter(None, made)) - _INSTANT for made in zip_longest(*replaced)]

    def _fit_of(self, column: ColumnFolder) -> ColumnFolder | None:
        """Return where the model is that the fit means of a column."""
        if self.at is None:
            return column
        present = [column] if column.result("model") else []
        made = [folder for folder in [*column.earlier(), *present] if _made(folder) <= self.at]
        return made[-1] if made else None


def _made(column: ColumnFolder) -> datetime:
    return column.require("model").manifest.created


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

    def require_present_fit(self, name: str) -> FitFolder:
        """Return the folder of a fit; raise StoreError if there is none, or an earlier one is
        named.
        """
        fit = self.require_fit(name)
        if fit.at:
            raise StoreError(
                f"of {name!r} only the models are kept",
                remedy="show, transform and inverse use them; leave the time out for what is there now",
            )
        return fit

    def require_fit(self, name: str) -> FitFolder:
        """Return the folder of a fit; raise StoreError if there is none of that name.

        A name may end in @ and a time, such as sales@2026-11-24T03:00:00: the models are then those
        of that time.
        """
        name, _, moment = name.partition("@")
        fit = FitFolder(self.fit(name).path, moment_of(moment) if moment else None)
        if not fit.spec_path.exists():
            known = self.fits()
            hint = (
                did_you_mean(name, known)
                if known
                else "It holds none yet: make one with `gmm-pipeline run SOURCE`."
            )
            raise StoreError(f"store {self.path} has no fit {name!r}", remedy=hint.rstrip("."))
        return fit


def moment_of(text: str) -> datetime:
    """Return the time that a text tells, such as 2026-11-24T03:00:00; raise StoreError if it tells
    none.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise StoreError(
            f"{text!r} is no time", remedy="Write it as in sales@2026-11-24T03:00:00"
        ) from error

"""A fit as one snapshot shows it: what every reader of results looks at, from beginning to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from gmm_pipeline.arrow.column_codec import ColumnCodec, column_codec
from gmm_pipeline.arrow.model_document import StoredModel
from gmm_pipeline.core.coding.decode_rows import Within
from gmm_pipeline.core.modes.ranking import Ranking
from gmm_pipeline.core.sketch.sketch import Sketch
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store.failure import Failure
from gmm_pipeline.store.manifest import Manifest
from gmm_pipeline.store.model_files import MODEL_FILE, read_model
from gmm_pipeline.store.ranking_files import RANKING_FILE, read_ranking
from gmm_pipeline.store.result import Result
from gmm_pipeline.store.sketch_files import FITTED_SKETCH_FILE, read_sketch
from gmm_pipeline.store.snapshot import Snapshot

if TYPE_CHECKING:
    from gmm_pipeline.store.fit_folder import FitFolder


@dataclass(frozen=True)
class ColumnFit:
    """A column's model and ranking, and the sketch that they come from, or its file."""

    stored: StoredModel
    ranking: Ranking
    sketched: Sketch | Path | None

    def sketch(self) -> Sketch | None:
        """Return the sketch; None if it was not kept."""
        return read_sketch(self.sketched) if isinstance(self.sketched, Path) else self.sketched

    def codec(self, within: Within | None = None) -> ColumnCodec:
        """Return the codec of the column's own type; decoded numbers stay `within` its bounds."""
        return column_codec(self.stored.model, self.ranking, self.stored.field, within)


@dataclass(frozen=True)
class FitView:
    """A fit as it is in one snapshot."""

    folder: FitFolder
    snapshot: Snapshot

    @property
    def fit(self) -> Mapping[str, JsonValue]:
        """What the fit is made from: source, columns, settings."""
        return self.snapshot.fit

    @property
    def fitted(self) -> list[str]:
        """The columns that have a model and a ranking."""
        return list(self.snapshot.fits)

    def column(self, name: str) -> ColumnView:
        """Return the results of one column."""
        return ColumnView(self, name)

    def result(self, column: str, stage: str) -> Result | None:
        """Return a result; None if the snapshot has none of that stage.

        Raises
        ------
        StoreError
            If its files are gone or damaged.
        """
        entry = self.snapshot.columns.get(column)
        named = None if entry is None else entry.results.get(stage)
        if named is None:
            return None
        folder = self.folder.column(column)
        result = folder.result_of(folder.manifest(named.manifest))
        if not result.is_complete():
            raise StoreError(
                f"files of stage {stage!r} in generation {self.snapshot.generation} are missing "
                f"or truncated: {result.folder}",
                column=column,
                remedy="Compute it again with `gmm-pipeline run`, or materialise the asset; of "
                "earlier generations the store keeps models and rankings only",
            )
        return result

    def require(self, column: str, stage: str) -> Result:
        """Return a result; raise StoreError if there is none."""
        result = self.result(column, stage)
        if result is None:
            raise StoreError(
                f"generation {self.snapshot.generation} has no result of stage {stage!r}",
                column=column,
                remedy="Compute it with `gmm-pipeline run`, or materialise the asset",
            )
        return result

    def column_fit(self, column: str) -> ColumnFit | None:
        """Return the fit of a column; None if it is not fitted; StoreError if it is damaged."""
        entry = self.snapshot.columns.get(column)
        if entry is None or not entry.fitted:
            return None
        return read_fit(self.require(column, "model"), self.require(column, "feature_rank"))


@dataclass(frozen=True)
class ColumnView:
    """A column as it is in one snapshot; it is looked at like a `ColumnFolder`."""

    view: FitView
    name: str

    def result(self, stage: str) -> Result | None:
        """Return a result; None if the snapshot has none of that stage, or its files are gone."""
        try:
            return self.view.result(self.name, stage)
        except StoreError:
            return None

    def last_manifest(self, stage: str) -> Manifest | None:
        """Return a result's manifest even if its files are gone; None if there is no result."""
        entry = self.view.snapshot.columns.get(self.name)
        named = None if entry is None else entry.results.get(stage)
        return (
            None if named is None else self.view.folder.column(self.name).manifest(named.manifest)
        )

    def require(self, stage: str) -> Result:
        """Return a result; raise StoreError if there is none."""
        return self.view.require(self.name, stage)

    def failure(self) -> Failure | None:
        """Return why the last attempt at a stage failed, if it did."""
        return self.view.folder.column(self.name).failure()


def read_fit(model: Result, ranking: Result) -> ColumnFit:
    """Read a column's fit; raise StoreError if a file of it is damaged."""
    stored = read_model(model.checked_file(MODEL_FILE))
    ranked = read_ranking(ranking.checked_file(RANKING_FILE))
    if sorted(ranked.mode_of_rank.tolist()) != list(range(stored.model.n_modes)):
        raise StoreError(
            f"the ranking in {ranking.folder} does not rank the modes of the model",
            column=stored.model.column,
            remedy="Make it again with `gmm-pipeline run --refit`",
        )
    return ColumnFit(
        stored,
        ranked,
        model.file(FITTED_SKETCH_FILE) if FITTED_SKETCH_FILE in model.manifest.files else None,
    )

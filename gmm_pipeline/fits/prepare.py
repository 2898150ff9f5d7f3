"""Opens the source of a fit, once a command: for a fit in the store."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.plan import column_statuses
from gmm_pipeline.fits.source_ledger import SourceLedger, current_ledger
from gmm_pipeline.tables.files import looks_complete

if TYPE_CHECKING:
    from gmm_pipeline.engines.engine import Engine
    from gmm_pipeline.fits.plan import ColumnStatus
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.store.result import Product, Result
    from gmm_pipeline.store.store import FitFolder
    from gmm_pipeline.tables.open_table import LocalTable


@dataclass(frozen=True)
class Prepared:
    """A fit whose source is open."""

    spec: FitSpec
    folder: FitFolder
    ledger: SourceLedger
    opening: LocalTable | SourceError

    @property
    def table(self) -> LocalTable:
        """The table; raise SourceError if it could not be opened."""
        if isinstance(self.opening, SourceError):
            raise self.opening
        return self.opening

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """Digests of the source as it was after each batch of files."""
        return tuple(self.ledger.digests(self.spec.csv_nulls)) if self.ledger.batches else ()

    def statuses(self) -> list[ColumnStatus]:
        """Return the state of each column, by the source as it was opened."""
        return column_statuses(self.spec, self.folder, self.ledger if self.ledger.batches else None)

    def raw(self, column: str, engine: Engine, last: Result | None = None) -> Product:
        """Return the recipe of a column's copy."""
        return recipes.raw(
            self.table.column(column), self.digests, self.spec.settings.of(column), engine, last
        )


def prepare_stored(spec: FitSpec, folder: FitFolder) -> Prepared:
    """Open the source of a fit that is in the store."""
    ledger = SourceLedger(batches=())
    opening: LocalTable | SourceError
    try:
        ledger = current_ledger(spec.source, folder, accept=looks_complete)
        opening = spec.open(ledger, folder.staging)
    except SourceError as error:
        opening = error
    return Prepared(spec, folder, ledger, opening)

"""Opens the source of a fit, once a command: for a new request, or for a fit in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gmm_pipeline.errors import PipelineError, SourceError
from gmm_pipeline.fits import recipes
from gmm_pipeline.fits.obstacles import find_obstacles
from gmm_pipeline.fits.plan import column_statuses
from gmm_pipeline.fits.settings import EngineName, TableSettings
from gmm_pipeline.fits.source_ledger import (
    SourceLedger,
    changes_since,
    current_ledger,
    save_ledger,
    update_ledger,
)
from gmm_pipeline.fits.spec import (
    FitSpec,
    default_fit_name,
    is_same_source,
    known_of_csv,
    known_source,
    last_spec,
    save_spec,
    select_columns,
)
from gmm_pipeline.store.fit_folder import FitFolder
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.files import looks_complete
from gmm_pipeline.tables.local_table import LocalTable
from gmm_pipeline.tables.open_table import open_batches

if TYPE_CHECKING:
    from gmm_pipeline.engines.engine import Engine
    from gmm_pipeline.fits.plan import ColumnStatus
    from gmm_pipeline.store.result import Product, Result

_ADOPTION = ("kind", "components")
"""The settings of a column that `adopt` makes."""


@dataclass(frozen=True)
class EngineChoice:
    """Where rows are processed. Results do not depend on it.

    Parameters
    ----------
    name : str
    spark_config : mapping of str to str
        Spark's settings by name.
    """

    name: EngineName = "local"
    spark_config: Mapping[str, str] = field(default_factory=dict)

    def of(self, spec: FitSpec) -> FitSpec:
        """Return a fit whose rows are processed here."""
        update = {"engine": self.name, "spark_config": dict(self.spark_config)}
        return spec.model_copy(update=update)


@dataclass(frozen=True)
class FitRequest:
    """What a user asks for: a source, and how its columns are to be fitted.

    Parameters
    ----------
    source : str
        A file, a folder or a glob.
    fit : str or None
        The name of the fit; None means one derived from the source.
    patterns : tuple of str
        Names and globs that select columns; none selects all.
    settings : TableSettings
    csv : CsvDialect
        What is told of how CSV files are written.
    engine : EngineChoice
    """

    source: str
    fit: str | None = None
    patterns: tuple[str, ...] = ()
    settings: TableSettings = field(default_factory=TableSettings)
    csv: CsvDialect = field(default_factory=CsvDialect)
    engine: EngineChoice = EngineChoice()

    @property
    def name(self) -> str:
        """The name of the fit."""
        return self.fit or default_fit_name(self.source)

    def spec(self, table: LocalTable) -> FitSpec:
        """Return the fit of a table.

        Raises
        ------
        SourceError
            If a pattern matches no column.
        SettingsError
            If a setting is unknown, not allowed, or of a column that is not selected.
        """
        selected = select_columns(table.schema.names, self.patterns)
        self.settings.check(selected)
        return FitSpec(
            name=self.name,
            source=str(Path(self.source).absolute()),
            columns=selected,
            patterns=self.patterns,
            engine=self.engine.name,
            spark_config=dict(self.engine.spark_config),
            csv=self.csv,
            csv_found=table.dialect,
            settings=self.settings,
        )


@dataclass(frozen=True)
class Prepared:
    """A fit whose source is open: everything that a run reads is fixed here, once.

    Parameters
    ----------
    spec : FitSpec
    folder : FitFolder
    ledger : SourceLedger
        The files of the source when it was opened; empty if there are none left.
    opening : LocalTable or SourceError
        The table, or why it could not be opened.
    """

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
        return self.ledger.digests(self.spec.csv)

    def statuses(self) -> list[ColumnStatus]:
        """Return the state of each column, by the source as it was opened."""
        return column_statuses(self.spec, self.folder, self.ledger)

    def obstacles(self) -> dict[str, PipelineError]:
        """Return what keeps columns from being computed, as far as the source could be opened."""
        spec, opened = self.spec, self.opening
        if isinstance(opened, SourceError):
            return {}
        return find_obstacles(spec.columns, spec.settings, opened)

    def raw(self, column: str, engine: Engine, last: Result | None = None) -> Product:
        """Return the recipe of a column's copy; publishing it raises SourceError if files changed.

        Parameters
        ----------
        column : str
        engine : Engine
        last : Result, optional
            The copy that is there, to be extended if rows were only added.
        """
        return recipes.raw(
            self.table.column(column),
            self.digests,
            self.spec.settings.of(column),
            engine,
            last,
            guard=self.table.require_unchanged,
        )

    def with_adopted(self) -> Prepared:
        """Return the same fit, in which columns keep mixtures that they adopted (see `adopt`)."""
        last = last_spec(self.folder)
        if last is None:
            return self
        known = last.settings.columns
        kept = {
            name: {key: known[name][key] for key in _ADOPTION if key in known[name]}
            for name in self.spec.columns
            if known.get(name, {}).get("components")
        }
        settings = TableSettings(columns=kept).merged(self.spec.settings)
        return replace(self, spec=self.spec.model_copy(update={"settings": settings}))

    def save(self) -> None:
        """Write the spec and the ledger into the folder of the fit.

        The ledger of a source that is gone stays, so that files that come back are known.
        """
        if self.ledger.files:
            save_ledger(self.ledger, self.folder)
        save_spec(self.spec, self.folder)

    def changes(self) -> list[str]:
        """Say which files of the source changed, came or went since it was opened."""
        return changes_since(self.spec.source, self.ledger)


def prepare(request: FitRequest, store: Path, staging: Path | None = None) -> Prepared:
    """Open the source of a request, and find the fit that the request describes. Writes no result.

    Parameters
    ----------
    request : FitRequest
    store : Path
    staging : Path, optional
        Where the Parquet form of CSV files is kept; by default in the folder of the fit.

    Raises
    ------
    SourceError
        If the source is missing, empty or unreadable, or a pattern matches no column; or if a fit
        of another source has the name that this one would get by default.
    SettingsError
        If a setting is wrong.
    """
    folder = Store(store).fit(request.name)
    _refuse_fit_of_another_source(request, folder)
    ledger = current_ledger(request.source, folder, accept=lambda _: True)
    known = known_of_csv(last_spec(folder), request.csv)
    table = open_batches(request.source, ledger.source_files, staging or folder.staging, known)
    return Prepared(request.spec(table), folder, ledger, table)


def _refuse_fit_of_another_source(request: FitRequest, folder: FitFolder) -> None:
    """Raise SourceError if a fit of another source has the default name of a request.

    A fit that `TableEncoder.save` wrote may be of a table in memory, which has no name.
    """
    known = known_source(folder)
    if request.fit is None and known is not None and not is_same_source(known, request.source):
        raise SourceError(
            f"the store has a fit {request.name!r} already, of another source: {known}",
            remedy=f"Name the new fit with --fit NAME, or use --fit {request.name} to give that "
            "fit this source",
        )


def prepare_stored(spec: FitSpec, folder: FitFolder) -> Prepared:
    """Open the source of a fit that is in the store, for a run, and save its ledger.

    New files that may still be written to wait for the next run. A source that is gone or
    unreadable is not an error yet: what was copied from it is still good.
    """
    ledger = SourceLedger(batches=())
    opening: LocalTable | SourceError
    try:
        ledger = update_ledger(spec.source, folder, accept=looks_complete)
        opening = spec.open(ledger, folder.staging)
        spec = spec.model_copy(update={"csv_found": opening.dialect})
    except SourceError as error:
        opening = error
    return Prepared(spec, folder, ledger, opening)

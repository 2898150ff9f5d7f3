"""The folder of a fit: its columns, and the snapshots that readers see it through.

`snapshots/<generation>.json` are written once, each by one writer at a time; the newest is the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout
from pydantic import JsonValue

from gmm_pipeline.atomic_write import flush_folder, remove_leftovers
from gmm_pipeline.errors import StoreError
from gmm_pipeline.file_lock import hold_lock
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.fit_view import ColumnFit, FitView
from gmm_pipeline.store.names import encode_name
from gmm_pipeline.store.newest import MANIFESTS
from gmm_pipeline.store.reading import collecting, reading
from gmm_pipeline.store.snapshot import FITTED, ColumnEntry, Snapshot
from gmm_pipeline.store.snapshot_log import SNAPSHOTS, SPEC_FILE, SnapshotLog

LEDGER_FILE = "source.json"
RUN_FILE = "run.json"
_LOCK_SECONDS = 60.0
"""A commit takes milliseconds to seconds; who waits longer should hear what for."""

Update = Callable[[str, ColumnEntry | None], ColumnEntry | None]
"""Returns the next entry of a column, given its name and its entry in the present snapshot."""


class FitFolder:
    """The results of one fit, by column.

    Parameters
    ----------
    path : Path
    generation : int, optional
        The snapshot to read; the newest by default.

    Attributes
    ----------
    snapshots : SnapshotLog
    """

    def __init__(self, path: Path, generation: int | None = None) -> None:
        self.path = path
        self.generation = generation
        self._is_upgraded = False
        self.snapshots = SnapshotLog(path)

    @property
    def staging(self) -> Path:
        """Where Parquet forms of CSV files are kept, which can be made again."""
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
        """The file that says what the next run makes the fit from."""
        return self.path / SPEC_FILE

    def column(self, name: str) -> ColumnFolder:
        """Return the folder of a column."""
        return ColumnFolder(self.path / encode_name(name), name, self.upgrade)

    def view(self) -> FitView | None:
        """Return what readers of a table see: a given generation, or the newest consistent one."""
        wanted = self.generation
        snapshot = (
            self.snapshots.newest_consistent() if wanted is None else self.snapshots.get(wanted)
        )
        return None if snapshot is None else FitView(self, snapshot)

    def newest_view(self) -> FitView | None:
        """Return what readers of single columns see: the generation asked for, or the newest."""
        snapshot = self.snapshots.get(self.generation)
        return None if snapshot is None else FitView(self, snapshot)

    @contextmanager
    def reading(self, *, newest: bool = False) -> Iterator[FitView]:
        """Give a view, and keep what it names from being collected meanwhile.

        Parameters
        ----------
        newest : bool
            Give that of the readers of single columns.

        Raises
        ------
        StoreError
            If nothing is published yet.
        """
        if not self.snapshots.generations():
            raise StoreError(
                f"{self.path} holds no finished fit",
                remedy="Give the folder of a fit, <store>/<fit>, or compute it with "
                "`gmm-pipeline run SOURCE`",
            )
        with reading(self.path):
            view = self.newest_view() if newest else self.view()
            if view is None:
                raise StoreError(
                    f"no generation of {self.path} holds columns of one version of the source",
                    remedy="Run again; `gmm-pipeline status` says which columns are behind",
                )
            yield view

    def find_fits(self, identities: Mapping[str, str]) -> dict[str, ColumnFit]:
        """Return the fits that an encoded table names, of whichever generations; some may be gone.

        Parameters
        ----------
        identities : mapping of str to str
            By column.
        """
        found: dict[str, ColumnFit] = {}
        for snapshot in self.snapshots.readable():
            for name, identity in identities.items():
                entry = snapshot.columns.get(name)
                unknown = entry is None or entry.identity not in {None, identity}
                if name in found or unknown:
                    continue
                # Snapshots of the results of version 0.1.0 do not say the identity.
                fit = FitView(self, snapshot).column_fit(name)
                if fit is not None and fit.codec().identity == identity:
                    found[name] = fit
        return found

    def commit(
        self,
        fit: Mapping[str, JsonValue],
        columns: Sequence[str],
        update: Update,
        renewed: Collection[str] | None = None,
    ) -> Snapshot:
        """Write the next snapshot, unless it would say what the newest says.

        Parameters
        ----------
        fit : mapping
            What the fit is made from.
        columns : sequence of str
            All columns of the fit, in the order of the table.
        update : callable
            Returns the entry of each of them.
        renewed : collection of str, optional
            The columns that may have changed: only these are updated, linked and tidied. By default
            all of them.

        Raises
        ------
        StoreError
            If another writer holds the fit for a minute.
        """
        self.upgrade()
        with self._lock():
            present = self.snapshots.get()
            before = {} if present is None else present.columns
            renewed = set(columns) if renewed is None else set(renewed)
            updated = {
                name: update(name, before.get(name)) if name in renewed else before.get(name)
                for name in columns
            }
            entries = {name: entry for name, entry in updated.items() if entry and entry.results}
            if present is None or present.columns != entries or present.fit != dict(fit):
                for name, entry in entries.items():
                    if entry != before.get(name):
                        self.column(name).flush()
                present = self.snapshots.write_next(present, dict(fit), entries)
                for folder in (self.path, self.path.parent):
                    flush_folder(folder)
            self._show(present, renewed)
            self._collect(renewed)
        return present

    def upgrade(self) -> None:
        """Name the results of a fit of version 0.1.0 in snapshots; its files stay in place."""
        if not self._is_upgraded and self.snapshots.is_legacy:
            with self._lock():
                if self.snapshots.is_legacy:
                    # Also columns that the spec leaves out for now.
                    for manifests in self.path.glob(f"*/{MANIFESTS}"):
                        ColumnFolder(manifests.parent).upgrade()
                    self.snapshots.write_legacy()
            self._is_upgraded = True

    def _show(self, snapshot: Snapshot, columns: Collection[str]) -> None:
        """Let the plain folders of columns show the contents of a snapshot."""
        for name in snapshot.columns.keys() & set(columns):
            results = snapshot.columns[name].results
            self.column(name).link({stage: result.content for stage, result in results.items()})

    def _collect(self, columns: Collection[str]) -> None:
        """Remove snapshots whose fits are all in the next one, and results that nothing names.

        The newest snapshot and the newest consistent one keep all their results; earlier ones keep
        models and rankings. Nothing is removed while somebody reads.
        """
        for folder in (self.path, self.path / SNAPSHOTS, self.staging):
            remove_leftovers(folder)
        with collecting(self.path) as nobody_reads:
            kept = self.snapshots.prune() if nobody_reads else []
            if not kept:
                return
            consistent = next((each for each in kept if each.is_consistent), kept[0])
            contents: dict[str, set[tuple[str, str]]] = {}
            manifests: dict[str, set[str]] = {}
            for snapshot in kept:
                for name, entry in snapshot.columns.items():
                    for stage, result in entry.results.items():
                        if snapshot in (kept[0], consistent) or stage in FITTED:
                            contents.setdefault(name, set()).add((stage, result.content))
                            manifests.setdefault(name, set()).add(result.manifest)
            for name in contents.keys() & set(columns):
                self.column(name).collect(contents[name], manifests[name])

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other writers of snapshots out."""
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with hold_lock(self.path / ".lock", _LOCK_SECONDS):
                yield
        except Timeout as error:
            raise StoreError(
                f"another process has held {self.path / '.lock'} for {_LOCK_SECONDS:.0f} s",
                remedy="End that process if it hangs, and run again; finished results are kept",
            ) from error

"""The folder of a fit: its columns, and the snapshots that readers see it through.

`snapshots/<generation>.json` are written once, each by one writer at a time; the newest is the fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import JsonValue

from gmm_pipeline.atomic_write import write_durably
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store import legacy_snapshots
from gmm_pipeline.store.column_folder import ColumnFolder
from gmm_pipeline.store.fit_view import ColumnFit, FitView
from gmm_pipeline.store.formats import check_format
from gmm_pipeline.store.names import decode_name, encode_name
from gmm_pipeline.store.reading import is_read, reading
from gmm_pipeline.store.snapshot import FITTED, FORMAT, ColumnEntry, Snapshot

SPEC_FILE = "fit.json"
LEDGER_FILE = "source.json"
RUN_FILE = "run.json"
SNAPSHOTS = "snapshots"
_NUMBERED = re.compile(r"(\d+)\.json")
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
    """

    def __init__(self, path: Path, generation: int | None = None) -> None:
        self.path = path
        self.generation = generation
        self._is_upgraded = False

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

    def column_of_key(self, key: str) -> ColumnFolder:
        """Return the folder of the column with a partition key."""
        try:
            return self.column(decode_name(key))
        except ValueError:
            # The key was cut: nothing but its folder is known, and no other column has it.
            return ColumnFolder(self.path / key, before_publishing=self.upgrade)

    def generations(self) -> list[int]:
        """Return the numbers of the snapshots, the oldest first."""
        matches = (_NUMBERED.fullmatch(path.name) for path in self._snapshots.glob("*.json"))
        found = sorted(int(match[1]) for match in matches if match)
        return found or [snapshot.generation for snapshot in self._legacy()]

    def snapshot(self, generation: int | None = None) -> Snapshot | None:
        """Return a snapshot, by default the newest; None if there is none.

        Raises
        ------
        StoreError
            If there is no such generation, it is damaged, or a newer version wrote it.
        """
        while True:
            generations = self.generations()
            wanted = generations[-1] if generations and generation is None else generation
            if wanted is None:
                return None
            if wanted not in generations:
                raise self._unknown(wanted, generations)
            with suppress(FileNotFoundError):
                return self._read(wanted)

    def newest_whole(self) -> Snapshot | None:
        """Return the newest snapshot whose columns are all of one version of the source."""
        return next((each for each in self._descending() if each.is_whole), None)

    def view(self) -> FitView | None:
        """Return what readers of a table see: the generation asked for, or the newest whole."""
        wanted = self.generation
        snapshot = self.newest_whole() if wanted is None else self.snapshot(wanted)
        return None if snapshot is None else FitView(self, snapshot)

    def newest_view(self) -> FitView | None:
        """Return what readers of single columns see: the generation asked for, or the newest."""
        snapshot = self.snapshot(self.generation)
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
        with reading(self.path):
            view = self.newest_view() if newest else self.view()
            if view is None:
                raise StoreError(
                    f"{self.path} holds no finished results",
                    remedy="Compute them with `gmm-pipeline run SOURCE`",
                )
            yield view

    def find_fit(self, column: str, identity: str) -> ColumnFit | None:
        """Return the fit of a column that an encoded table names, of whichever generation."""
        for snapshot in self._descending():
            entry = snapshot.columns.get(column)
            if entry is None or not entry.fitted or entry.identity not in {None, identity}:
                continue
            # Snapshots of the results of version 0.1.0 do not say the identity.
            fit = FitView(self, snapshot).column_fit(column)
            if fit is not None and fit.codec().identity == identity:
                return fit
        return None

    def commit(
        self, fit: Mapping[str, JsonValue], columns: Sequence[str], update: Update
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

        Raises
        ------
        StoreError
            If another writer holds the fit for a minute.
        """
        self.upgrade()
        with self._lock():
            present = self.snapshot()
            before = {} if present is None else present.columns
            updated = {name: update(name, before.get(name)) for name in columns}
            entries = {name: entry for name, entry in updated.items() if entry and entry.results}
            if present is None or present.columns != entries or present.fit != dict(fit):
                present = self._write(present, dict(fit), entries)
            self._show(present)
            self._collect()
        return present

    def upgrade(self) -> None:
        """Name the results of a fit of version 0.1.0 in snapshots; its files stay in place."""
        if self._is_upgraded or self._snapshots.is_dir() or not self.spec_path.exists():
            self._is_upgraded = True
            return
        with self._lock():
            if not self._snapshots.is_dir():
                found = self._legacy()
                for name in found[-1].columns if found else ():
                    self.column(name).upgrade()
                draft = self.path / f".{SNAPSHOTS}"
                draft.mkdir(exist_ok=True)
                for snapshot in found:
                    write_durably(draft / self._name(snapshot.generation), _text(snapshot))
                draft.rename(self._snapshots)
        self._is_upgraded = True

    @property
    def _snapshots(self) -> Path:
        return self.path / SNAPSHOTS

    def _name(self, generation: int) -> str:
        return f"{generation:06d}.json"

    def _read(self, generation: int) -> Snapshot:
        path = self._snapshots / self._name(generation)
        if not self._snapshots.is_dir():
            return next(each for each in self._legacy() if each.generation == generation)
        text = path.read_bytes()
        try:
            check_format(text.decode(), FORMAT, path)
            return Snapshot.model_validate_json(text)
        except ValueError as error:
            raise StoreError(
                f"{path} is damaged",
                remedy="Remove the file: the generation before it is used, and the next run "
                "publishes what there is",
            ) from error

    def _legacy(self) -> list[Snapshot]:
        """Return the fits that a folder of version 0.1.0 holds, as if they were snapshots."""
        if self._snapshots.is_dir() or not self.spec_path.exists():
            return []
        return legacy_snapshots.found_in(self.path, json.loads(self.spec_path.read_bytes()))

    def _descending(self) -> Iterator[Snapshot]:
        for generation in reversed(self.generations()):
            snapshot = None
            with suppress(FileNotFoundError):
                snapshot = self._read(generation)
            if snapshot is not None:
                yield snapshot

    def _write(
        self, present: Snapshot | None, fit: dict[str, JsonValue], entries: dict[str, ColumnEntry]
    ) -> Snapshot:
        for name, entry in entries.items():
            if present is None or present.columns.get(name) != entry:
                self.column(name).flush()
        snapshot = Snapshot(
            generation=1 if present is None else present.generation + 1,
            created=datetime.now(UTC),
            fit=fit,
            columns=entries,
        )
        self._snapshots.mkdir(parents=True, exist_ok=True)
        write_durably(self._snapshots / self._name(snapshot.generation), _text(snapshot))
        return snapshot

    def _show(self, snapshot: Snapshot) -> None:
        """Let the plain folders of all columns show the contents of a snapshot."""
        for name, entry in snapshot.columns.items():
            contents = {stage: result.content for stage, result in entry.results.items()}
            self.column(name).link(contents)

    def _collect(self) -> None:
        """Remove snapshots whose fits are all in the next one, and results that nothing names.

        The newest snapshot and the newest whole one keep all their results; earlier ones keep
        models and rankings. Nothing is removed while somebody reads.
        """
        if is_read(self.path):
            return
        kept = self._prune()
        whole = next((each for each in kept if each.is_whole), kept[0])
        contents: dict[str, set[tuple[str, str]]] = {}
        manifests: dict[str, set[str]] = {}
        for snapshot in kept:
            for name, entry in snapshot.columns.items():
                for stage, result in entry.results.items():
                    if snapshot in (kept[0], whole) or stage in FITTED:
                        contents.setdefault(name, set()).add((stage, result.content))
                        manifests.setdefault(name, set()).add(result.manifest)
        for name, named in contents.items():
            self.column(name).collect(named, manifests[name])

    def _prune(self) -> list[Snapshot]:
        """Remove snapshots that nobody needs; return the others, the newest first."""
        kept: list[Snapshot] = []
        has_whole = False
        for snapshot in self._descending():
            needed = not kept or (snapshot.is_whole and not has_whole)
            if needed or not snapshot.fits.items() <= kept[-1].fits.items():
                kept.append(snapshot)
                has_whole = has_whole or snapshot.is_whole
            else:
                (self._snapshots / self._name(snapshot.generation)).unlink(missing_ok=True)
        return kept

    def _unknown(self, wanted: int, generations: Sequence[int]) -> StoreError:
        known = ", ".join(map(str, generations[-10:])) or "none"
        return StoreError(
            f"{self.path.name} has no generation {wanted}",
            remedy=f"Choose one of {known}; `gmm-pipeline fits` lists them",
        )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other writers of snapshots out."""
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", timeout=_LOCK_SECONDS):
                yield
        except Timeout as error:
            raise StoreError(
                f"another process has held {self.path / '.lock'} for {_LOCK_SECONDS:.0f} s",
                remedy="End that process if it hangs, and run again; finished results are kept",
            ) from error


def _text(snapshot: Snapshot) -> str:
    return snapshot.model_dump_json(indent=1)

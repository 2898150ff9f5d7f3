"""The snapshots of a fit: files that are written once, in the order of their numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from gmm_pipeline.atomic_write import write_durably
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store import legacy_snapshots
from gmm_pipeline.store.formats import check_format
from gmm_pipeline.store.snapshot import FORMAT, ColumnEntry, Snapshot

SPEC_FILE = "fit.json"
SNAPSHOTS = "snapshots"
_NUMBERED = re.compile(r"(\d+)\.json")
_SHOWN = 10
"""Generations that an error names: as many as fit into a line."""


class SnapshotLog:
    """The snapshots in the folder of a fit; the newest is the fit.

    A folder that version 0.1.0 wrote has none: its fits are read as if they were snapshots, until
    `write_legacy` writes them.

    Parameters
    ----------
    fit : Path
    """

    def __init__(self, fit: Path) -> None:
        self._fit = fit
        self._folder = fit / SNAPSHOTS

    def generations(self) -> list[int]:
        """Return the numbers of the snapshots, the oldest first."""
        matches = (_NUMBERED.fullmatch(path.name) for path in self._folder.glob("*.json"))
        found = sorted(int(match[1]) for match in matches if match)
        return found or [snapshot.generation for snapshot in self.legacy()]

    def get(self, generation: int | None = None) -> Snapshot | None:
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

    def newest_consistent(self) -> Snapshot | None:
        """Return the newest snapshot whose columns are all of one version of the source."""
        return next((each for each in self.descending() if each.is_consistent), None)

    @property
    def is_legacy(self) -> bool:
        """Whether version 0.1.0 wrote the folder."""
        return not self._folder.is_dir() and (self._fit / SPEC_FILE).exists()

    def descending(self) -> Iterator[Snapshot]:
        """Yield all snapshots, the newest first."""
        for generation in reversed(self.generations()):
            snapshot = None
            with suppress(FileNotFoundError):
                snapshot = self._read(generation)
            if snapshot is not None:
                yield snapshot

    def readable(self) -> Iterator[Snapshot]:
        """Yield the snapshots that can be read, the newest first; damaged ones are passed over."""
        for generation in reversed(self.generations()):
            with suppress(FileNotFoundError, StoreError):
                yield self._read(generation)

    def write_next(
        self, present: Snapshot | None, fit: dict[str, JsonValue], entries: dict[str, ColumnEntry]
    ) -> Snapshot:
        """Write the snapshot after the present one."""
        snapshot = Snapshot(
            generation=1 if present is None else present.generation + 1,
            created=datetime.now(UTC),
            fit=fit,
            columns=entries,
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        write_durably(self._folder / self._name(snapshot.generation), _text(snapshot))
        return snapshot

    def write_legacy(self) -> None:
        """Write the fits of version 0.1.0 as snapshots: all of them appear in one step."""
        draft = self._fit / f".{SNAPSHOTS}"
        draft.mkdir(exist_ok=True)
        for snapshot in self.legacy():
            write_durably(draft / self._name(snapshot.generation), _text(snapshot))
        draft.rename(self._folder)

    def prune(self) -> list[Snapshot]:
        """Remove snapshots that nobody needs; return the others, the newest first.

        Where one is damaged, none is removed and none returned: nobody knows what it names.
        """
        kept: list[Snapshot] = []
        has_consistent = False
        snapshots = list(self.readable())
        if len(snapshots) < len(self.generations()):
            return []
        for snapshot in snapshots:
            needed = not kept or (snapshot.is_consistent and not has_consistent)
            if needed or not snapshot.fits.items() <= kept[-1].fits.items():
                kept.append(snapshot)
                has_consistent = has_consistent or snapshot.is_consistent
            else:
                (self._folder / self._name(snapshot.generation)).unlink(missing_ok=True)
        return kept

    def legacy(self) -> list[Snapshot]:
        """Return the fits that a folder of version 0.1.0 holds, as if they were snapshots."""
        if not self.is_legacy:
            return []
        try:
            spec = json.loads((self._fit / SPEC_FILE).read_bytes())
        except ValueError:
            # Nothing says which columns the fit had; the next run computes and publishes them.
            return []
        return legacy_snapshots.found_in(self._fit, spec)

    def _name(self, generation: int) -> str:
        return f"{generation:06d}.json"

    def _read(self, generation: int) -> Snapshot:
        path = self._folder / self._name(generation)
        if not self._folder.is_dir():
            return next(each for each in self.legacy() if each.generation == generation)
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

    def _unknown(self, wanted: int, generations: Sequence[int]) -> StoreError:
        known = ", ".join(map(str, generations[-_SHOWN:])) or "none"
        return StoreError(
            f"{self._fit.name} has no generation {wanted}",
            remedy=f"Choose one of {known}; `gmm-pipeline fits` lists them",
        )


def _text(snapshot: Snapshot) -> str:
    return snapshot.model_dump_json(indent=1)

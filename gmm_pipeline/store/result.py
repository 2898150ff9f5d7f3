"""Results of a stage: one that is yet to be written, and one that is published.

A result's files carry the id of the content in their names; those kept from an earlier one carry
its id.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from gmm_pipeline.arrow.written_file import WrittenFiles
from gmm_pipeline.errors import RECOMPUTE, StoreError
from gmm_pipeline.store.manifest import FileFacts, Manifest, Origin

_NAMED_BY_CONTENT = re.compile(r"-([0-9a-f]{12})\.[a-z]+$")


Illustrator = Callable[["Result"], Mapping[str, str]]
"""Shows a published result to people: Markdown by what it shows."""


def no_pictures(_: Result) -> Mapping[str, str]:
    """Return no pictures."""
    return {}


@dataclass(frozen=True)
class StageOutput:
    """What writing a product returns.

    Parameters
    ----------
    summary : dict
        Numbers worth showing.
    files : mapping of str to WrittenFile
        Those that are on the disk already, with their digests, so that nobody reads them again.
    """

    summary: dict[str, JsonValue]
    files: WrittenFiles = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """A result that is yet to be written.

    Parameters
    ----------
    column, stage : str
    origin : Origin
        What it is made from.
    rows : int
        Rows of the column that it stands for.
    write : callable
        Writes its files into an empty folder and returns what came of it.
    columns : dict of str to str
        The types of its table's columns by name; empty if it is no table.
    keeps : Result or None
        The stage's present result, if its files are to stay as they are beside those that are
        written.
    continues : tuple of str
        The contents that it grows from.
    illustrate : callable
        Shows it once it is published.
    """

    column: str
    stage: str
    origin: Origin
    rows: int
    write: Callable[[Path], StageOutput]
    columns: dict[str, str]
    keeps: Result | None = None
    continues: tuple[str, ...] = ()
    illustrate: Illustrator = no_pictures


@dataclass(frozen=True)
class Result:
    """A published result: its manifest, and its files by the names that they were written under."""

    manifest: Manifest
    folder: Path

    def file(self, name: str) -> Path:
        """Return the path of a file."""
        return self.folder / with_id(
            Path(name), self.manifest.files[name].id or self.manifest.content_id
        )

    def is_complete(self) -> bool:
        """Whether all files are there, each of the size that it was written in."""
        try:
            return all(
                self.file(name).stat().st_size == facts.size
                for name, facts in self.manifest.files.items()
            )
        except (FileNotFoundError, NotADirectoryError):
            return False

    def is_undamaged(self) -> bool:
        """Whether each byte is as it was written; reads all files."""
        try:
            return all(map(self._is_as_written, self.manifest.files))
        except FileNotFoundError:
            return False

    def checked_file(self, name: str) -> Path:
        """Return the path of a file whose bytes are as written; raise StoreError otherwise."""
        if not self._is_as_written(name):
            raise StoreError(
                f"file {self.file(name)} is not as it was written",
                column=self.manifest.column,
                remedy=f"Make it again: {RECOMPUTE}",
            )
        return self.file(name)

    def _is_as_written(self, name: str) -> bool:
        return FileFacts.of(self.file(name)).sha256 == self.manifest.files[name].sha256

    def kept_files(self) -> dict[str, FileFacts]:
        """Return the facts of all files as another content has them that keeps them."""
        own = self.manifest.content_id
        return {
            name: facts.model_copy(update={"id": facts.id or own})
            for name, facts in self.manifest.files.items()
        }

    def tables(self) -> list[Path]:
        """Return the paths of its Parquet parts, in order."""
        return [
            self.file(name)
            for name in sorted(self.manifest.files)
            if re.fullmatch(r"part-\d+\.parquet", name)
        ]


def link_files(result: Result, folder: Path) -> None:
    """Make the files of a result part of another folder too, by hard links where there are any."""
    for name in result.manifest.files:
        file = result.file(name)
        _link(file, folder / file.relative_to(result.folder))


def link_tree(source: Path, target: Path) -> None:
    """Make a folder of the same files, by hard links where the file system has them."""
    for file in source.rglob("*"):
        if file.is_file():
            _link(file, target / file.relative_to(source))


def _link(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copy2(file, target)


def with_id(path: Path, content_id: str) -> Path:
    """Return a path with the content's id in its name.

    Files in subfolders keep their names, which Spark prescribes.
    """
    return (
        path.with_name(f"{path.stem}-{content_id}{path.suffix}") if len(path.parts) == 1 else path
    )


def content_id_of(folder: Path) -> str | None:
    """Return the id of the content in a folder: that in the last name, as kept files come first."""
    try:
        names = sorted((entry.name for entry in folder.iterdir()), reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return next((match[1] for match in map(_NAMED_BY_CONTENT.search, names) if match), None)

"""The ledger of a source: the files of a fit's table, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from gmm_pipeline.atomic_write import atomic_write
from gmm_pipeline.errors import IncompleteFileError, MissingSourceError, SourceError
from gmm_pipeline.store.manifest import FileFacts, digest
from gmm_pipeline.tables.csv.dialect import CsvDialect
from gmm_pipeline.tables.files import (
    SETTLE_SECONDS,
    FileStamp,
    SourceFiles,
    find_files,
    looks_broken,
    looks_complete,
)

if TYPE_CHECKING:
    from gmm_pipeline.store.fit_folder import FitFolder

_HASHED_BYTES = 1 << 30
"""Bytes that one look at a source hashes at most: SHA-256 takes about a second for them."""


class SourceFile(BaseModel):
    """A file of a table.

    Parameters
    ----------
    path : str
    size : int
        In bytes.
    modified : int
        When its content was written, in nanoseconds since 1970.
    touched : int
        When it was last written, be it with the same content.
    inode : int
        Differs when another file took its place, be it with the same content; 0 if unknown.
    sha256 : str or None
        Of the content; None if nobody computed it.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    size: int
    modified: int
    touched: int
    inode: int = 0
    sha256: str | None = None

    @classmethod
    def of(cls, stamp: FileStamp) -> SourceFile:
        """Return the file of a stamp, as far as the stamp tells."""
        return cls(
            path=str(stamp.path),
            size=stamp.size,
            modified=stamp.modified,
            touched=stamp.modified,
            inode=stamp.inode,
        )

    @property
    def stamp(self) -> FileStamp:
        """What the file looks like as long as nobody writes to it."""
        return FileStamp(Path(self.path), self.size, self.touched, self.inode)

    @property
    def identity(self) -> str:
        """What tells one content from another, without reading it."""
        return self.model_dump_json(include={"path", "size", "modified"})

    def with_hash(self) -> SourceFile:
        """Return the same with the SHA-256 of the content."""
        return self.model_copy(update={"sha256": FileFacts.of(Path(self.path)).sha256})

    def identified(self, known: SourceFile | None) -> SourceFile:
        """Return the known file as it is now if the content is the same, otherwise this one."""
        if known is None or known.size != self.size:
            return self
        same = known.touched == self.touched or (
            known.sha256 and known.sha256 == self.with_hash().sha256
        )
        now = {"touched": self.touched, "inode": self.inode}
        return known.model_copy(update=now) if same else self


class SourceLedger(BaseModel):
    """The files of a table, in batches that came one after the other, sorted by path in a batch.

    Files that are added come last, wherever their names would sort them, so that rows keep their
    positions. If a file changed or is gone, nothing tells which of the old rows are left, and all
    files make up one batch again.
    """

    model_config = ConfigDict(frozen=True)

    batches: tuple[tuple[SourceFile, ...], ...]

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """All files, in the order of their rows."""
        return tuple(file for batch in self.batches for file in batch)

    @property
    def source_files(self) -> list[SourceFiles]:
        """The files of each batch."""
        return [SourceFiles(tuple(file.stamp for file in batch)) for batch in self.batches]

    def digests(self, csv: CsvDialect) -> tuple[str, ...]:
        """Return digests of the table as it was after each batch, read as is told of CSV."""
        totals = [self.batches[: n + 1] for n in range(len(self.batches))]
        facts = [[file.identity for batch in batches for file in batch] for batches in totals]
        # Digests of stores that know no other option than null texts stay as they are.
        others = csv.model_dump(mode="json", exclude_defaults=True, exclude={"nulls"})
        told = [others] if others else []
        return tuple(digest([[*files], [*csv.nulls], *told]) for files in facts)


def current_ledger(source: str, folder: FitFolder, accept: Callable[[Path], bool]) -> SourceLedger:
    """Return the ledger by the files as they are now. Nothing is written.

    If files were only added, it extends the saved ledger by a batch.

    Parameters
    ----------
    source : str
        A file, a folder or a glob.
    folder : FitFolder
        Has the saved ledger.
    accept : callable
        Whether to take a new file, such as `looks_complete`. Files of the saved ledger are taken
        in any case.

    Raises
    ------
    SourceError
        If there are no files, or all of them are refused.
    """
    saved = read_ledger(folder)
    known = {} if saved is None else {file.path: file for file in saved.files}
    files = map(SourceFile.of, find_files(source).stamps)
    found = {file.path: file.identified(known.get(file.path)) for file in files}
    taken = {path: file for path, file in found.items() if path in known or accept(Path(path))}
    if not taken:
        raise incomplete_file_error(next(iter(found)))
    if saved is None or any(
        path not in found or found[path].identity != file.identity for path, file in known.items()
    ):
        return SourceLedger(batches=(tuple(taken.values()),))
    new = tuple(file for path, file in taken.items() if path not in known)
    batches = [tuple(found[file.path] for file in batch) for batch in saved.batches]
    return SourceLedger(batches=(*batches, new) if new else tuple(batches))


def complete_ledger(source: str, folder: FitFolder) -> SourceLedger:
    """Return the ledger by the complete files of a source; empty if the source is gone."""
    try:
        return current_ledger(source, folder, looks_complete)
    except SourceError:
        return SourceLedger(batches=())


def incomplete_file_error(path: str) -> SourceError:
    """Return the error for a file that cannot be read yet, or is broken for good."""
    if looks_broken(Path(path)):
        return SourceError(
            f"file {path} is broken: it ends without a Parquet footer, and nobody has written to "
            f"it for {SETTLE_SECONDS / 60:.0f} minutes",
            remedy="Write it again, or move it away",
        )
    return IncompleteFileError(
        f"file {path} is still being written", remedy="It is read once it is complete"
    )


def incomplete_files(ledger: SourceLedger, folder: FitFolder) -> list[str]:
    """Return the paths of files that may still be written to.

    Only files that are new or changed since the saved ledger can be among them.
    """
    saved = read_ledger(folder)
    known = set() if saved is None else {file.identity for file in saved.files}
    return [
        file.path
        for file in ledger.files
        if file.identity not in known and not looks_complete(Path(file.path))
    ]


def add_hashes(ledger: SourceLedger) -> SourceLedger:
    """Return the ledger with the SHA-256 of as many files as a look may hash.

    A file that is written again with the same content is then known to be the same.
    """
    left = _HASHED_BYTES
    batches: list[tuple[SourceFile, ...]] = []
    for batch in ledger.batches:
        files: list[SourceFile] = []
        for file in batch:
            fresh = file.sha256 is None and file.size <= left
            left -= file.size if fresh else 0
            files.append(file.with_hash() if fresh else file)
        batches.append(tuple(files))
    return SourceLedger(batches=tuple(batches))


def skipped_files(source: str, ledger: SourceLedger) -> list[str]:
    """Return the paths of files of a source that its ledger lacks, as they were incomplete."""
    taken = {file.path for file in ledger.files}
    return [str(file) for file in find_files(source).files if str(file) not in taken]


def files_not_taken(source: str, folder: FitFolder) -> list[SourceError]:
    """Return why files of a source are not in its ledger: still being written, or broken.

    None if the source is gone.
    """
    try:
        paths = skipped_files(source, current_ledger(source, folder, looks_complete))
    except MissingSourceError:
        return []
    except SourceError as error:
        return [error]
    return [incomplete_file_error(path) for path in paths]


def changes_since(source: str, ledger: SourceLedger) -> list[str]:
    """Say which files of a source changed, came or went since its ledger was drawn up."""
    try:
        found = {stamp.path: stamp for stamp in find_files(source).stamps}
    except SourceError:
        found = {}
    known = {file.stamp.path: file.stamp for file in ledger.files}
    return [
        *(f"file {path} is gone" for path in known if path not in found),
        *(
            f"file {path} changed"
            for path, stamp in known.items()
            if path in found and found[path] != stamp
        ),
        *(f"file {path} is new" for path in found if path not in known),
    ]


def update_ledger(source: str, folder: FitFolder, accept: Callable[[Path], bool]) -> SourceLedger:
    """Return the ledger by the files as they are now, and save it; see `current_ledger`."""
    ledger = current_ledger(source, folder, accept)
    save_ledger(ledger, folder)
    return ledger


def save_ledger(ledger: SourceLedger, folder: FitFolder) -> None:
    """Write a ledger into the folder of its fit, unless the same is there."""
    if ledger != read_ledger(folder):
        folder.path.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder.ledger_path) as partial:
            partial.write_text(ledger.model_dump_json(indent=1), encoding="utf-8")


def read_ledger(folder: FitFolder) -> SourceLedger | None:
    """Return the saved ledger of a fit; None if there is none, or it is damaged."""
    try:
        return SourceLedger.model_validate_json(folder.ledger_path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
